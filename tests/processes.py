"""Real processes for the tests: the app and vLLM, started, awaited and ended with all their children."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import ClassVar

import httpx

ROOT = Path(__file__).resolve().parents[1]
BACKEND_PYTHON = ROOT / ".venv-backend" / "bin" / "python"
APP_READY_S = 60
VLLM_READY_S = 300


class Service:
    """A process in a session of its own that serves HTTP; ready when `ready_url` answers 200.

    A process that ends early or is not ready in time fails with the end of its log.
    """

    running: ClassVar[list[Service]] = []

    def __init__(self, command: list[str], env: dict[str, str], ready_url: str, log: Path, patience_s: float) -> None:
        self.command = command
        self.env = {**os.environ, **env}
        self.ready_url = ready_url
        self.log = log
        self.patience_s = patience_s

    def __enter__(self) -> Service:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait()
        except BaseException:
            self.end()
            raise
        self.running.append(self)
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + self.patience_s
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(self.command)} did not become ready:\n{self.tail()}")
            time.sleep(0.1)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _ready(self) -> bool:
        try:
            return httpx.get(self.ready_url, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.running.remove(self)
        self.end()

    def end(self) -> None:
        """End the whole process group: politely, then for good."""
        for number, patience_s in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(patience_s)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def app_service(port: int, backend_url: str, log: Path, **env: str) -> Service:
    """The Chainlit app on `port`, in front of `backend_url`."""
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "chainlit", "run", "app.py", "--headless"]
    settings = {"PAGODA_BACKEND_URL": backend_url, "CHAINLIT_HOST": "127.0.0.1", "CHAINLIT_PORT": str(port)}
    # All users of a test come from one address.
    settings |= {"PAGODA_ANSWERS_PER_USER": "5000", "PAGODA_SOCKETS_PER_ADDRESS": "5000"}
    return Service(command, settings | env, f"{url}/health", log, APP_READY_S)


def vllm_service(port: int, log: Path, *arguments: str) -> Service:
    """vLLM with the bundled model, as `make backend` starts it, on `port`; `arguments` are further ones of ours."""
    command = [str(BACKEND_PYTHON), "-m", "backend.serve", "--port", str(port), *arguments]
    return Service(command, {}, f"http://127.0.0.1:{port}/health", log, VLLM_READY_S)


def engine_of(vllm: Service) -> int:
    """The process of vLLM's engine, as its log tells."""
    return int(re.findall(r"\(EngineCore pid=(\d+)\)", vllm.log.read_text(encoding="utf-8", errors="replace"))[-1])
