"""What whoever runs the app may meet: settings, files, ports, clocks, file descriptors; through a real app process.

A disk that is full or read-only: tests/containers/test_disks.py; `make demo`: tests/launch; proxies: tests/browser.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from chat.texts import text
from tests.app_copy import START, app_in, copy_app
from tests.chat_client import ChatClient
from tests.containers.engine import documented
from tests.door_client import get, post
from tests.fake_vllm import FakeVllm, Script, free_port

HELLO = Script(["Hello", " there."])
# The app, whose wall clock is off by as many seconds as a file says.
MOVED_CLOCK = """
import pathlib, sys, time
file, real, real_ns = pathlib.Path(sys.argv.pop(1)), time.time, time.time_ns
time.time = lambda: real() + int(file.read_text())
time.time_ns = lambda: real_ns() + int(file.read_text()) * 10**9
from chainlit.cli import cli
cli()
"""
DESCRIPTORS = 64


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def start(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """An app that is not expected to run for long."""
    return subprocess.run(
        START, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def opened_for_writing(pid: int) -> set[Path]:
    """Files that the process has open, those left out that it only reads."""
    opened = Path(f"/proc/{pid}/fd").iterdir()
    return {fd.resolve() for fd in opened if fd.is_file() and fd.lstat().st_mode & 0o200}


async def test_fault_62_what_a_start_on_a_full_disk_left_does_no_harm(fake: FakeVllm, tmp_path: Path) -> None:
    """Once there is room again, the app starts, and the page lacks no word."""
    folder, port = copy_app(tmp_path / "app"), free_port()
    (folder / ".chainlit/translations").mkdir()
    for language in ("en-US", "zh-CN"):
        (folder / f".chainlit/translations/{language}.json").touch()
    with app_in(folder, port, fake.url, tmp_path / "app.log"):
        for language in ("en-US", "zh-CN"):
            said = get(f"{url_of(port)}/project/translations?language={language}").raise_for_status().json()
            assert said["translation"]["chat"]["input"]["placeholder"]


async def test_fault_64_there_is_no_database(fake: FakeVllm, tmp_path: Path) -> None:
    """None is there to be locked or corrupt: a conversation writes nothing but the log, and opens no other file."""
    folder, temporary, port = copy_app(tmp_path / "app"), tmp_path / "tmp", free_port()
    temporary.mkdir()
    fake.script = HELLO
    with app_in(folder, port, fake.url, tmp_path / "app.log", TMPDIR=str(temporary)) as service:
        before = files(folder)
        async with ChatClient(url_of(port)) as chat:
            for json_mode in (False, True):
                assert (await chat.ask("Hello?", json_mode=json_mode)).errors == []
            written = opened_for_writing(service.process.pid)
            assert {path for path in written if not path.is_relative_to(temporary)} <= {tmp_path / "app.log"}
        assert files(folder) == before
        assert post(f"{url_of(port)}/project/threads", json={}).status_code == 404


async def test_fault_66_settings_that_are_missing(fake: FakeVllm, tmp_path: Path) -> None:
    """With no setting but where vLLM is, all others missing or empty, the page works as documented."""
    empty = dict.fromkeys(documented() - {"PAGODA_BACKEND_URL", "CHAINLIT_HOST", "CHAINLIT_PORT"}, "")
    fake.script = HELLO
    for settings in ({}, empty):
        folder, port = copy_app(tmp_path / str(len(settings))), free_port()
        with app_in(folder, port, fake.url, tmp_path / "app.log", **settings):
            async with ChatClient(url_of(port)) as chat:
                assert (await chat.ask("Hello?")).text == "Hello there."
        assert (fake.requests[-1]["temperature"], fake.requests[-1]["top_p"]) == (0.7, 0.8)


async def test_fault_67_an_env_file_from_windows(fake: FakeVllm, tmp_path: Path) -> None:
    """A `.env` with a byte order mark, Windows line ends and quotes works like any other, for Chainlit's keys, too."""
    folder, port = copy_app(tmp_path / "app"), free_port()
    first = [f'CHAINLIT_PORT="{port}"', f'PAGODA_BACKEND_URL="{fake.url}"', "PAGODA_TEMPERATURE='0.25'"]
    lines = [*first, "PAGODA_MODEL=", "# a comment", ""]
    (folder / ".env").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    fake.script = HELLO
    wrapper = ("env", "--unset=CHAINLIT_PORT")
    with app_in(folder, port, "", tmp_path / "app.log", *wrapper):
        async with ChatClient(url_of(port)) as chat:
            assert (await chat.ask("Hello?")).text == "Hello there."
    assert fake.requests[-1]["temperature"] == 0.25


