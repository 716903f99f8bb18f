"""Make the lock files anew: `make lock`, or `python3 -m scripts.lock`, after changing a requirements file.

uv, in a throw-away environment, resolves for every supported Python and processor at once and writes each package with
its hashes. No index address gets in: the locks hold wherever pip finds the same files. Needs the network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from scripts.environments import ROOT
from scripts.supported import OLDEST

UV = "uv==0.13.9"

# Kept out of the backend's lock. torch is installed apart (see scripts/environments.py). torchvision, torchaudio and
# torchcodec are CUDA builds on PyPI and break the import beside a CPU torch; a text server needs none of them.
# xgrammar asks for triton, 1 GB for GPUs; vLLM and xgrammar work without it on a CPU.
EXCLUDED = ("torch", "torchvision", "torchaudio", "torchcodec", "triton")


@dataclass(frozen=True)
class Lock:
    """A lock file, the requirements it is made from, and the lock it has to agree with."""

    file: str
    source: str
    agree_with: str | None = None


LOCKS = (
    Lock("requirements-build.lock", "requirements-build.txt"),
    Lock("requirements.lock", "requirements.txt"),
    Lock("requirements-dev.lock", "requirements-dev.txt", "requirements.lock"),
    Lock("backend/requirements.lock", "backend/requirements.txt"),
    Lock("backend/requirements-dev.lock", "backend/requirements-dev.txt", "backend/requirements.lock"),
)


def arguments(lock: Lock, excludes: Path) -> list[str]:
    """uv's arguments for one lock file."""
    line = ["pip", "compile", "--quiet", "--universal", f"--python-version={OLDEST[0]}.{OLDEST[1]}"]
    line += ["--generate-hashes", "--upgrade", "--custom-compile-command=make lock", f"--excludes={excludes}"]
    if lock.agree_with is not None:
        line += ["--constraints", lock.agree_with]
    return [*line, lock.source, "--output-file", lock.file]


def main() -> int:
    """Write all of them."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "--quiet", UV], check=True)
        excludes = Path(folder, "excludes.txt")
        excludes.write_text("\n".join(EXCLUDED))
        for lock in LOCKS:
            subprocess.run([f"{folder}/bin/uv", *arguments(lock, excludes)], check=True, cwd=ROOT)
            print(f"{lock.file} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
