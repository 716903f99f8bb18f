"""The two environments and what belongs into them: `.venv` for the app, `.venv-backend` for vLLM on the CPU.

An environment is finished when its stamp, written last, names the Python version and the hashes of the lock files it
was made from. Anything else is unfinished: an interrupted or outdated one is deleted and made anew (pip's cache keeps
what was downloaded). Torch stands apart from the locks: its CPU build comes from PyTorch's own index or from a local
wheel, whose hashes differ, so it is pinned by version; `+cpu` keeps the CUDA build out.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.problems import Problem

ROOT = Path(__file__).resolve().parent.parent
PYTORCH_INDEX = "https://download.pytorch.org/whl/cpu"
STAMP = "pagoda.json"
PIP = ("-m", "pip", "install", "--no-input", "--no-deps", "--no-build-isolation", "--no-compile", "--progress-bar=off")

Commands = Generator[list[str], None, None]


@dataclass(frozen=True)
class Environment:
    """A virtual environment and what it is made from, relative to `root`."""

    name: str
    folder: str
    locks: tuple[str, ...]
    torch_pinned_in: str | None = None
    root: Path = ROOT

    @property
    def path(self) -> Path:
        return self.root / self.folder

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    def wanted(self) -> dict[str, str]:
        """What the stamp must say: each part with its version or hash."""
        parts = {lock: hashlib.sha256((self.root / lock).read_bytes()).hexdigest() for lock in self.locks}
        parts["python"] = f"{sys.version_info[0]}.{sys.version_info[1]}"
        if self.torch_pinned_in is not None:
            parts["torch"] = self.torch()
        return parts

    def torch(self) -> str:
        """The pinned requirement, `torch==X+cpu`."""
        text = (self.root / str(self.torch_pinned_in)).read_text()
        match = re.search(r"^torch==\S+\+cpu$", text, re.MULTILINE)
        if match is None:
            raise Problem(f"{self.torch_pinned_in} must pin torch to a CPU build (torch==X+cpu).")
        return match[0]

    def present(self) -> dict[str, str]:
        """What the stamp says; nothing for an environment that is missing, unfinished or broken."""
        try:
            stamp = json.loads((self.path / STAMP).read_text())
        except (OSError, ValueError):
            return {}
        runs = self.python.exists()  # false for a link to a Python that was removed
        return {str(key): str(value) for key, value in stamp.items()} if runs and isinstance(stamp, dict) else {}

    def is_ready(self) -> bool:
        """Whether nothing is left to do."""
        return self.wanted().items() <= self.present().items()

    def make(self) -> Commands:
        """The commands that bring it up to date, to be run in turn; the generator does the rest between them.

        A command's failure is told by `throw`ing `CommandFailed` into the generator.
        """
        wanted, present = self.wanted(), self.present()
        missing = [lock for lock in self.locks if present.get(lock) != wanted[lock]]
        outdated = [key for key, value in present.items() if key in wanted and wanted[key] != value]
        (self.path / STAMP).unlink(missing_ok=True)
        if outdated or not present:
            missing, present = list(self.locks), {}
            if self.path.exists():
                yield ["rm", "-rf", str(self.path)]
            yield [sys.executable, "-m", "venv", str(self.path)]
            if self.torch_pinned_in is not None:
                yield from self._install_torch()
        for lock in missing:
            yield [str(self.python), *PIP, "--require-hashes", "-r", lock]
        if self.torch_pinned_in is not None:
            self.refuse_cuda()
        (self.path / STAMP).write_text(json.dumps({**present, **wanted}, indent=1))

    def installed(self) -> int:
        """How many packages have been unpacked so far."""
        return sum(1 for _ in self.path.glob("lib/python3*/site-packages/*.dist-info"))

    def _install_torch(self) -> Commands:
        """As pip is configured (a local wheel, a mirror), else from PyTorch's index for CPU builds."""
        try:
            yield [str(self.python), *PIP, self.torch()]
        except CommandFailed:
            yield [str(self.python), *PIP, "--index-url", PYTORCH_INDEX, self.torch()]

    def refuse_cuda(self) -> None:
        """A last look that no GPU package came along."""
        packages = [*self.path.glob("lib/python3*/site-packages/nvidia*")]
        if packages:
            raise Problem(
                f"CUDA packages got into {self.folder} ({packages[0].name}): delete the folder, then try again."
            )


class CommandFailed(Exception):
    """A command of `Environment.make` ended with an error."""


APP = Environment("app", ".venv", ("requirements-build.lock", "requirements.lock"))
BACKEND = Environment("backend", ".venv-backend", ("backend/requirements.lock",), "backend/requirements.txt")
APP_DEV = Environment("app", ".venv", (*APP.locks, "requirements-dev.lock"))
BACKEND_DEV = Environment(
    "backend", ".venv-backend", (*BACKEND.locks, "backend/requirements-dev.lock"), BACKEND.torch_pinned_in
)
BY_NAME = {"app": APP, "backend": BACKEND, "app-dev": APP_DEV, "backend-dev": BACKEND_DEV}


def package_count(environment: Environment) -> int:
    """How many packages its locks name (a few are for other systems)."""
    texts: Sequence[str] = [(environment.root / lock).read_text() for lock in environment.locks]
    return sum(len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) for text in texts)