def test_fault_69_the_pages_port_is_taken(tmp_path: Path) -> None:
    """The app ends at once, with code 1 and one line that names the port; the program that has it goes on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = start(copy_app(tmp_path / "app"), CHAINLIT_HOST="127.0.0.1", CHAINLIT_PORT=str(port))
        assert done.returncode == 1
        assert f"Pagoda cannot start: port {port} of 127.0.0.1: Address already in use" in done.stderr
        assert not {"Traceback", "available"} & set((done.stdout + done.stderr).split())
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize("days", [-3, 3])
async def test_fault_74_the_clock_is_set_while_an_answer_comes(fake: FakeVllm, tmp_path: Path, days: int) -> None:
    """The answer goes on to its end, with times that make sense, and the next question works."""
    folder, clock, port = copy_app(tmp_path / "app"), tmp_path / "clock", free_port()
    clock.write_text("0")
    moved = (sys.executable, "-c", MOVED_CLOCK, str(clock), "run", "app.py", "--headless")
    held = threading.Event()
    fake.script = Script(["Hello", " there."], held=held, hold_at=1)
    with app_in(folder, port, fake.url, tmp_path / "app.log", start=moved, PAGODA_ANSWER_TIMEOUT_S="600"):
        async with ChatClient(url_of(port)) as chat:
            await chat.send("Hello?")
            await chat.until(lambda: chat.count("stream_start") > 0)
            clock.write_text(str(days * 86_400))
            held.set()
            await chat.until(lambda: chat.count("task_end") >= 3)
            reply = chat.reply()
            assert (reply.text, reply.errors) == ("Hello there.", [])
            assert reply.facts
            assert not any("-" in said or "day" in said or " h" in said for said in reply.facts.values()), reply.facts
            fake.script = HELLO
            assert (await chat.ask("Again?")).text == "Hello there."


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_fault_76_no_file_descriptors_are_left(fake: FakeVllm, tmp_path: Path) -> None:
    """An open page answers or says why not, and new ones wait; later both go on. The log says so once."""
    folder, port = copy_app(tmp_path / "app"), free_port()
    fake.script = HELLO
    few = ("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh")
    with app_in(folder, port, fake.url, tmp_path / "app.log", *few) as service:
        async with ChatClient(url_of(port)) as chat:
            assert (await chat.ask("Hello?")).text == "Hello there."
            with ExitStack() as stack:
                for _ in range(DESCRIPTORS):
                    stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                await fake.until(lambda: "no file descriptor is left" in service.log.read_text())
                before = processor_s(service.process.pid)
                with pytest.raises(httpx.TimeoutException):
                    get(url_of(port), timeout=4)
                assert processor_s(service.process.pid) - before < 2  # a loop without a pause would take all four
                said = service.log.read_text()
                assert said.count("no file descriptor is left") == 1
                assert "accept" not in said
                reply = await chat.ask("Again?")
                unreachable = text("en-US", "error_backend_restarting", seconds="{seconds}").partition("{seconds}")[0]
                assert reply.text == "Hello there." or reply.errors[0].startswith(unreachable)
            assert (await chat.ask("And now?")).text == "Hello there."
            async with ChatClient(url_of(port)) as other:
                assert (await other.ask("Hello?")).text == "Hello there."


async def test_fault_76_as_many_as_the_system_allows(fake: FakeVllm, tmp_path: Path) -> None:
    """Where the shell allows fewer descriptors than the system, the app takes what it may have, and new pages open."""
    folder, port = copy_app(tmp_path / "app"), free_port()
    few = ("sh", "-c", f'ulimit -Sn {DESCRIPTORS}; exec "$@"', "sh")
    with app_in(folder, port, fake.url, tmp_path / "app.log", *few), ExitStack() as stack:
        for _ in range(2 * DESCRIPTORS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert get(url_of(port), timeout=30).status_code == 200
