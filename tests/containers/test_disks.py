"""The app on a disk that is full, or read-only: a real one, mounted for its process alone.

Runs where a process may mount (as root, or where users may make namespaces); otherwise each test says that it did not.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.app_copy import START, app_in, copy_app
from tests.chat_client import ChatClient
from tests.containers.engine import ROOT
from tests.door_client import get
from tests.fake_vllm import FakeVllm, free_port
from tests.processes import Service

UNSHARE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")
MOUNT = 'mount -t tmpfs -o size=8m none . && cd "$PWD" && cp -r "$0"/. . && mkdir tmp'
FILL = "dd if=/dev/zero of=filler bs=4k; dd if=/dev/zero of=filler bs=1 oflag=append conv=notrunc"
# As the Dockerfile does it.
PREPARE = 'python=$1; "$python" -c "from chainlit.config import init_config; init_config()"'

pytestmark = pytest.mark.skipif(
    subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0,
    reason="this process may not mount a disk",
)


@contextmanager
def app_on_disk(folder: Path, fake: FakeVllm, *steps: str) -> Iterator[tuple[str, Path, Service]]:
    """Its address, its disk as it sees it, and its process; after `steps` it runs there, with log and /tmp."""
    port, disk = free_port(), folder / "disk"
    disk.mkdir()
    script = " && ".join([MOUNT, *steps]) + ' && exec "$@"'
    wrapper = (*UNSHARE, "sh", "-c", script, str(copy_app(folder / "app")))
    with app_in(disk, port, fake.url, folder / "app.log", *wrapper, TMPDIR=str(disk / "tmp")) as service:
        yield f"http://127.0.0.1:{port}", Path(f"/proc/{service.process.pid}/root{disk}"), service


def fill(disk: Path) -> None:
    """Write to it until not one byte more goes."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        for size in (4096, 1):
            with suppress(OSError):
                while filler.write(b"x" * size):
                    pass


async def test_fault_62_the_disk_fills_up(fake: FakeVllm, tmp_path: Path) -> None:
    """The conversation goes on, in words and in JSON, and new pages open; only the log lacks what found no room."""
    with app_on_disk(tmp_path, fake, "exec >app.log 2>&1") as (url, disk, _):
        async with ChatClient(url) as chat:
            assert (await chat.ask("One?")).text == "Hello there."
            fill(disk)
            with pytest.raises(OSError, match="No space left"):
                (disk / "more").write_bytes(b"x")
            written = (disk / "app.log").stat().st_size // 4096
            for json_mode in (False, True, False):
                reply = await chat.ask("Two?", json_mode=json_mode)
                assert (reply.errors, len(reply.flushes) > 0) == ([], True)
            assert fake.requests[-1]["messages"][1]["content"] == "One?"
            async with ChatClient(url) as other:
                assert (await other.ask("Three?")).text == "Hello there."
            assert (disk / "app.log").stat().st_size // 4096 == written
            (disk / "filler").unlink()
            assert (await chat.ask("Four?")).text == "Hello there."


def test_fault_62_it_starts_on_a_full_disk(tmp_path: Path) -> None:
    """The app does not start, and the last line of its log says why."""
    (tmp_path / "disk").mkdir()
    script = f'{MOUNT} && {{ {FILL}; "$@"; rm filler; ls -l .chainlit/translations; }}'
    command = [*UNSHARE, "sh", "-c", script, str(copy_app(tmp_path / "app")), *START, "--port", str(free_port())]
    done = subprocess.run(command, cwd=tmp_path / "disk", capture_output=True, text=True, timeout=60)
    assert "No space left on device" in done.stderr
    assert " 0 " in done.stdout  # what it leaves: a file of words without a word


async def test_fault_63_a_read_only_disk(fake: FakeVllm, tmp_path: Path) -> None:
    """With all but /tmp read-only, as in the container, the page opens and the conversation goes on."""
    prepared = f"{PREPARE} && mount -t tmpfs none tmp && mount -o remount,ro ."
    with app_on_disk(tmp_path, fake, prepared) as (url, disk, _):
        with pytest.raises(OSError, match="Read-only"):
            (disk / "x").write_bytes(b"x")
        assert get(url).status_code == 200
        async with ChatClient(url) as chat:
            for json_mode in (False, True, False):
                reply = await chat.ask("Hello?", json_mode=json_mode)
                assert (reply.errors, len(reply.flushes) > 0) == ([], True)


def test_fault_63_make_demo_on_a_read_only_disk() -> None:
    """`make demo` ends with a sentence that names the file that can't be written, and the remedy."""
    read_only = f'mount --bind "{ROOT}" "{ROOT}" && mount -o remount,ro,bind "{ROOT}" && cd "{ROOT}" && exec "$@"'
    make = ["make", "demo", f"PORT={free_port()}", f"BACKEND_PORT={free_port()}"]
    done = subprocess.run([*UNSHARE, "sh", "-c", read_only, "sh", *make], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "can't be written, as the disk is read-only: move the checkout" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
