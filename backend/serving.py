"""A server of our own for measuring: started, waited for, ended."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_READY_S = 900.0  # for a model of some size; one that ends earlier is noticed at once


@contextmanager
def served(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run vLLM, or the launcher that becomes it, on a free port; gives the base URL of its API.

    `environment`: variables beside those of this process.

    Raises RuntimeError with the end of its log if it does not come up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **(environment or {})},
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + _READY_S
            while not _ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"vLLM did not start:\n{log.read().decode(errors='replace')[-4000:]}")
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def vllm(model: Path, profile: str | None = "cpu-demo") -> Iterator[str]:
    """Serve a folder by the launcher with the bundled model's profile; `profile` None: what suits machine and model."""
    chosen = ("--profile", profile) if profile else ()
    with served([sys.executable, "-m", "backend.serve", "--model", str(model), *chosen]) as url:
        yield url


def _ready(port: int) -> bool:
    """By http.client, as it asks no proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
