"""The command line of `python -m backend.plan`: what it takes, what it refuses, and where its output goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend import plan
from tests.unit.test_plan import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--users", "0"), "'0' is not a whole number above zero"),
        (("--users", "1.5"), "'1.5' is not a whole number above zero"),
        (("--context", "many"), "'many' is not a whole number above zero"),
        (("--ttft-ms", "0"), "'0' is not a time above zero"),
        (("--ttft-ms", "nan"), "'nan' is not a time above zero"),
        (("--tpot-ms", "inf"), "'inf' is not a time above zero"),
        (("--currency", "EUR"), "choose from 'CNY', 'USD'"),
        (("--check", "--json"), "--check holds all estimates"),
        (("--check", "--gpu", "l4"), "leave out the other options"),
    ],
)
def test_what_is_refused(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        plan.main(words)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert words[0] in error
    assert said in error


def test_times_have_fractions_and_currencies_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--gpu", "h100", "--ttft-ms", "99.5", "--tpot-ms", "33.3", "--currency", "usd")
    assert "within 99.5 ms and gives each further one within 33.3 ms" in shown
    assert "costs 2.95 USD an hour" in shown


def into(output: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell runs it, its output going to `output` (shell syntax)."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = f'set -o pipefail; "$0" "$@" {output}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *words],
        env=own | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


LONG, SHORT = ("--json",), ("--gpu", "t4")  # more than a pipe holds; less than Python keeps to itself until it ends


@pytest.mark.parametrize("environment", [{}, {"PYTHONUNBUFFERED": "1"}])
@pytest.mark.parametrize(
    ("words", "output", "code", "said"),
    [
        (LONG, "| head -1", 141, ""),
        (LONG, "> /dev/full", 2, "The output can't be written: No space left on device."),
        (SHORT, "> /dev/full", 2, "The output can't be written: No space left on device."),
        (SHORT, ">&-", 0, ""),
    ],
)
def test_output_that_nobody_takes(
    words: tuple[str, ...], output: str, code: int, said: str, environment: dict[str, str]
) -> None:
    ended = into(output, "-m", "backend.plan", *words, **environment)
    assert ended.returncode == code
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == bool(said)


def test_a_character_that_the_terminal_lacks_is_replaced() -> None:
    words = "from backend.console import exit_with; exit_with(lambda: print('2 \u00d7 L4') or 0)"
    ended = into("", "-c", words, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "2 ? L4\n", "")


def test_other_errors_are_not_taken_for_the_outputs() -> None:
    ended = into("", "-c", "from backend.console import exit_with; exit_with(lambda: open('/missing'))")
    assert "FileNotFoundError" in ended.stderr
