"""Bring environments up to date, several at a time, and say how far they are.

One launcher at a time may change the environments of a checkout: `logs/install.lock` sees to that.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.console import Console
from scripts.environments import BY_NAME, PYTORCH_INDEX, ROOT, CommandFailed, Environment, package_count
from scripts.problems import PIP, UNREACHABLE, Problem, disk_problems, explain, tail
from scripts.processes import Child, end
from scripts.stopping import Stopping

POLL_S = 0.2


class Installation:
    """One environment on its way; call `advance()` until it is `done`."""

    def __init__(self, environment: Environment, logs: Path) -> None:
        self.environment = environment
        self.done = environment.is_ready()
        self.log = logs / f"install-{environment.name}.log"
        self.child: Child | None = None
        self._total = package_count(environment)
        if not self.done:
            self.log.unlink(missing_ok=True)
            self._commands = environment.make()

    def advance(self) -> None:
        """Start the next command if the last one has ended."""
        if self.done or (self.child is not None and self.child.exit_code() is None):
            return
        failed = self.child is not None and self.child.exit_code() != 0
        try:
            command = self._commands.throw(CommandFailed) if failed else next(self._commands)
        except StopIteration:
            self.done, self.child = True, None
        except CommandFailed:
            raise self._problem() from None
        else:
            self.child = Child(
                f"install-{self.environment.name}", command, self.log, self.environment.root, pip_environment()
            )

    def progress(self) -> str:
        """How far it is, read from pip's output and from what has been unpacked."""
        if self.done:
            return f"{self.environment.name} ready"
        text = self.log.read_text(errors="replace") if self.log.is_file() else ""
        collected = len(re.findall(r"^Collecting ", text, re.MULTILINE))
        if "--require-hashes" not in (self._arguments() or ()):
            what = f"torch {size(text)}" if collected or "Processing" in text else "creating"
        elif text.rfind("Installing collected") > text.rfind("Collecting "):
            what = f"unpacking {self.environment.installed()} of {self._total}"
        else:
            what = f"downloading {min(collected, self._total)} of {self._total}"
        return f"{self.environment.name}: {what}"

    def _arguments(self) -> Sequence[str] | None:
        return self.child.command if self.child is not None else None

    def _problem(self) -> Problem:
        assert self.child is not None
        if PYTORCH_INDEX in self.child.command:
            text = self.log.read_text(errors="replace")
            what = "cannot be reached" if re.search(UNREACHABLE, text) else "has no wheel for this Python and processor"
            return Problem(
                f"The CPU build of torch ({self.environment.torch()}) is not where pip is configured to look, and "
                f"PyTorch's index {PYTORCH_INDEX} {what}: check the network, or try another Python "
                "(`make PYTHON=python3.11 ...`), or add a folder that holds the wheel to pip's find-links.",
                self.log,
            )
        return explain(f"Installing {self.environment.folder}", self.child.exit_code() or 0, self.log, PIP)


def size(pip_output: str) -> str:
    """What pip said of the size of its latest download, as (192 MB)."""
    sizes = re.findall(r"\((\d[\d.]* [kMG]B)\)", pip_output)
    return f"({sizes[-1]})" if sizes else ""


def pip_environment() -> dict[str, str]:
    """The caller's environment without what would send packages elsewhere."""
    without = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT"}
    kept = {key: value for key, value in os.environ.items() if key not in without}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}


class InstallLock:
    """Held while environments change."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a+")

    def try_to_take(self) -> bool:
        """False while another launcher holds it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        self._file.close()


def main(names: Sequence[str]) -> int:
    """Bring the named environments up to date."""
    console, stopping = Console(), Stopping()
    logs = ROOT / "logs"
    installations: list[Installation] = []
    try:
        with disk_problems():
            logs.mkdir(exist_ok=True)
            lock = take_lock(logs, console, stopping)
            installations = [Installation(BY_NAME[name], logs) for name in names or ("app", "backend")]
            while not all(installation.done for installation in installations):
                stopping.check()
                for installation in installations:
                    installation.advance()
                console.progress("installing: " + ", ".join(installation.progress() for installation in installations))
                time.sleep(POLL_S)
            lock.release()
    except Problem as problem:
        stopping.ignore()
        end([installation.child for installation in installations if installation.child is not None])
        report(console, problem)
        return 1
    finally:
        stopping.restore()
    console.say(f"Environments ready: {', '.join(i.environment.folder for i in installations)}")
    return 0


def take_lock(logs: Path, console: Console, stopping: Stopping) -> InstallLock:
    """Wait for other launchers of this checkout."""
    lock = InstallLock(logs / "install.lock")
    while not lock.try_to_take():
        stopping.check()
        console.progress("waiting for another installation into this checkout to end")
        time.sleep(POLL_S)
    return lock


def report(console: Console, problem: Problem) -> None:
    """The sentence, and the end of the log that explains it."""
    if problem.log is not None:
        console.say(f"{tail(problem.log)}\n  (the end of {problem.log})\n")
    console.say(str(problem))
