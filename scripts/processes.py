"""Start a process that cannot outlive the launcher, and end it with everything it started.

Each child leads a session of its own: Ctrl-C reaches the launcher alone, and whatever the child starts (vLLM's engine
and workers) is found by that session. Should the launcher be killed with SIGKILL, the kernel sends its children SIGTERM
(PR_SET_PDEATHSIG). Limits: Linux; a process that opens yet another session is not found.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel send this process SIGTERM when the process that started it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A running command whose output goes to a log."""

    def __init__(self, name: str, command: Sequence[str], log: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        with log.open("ab") as output:
            # preexec_fn is safe here: the launcher has one thread.
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(env),
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        """Also the id of its session."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send it a signal; the whole session when the leader is gone already."""
        running = self.exit_code() is None
        for pid in [self.pid] if running else session_members(self.pid):
            _send(pid, number)

    def kill_all(self) -> None:
        """SIGKILL for every process of the session."""
        for pid in session_members(self.pid):
            _send(pid, signal.SIGKILL)
        self.exit_code()

    def is_gone(self) -> bool:
        """Whether nothing of it is left, children included."""
        return self.exit_code() is not None and not session_members(self.pid)


def end(children: Sequence[Child], patience_s: float = 5.0, hurry: Callable[[], bool] = lambda: False) -> None:
    """Ask all of them to end (SIGTERM), and kill what is left after `patience_s` seconds, or in a `hurry` before."""
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and not hurry():
        if all(child.is_gone() for child in children):
            return
        time.sleep(0.05)
        for child in children:
            if child.exit_code() is not None:
                child.signal(signal.SIGTERM)  # it ended and left processes behind
    for child in children:
        child.kill_all()
    deadline = time.monotonic() + 2
    while not all(child.is_gone() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)


def session_members(session: int, proc: Path = Path("/proc")) -> list[int]:
    """The processes of a session, those that only wait to be reaped left out."""
    members = []
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # pid (name) state ppid pgrp session …; the name may hold anything, so count from its last bracket
            state, _, _, its_session = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its_session) == session and state not in "ZX":
            members.append(int(folder.name))
    return members


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
