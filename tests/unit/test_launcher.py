"""The launcher's parts: processes that end with everything they started, progress, logs turned into sentences."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.console import Console
from scripts.dotenv import read_dotenv
from scripts.problems import VLLM, Stopped, explain, tail
from scripts.processes import Child, end, session_members
from scripts.readiness import last_line
from scripts.stopping import Stopping

# a process that ignores SIGTERM and has a child that does, too
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"])
print("up", flush=True)
time.sleep(60)
"""
# a launcher that starts a child and waits to be killed
LAUNCHER = """
import sys, time
from pathlib import Path
from scripts.processes import Child
child = Child("child", ["sleep", "60"], Path(sys.argv[1]), Path.cwd(), {})
print(child.pid, flush=True)
time.sleep(60)
"""
ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, *command: str) -> Child:
    return Child("it", command, tmp_path / "log", tmp_path, os.environ)


def wait_for(text: str, log: Path) -> None:
    for _ in range(200):
        if log.is_file() and text in log.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{text!r} did not come: {log.read_text()}")


def test_a_process_that_ends_politely_takes_no_time(tmp_path: Path) -> None:
    child = start(tmp_path, "sleep", "60")
    before = time.monotonic()
    end([child])
    assert time.monotonic() - before < 2
    assert child.exit_code() == -signal.SIGTERM


def test_what_ignores_the_request_is_killed_with_its_children(tmp_path: Path) -> None:
    child = start(tmp_path, sys.executable, "-c", STUBBORN)
    wait_for("up", child.log)
    assert len(session_members(child.pid)) == 2
    end([child], patience_s=0.3)
    assert session_members(child.pid) == []


def test_a_hurry_does_not_wait(tmp_path: Path) -> None:
    child = start(tmp_path, sys.executable, "-c", STUBBORN)
    wait_for("up", child.log)
    end([child], patience_s=3600, hurry=lambda: True)
    assert session_members(child.pid) == []


def test_what_a_dead_process_left_behind_is_ended(tmp_path: Path) -> None:
    child = start(tmp_path, "sh", "-c", "sleep 60 & echo up")
    wait_for("up", child.log)
    while child.exit_code() is None:
        time.sleep(0.02)
    assert not child.is_gone()
    end([child])
    assert child.is_gone()


def test_a_killed_launcher_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        child = int(launcher.stdout.readline())
        assert session_members(child) == [child]
        launcher.kill()
    for _ in range(100):
        if not session_members(child):
            return
        time.sleep(0.05)
    raise AssertionError("the child lives on")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_and_raised_where_it_is_safe(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stopping = Stopping()
    try:
        stopping.check()
        signal.raise_signal(number)
        with pytest.raises(Stopped, match=number.name):
            stopping.check()
    finally:
        stopping.restore()
    assert signal.getsignal(number) is before

    stopping = Stopping()
    try:
        with pytest.raises(Stopped, match=number.name), stopping.interruptible():
            signal.raise_signal(number)
    finally:
        stopping.restore()


def test_another_signal_while_all_is_being_ended_means_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("scripts.stopping.time", SimpleNamespace(monotonic=clock))
    stopping = Stopping()
    try:
        signal.raise_signal(signal.SIGINT)
        stopping.ending()
        signal.raise_signal(signal.SIGTERM)  # the same one, handed on by make
        assert not stopping.hurry()
        clock.now = 2
        signal.raise_signal(signal.SIGINT)
        assert stopping.hurry()
    finally:
        stopping.restore()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_in_a_log_is_printed_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    console = Console(stream, clock)
    for clock.now in (0, 5, 14, 16, 20, 31, 75):
        console.progress("at work")
    console.say("done")
    assert stream.getvalue() == "[ 0:16] at work\n[ 0:31] at work\n[ 1:15] at work\ndone\n"


def test_progress_on_a_terminal_rewrites_one_line() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream, clock = Terminal(), Clock()
    console = Console(stream, clock)
    console.progress("one")
    console.progress("x" * 500)
    console.say("done")
    first, second, last = stream.getvalue().split("\r\033[K")[1:]
    assert first == "[ 0:00] one"
    assert len(second) < 500
    assert "\n" not in second
    assert last == "done\n"


@pytest.mark.parametrize(
    ("output", "exit_code", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", 1, "The disk is full"),
        ("OSError: [Errno 98] Address already in use", 1, "vLLM's port was taken .*BACKEND_PORT"),
        ("huggingface_hub.errors.RepositoryNotFoundError: 401", 1, "no such model .*MODEL"),
        ("OSError: org/x is not a local folder and is not a valid model identifier", 1, "no such model"),
        ("huggingface_hub.errors.GatedRepoError: 403", 1, "gated: accept its terms .* HF_TOKEN"),
        ("OSError: We couldn't connect to 'https://huggingface.co'", 1, "could not be downloaded: check the network"),
        ("Model architectures ['X'] are not supported for now", 1, r"cannot serve this kind .*\['X'\]"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", 1, "too little memory"),
        ("loading", -9, r"ended \(signal SIGKILL\)\. It was killed from outside .* out of memory"),
        ("something new", 3, r"^vLLM ended \(exit code 3\)\.$"),
    ],
)
def test_vllms_end_in_a_sentence(tmp_path: Path, output: str, exit_code: int, sentence: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"INFO starting\n{output}\nafterwards\n")
    problem = explain("vLLM", exit_code, log, VLLM)
    assert problem.log == log
    with pytest.raises(type(problem), match=sentence):
        raise problem


def test_what_the_launcher_of_vllm_refuses_is_said_in_its_own_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sentence = "org/model does not fit: its weights take 14.2 GiB " + "and so on " * 30
    log.write_text(f"{sentence}\n")
    assert str(explain("vLLM", 2, log, VLLM)) == sentence.strip()


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("\n".join(str(n) for n in range(100)))
    assert tail(log, 2) == "    98\n    99"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("(EngineCore pid=1) INFO 11-23 05:49:57 [core.py:133] Loading [1] weights\n\n", "Loading [1] weights"),
        ("Downloading:  10%|#  \rDownloading:  55%|##### ", "Downloading:  55%|#####"),
    ],
)
def test_the_last_line_without_vllms_prefix(tmp_path: Path, text: str, expected: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert last_line(log) == expected


def test_fault_67_the_key_that_both_halves_share_is_read_as_editors_leave_it(tmp_path: Path) -> None:
    """`make demo` reads the key from such a file like from any other."""
    file = tmp_path / ".env"
    text = "# a comment\r\nVLLM_API_KEY='it''s'\r\nexport A = \"x # y\"\r\nB=plain # comment\r\nC=\r\nnonsense\r\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("'it''s'", "'secret'").encode())
    assert read_dotenv(file) == {"VLLM_API_KEY": "secret", "A": "x # y", "B": "plain", "C": ""}
    assert read_dotenv(tmp_path / "absent") == {}
