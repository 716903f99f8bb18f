"""`make demo` as a user runs it: a real vLLM, the real page, a real Ctrl-C. It starts vLLM twice, so it takes minutes.

The environments must be there (`make test` sees to it).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts.processes import session_members
from tests.fake_vllm import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_S = 240
END_S = 10


class MakeDemo:
    """One `make demo` in a session of its own, its output in a file."""

    def __init__(self, output: Path, **variables: object) -> None:
        self.page, self.backend = free_port(), free_port()
        self.output = output
        settings = {"PORT": self.page, "BACKEND_PORT": self.backend, **variables}
        command = ["make", "demo", *(f"{key}={value}" for key, value in settings.items())]
        with output.open("wb") as file:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for_address(self) -> float:
        """Seconds until it prints the address."""
        start = time.monotonic()
        while f"answers at http://localhost:{self.page}" not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() - start < READY_S, self.text
            time.sleep(0.1)
        return time.monotonic() - start

    def wait(self, timeout_s: float) -> int:
        """Its exit code."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s:\n{self.text}") from None

    def processes(self) -> list[int]:
        """Every process under it, those in sessions of their own included."""
        parents = {pid: parent(pid) for pid in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit())}
        found = {self.process.pid}
        while more := {pid for pid, its_parent in parents.items() if its_parent in found} - found:
            found |= more
        return sorted(found)

    def kill(self) -> None:
        """Whatever a failed test left."""
        for pid in self.processes() if self.process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        for name in (f"app-{self.page}", f"backend-{self.backend}"):
            (ROOT / "logs" / f"{name}.log").unlink(missing_ok=True)


def parent(pid: int) -> int | None:
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return None


def alive(pids: list[int]) -> list[str]:
    """The command lines of those that still run."""
    return [f"{pid}: {command}" for pid in pids if (command := command_line(pid))]


def command_line(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def demo(output: Path) -> Iterator[MakeDemo]:
    running = MakeDemo(output)
    yield running
    running.kill()


@pytest.mark.timeout(READY_S + 60)
def test_the_address_means_that_questions_are_answered_and_ctrl_c_ends_everything(demo: MakeDemo) -> None:
    demo.wait_for_address()
    assert re.search(r"^Profile cpu-demo: CPU, .*; the bundled model\.", demo.text, re.MULTILINE)
    assert f"logs/backend-{demo.backend}.log" in demo.text
    assert f"logs/app-{demo.page}.log" in demo.text

    question = {"model": "pagoda-demo", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx.post(f"http://127.0.0.1:{demo.backend}/v1/chat/completions", json=question, timeout=30)
    assert answer.json()["usage"]["completion_tokens"] >= 1
    assert httpx.get(f"http://localhost:{demo.page}/").status_code == 200

    everything = demo.processes()
    assert len(everything) >= 5, alive(everything)  # make, the launcher, the page, vLLM and its engine
    started = time.monotonic()
    os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does: to make and the launcher, and to no one else
    demo.wait(END_S)
    while left := alive(everything):
        assert time.monotonic() - started < END_S, left
        time.sleep(0.1)
    assert "Stopped (SIGINT)." in demo.text
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", demo.page)) != 0


@pytest.mark.timeout(READY_S + 60)
def test_the_death_of_vllm_ends_the_page_and_is_explained(demo: MakeDemo) -> None:
    demo.wait_for_address()
    everything = demo.processes()
    (vllm,) = [pid for pid in everything if "api_server" in command_line(pid)]
    for pid in session_members(vllm):
        os.kill(pid, signal.SIGKILL)
    assert demo.wait(END_S) != 0
    assert alive(everything) == []
    assert "vLLM ended (signal SIGKILL). It was killed from outside" in demo.text
    assert f"(the end of {ROOT}/logs/backend-{demo.backend}.log)" in demo.text


@pytest.mark.parametrize("variable", ["PORT", "BACKEND_PORT"])
def test_fault_69_a_taken_port_is_refused_at_once(output: Path, variable: str) -> None:
    """`make demo` ends at once with a sentence that names the port and the variable that chooses another."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        demo = MakeDemo(output, **{variable: port})
        assert demo.wait(20) != 0
    assert re.search(
        rf"Port {port}, meant for .*, is taken by another program: .*`make demo {variable}=\d+`", demo.text
    )


def test_fault_72_a_model_that_cannot_be_downloaded_is_refused_at_once(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make demo` ends at once, before anything is started: what can't be reached, and three remedies."""
    for name, value in {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    demo = MakeDemo(output, MODEL="org/there")
    assert demo.wait(20) != 0
    assert "http://127.0.0.1:9 cannot be reached to download org/there" in demo.text
    assert "set HF_ENDPOINT to a mirror, or give MODEL a local folder" in demo.text
    assert "Traceback" not in demo.text


def test_a_model_that_is_not_there_is_refused_at_once(output: Path) -> None:
    demo = MakeDemo(output, MODEL="/nowhere/model")
    assert demo.wait(20) != 0
    assert "MODEL=/nowhere/model is not a folder with a model" in demo.text


def test_an_old_python_is_refused_at_once(output: Path, tmp_path: Path) -> None:
    """A stand-in that calls itself 3.8, as no test machine has to have one."""
    old = tmp_path / "python3.8"
    old.write_text(
        "#!/bin/sh\n"
        f'exec {ROOT}/.venv/bin/python -c \'import sys, runpy; sys.version_info = (3, 8, 18, "final", 0); '
        'runpy.run_module(sys.argv[2])\' "$@"\n'
    )
    old.chmod(0o755)
    demo = MakeDemo(output, PYTHON=old)
    assert demo.wait(20) != 0
    assert "Python 3.8 cannot run Pagoda, which needs 3.11 to 3.13" in demo.text
