"""Docker's engine and the compose client, where there are any; and one stack started with them.

Limits: never pulls an image. A test run must not download gigabytes on its own, so an absent image means "not run".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CPU_STACK = ROOT / "docker-compose.cpu.yml"
PROJECT = "pagoda-test"
EXAMPLE = ROOT / ".env.example"
UP_S = 400  # a busy machine; an idle one needs a tenth


def base_image() -> str:
    """What the app's image is built on."""
    match = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None, "the Dockerfile has no FROM"
    return match[1]


def services_of(path: Path) -> dict[str, dict[str, Any]]:
    """The services of a compose file, those taken over from another file (`extends`) included."""
    services = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    for name, service in services.items():
        if (taken := service.pop("extends", None)) is not None:
            services[name] = services_of(path.parent / taken["file"])[taken["service"]] | service
    return dict(services)


def settings_of(service: dict[str, Any]) -> dict[str, str | None]:
    """Environment variables; None for one that is passed on as it is."""
    pairs = (entry.partition("=") for entry in service["environment"])
    return {name: value if equals else None for name, equals, value in pairs}


def documented() -> set[str]:
    """The names of all settings in `.env.example`."""
    return set(re.findall(r"^# (\w+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


def run(command: Sequence[str], timeout_s: float = 60, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """Run to the end; output and errors are kept, nothing is raised for an exit code."""
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | dict(env), capture_output=True, text=True, timeout=timeout_s
    )


def compose_client() -> list[str] | None:
    """`docker compose` (version 2) or `docker-compose` (1.29); None where there is neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and run([*command, "version"]).returncode == 0:
            return command
    return None


def missing() -> str | None:
    """Why no container can be started here; None if they can."""
    if not shutil.which("docker") or run(["docker", "info"]).returncode:
        return "no Docker engine answers"
    if compose_client() is None:
        return "there is neither `docker compose` nor `docker-compose`"
    vllm_image = yaml.safe_load(CPU_STACK.read_text(encoding="utf-8"))["services"]["vllm"]["image"]
    for image in (base_image(), vllm_image):
        if run(["docker", "image", "inspect", image]).returncode:
            return f"an image is not here: docker pull {image}"
    return None


class Stack:
    """The stack without a GPU, under a project name of its own; every setting is empty, whatever shell and .env say.

    The name is always the same, so that a run clears away what a killed one left. Two runs at a time do not go.
    """

    def __init__(self, port: int) -> None:
        client = compose_client()
        assert client is not None
        self.url = f"http://127.0.0.1:{port}"
        self.image = f"{PROJECT}-image"
        self._settings = dict.fromkeys(documented(), "") | {"PORT": str(port)}
        self._compose = [*client, "-p", PROJECT, "-f", str(CPU_STACK)]

    def __enter__(self) -> Stack:
        self.__exit__()
        try:
            self._start()
        except BaseException:  # a test run that is broken off leaves no container behind either
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        # Built apart first, as compose cannot lend a build the host's network, and some package indexes answer only
        # there; compose then finds every layer done.
        self._check(run(["docker", "build", "--network", "host", "-t", self.image, "."], UP_S))
        started = self.compose("up", "--build", "-d", timeout_s=UP_S)
        if started.returncode:
            self._check(started, self.compose("logs", "--no-color").stdout)
        self._wait_for_the_page()

    def __exit__(self, *_error: object) -> None:
        self.compose("down", "--volumes", "--rmi", "local", "--timeout", "10", timeout_s=90)
        run(["docker", "rmi", self.image])

    def compose(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """A compose command on this stack."""
        return run([*self._compose, *arguments], timeout_s, self._settings)

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "-q", service).stdout.strip()

    def execute(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside a service's container."""
        return run(["docker", "exec", self.container(service), *command])

    def _wait_for_the_page(self) -> None:
        """`up` waits for vLLM's health, not for the app's."""
        deadline = time.monotonic() + UP_S
        while run(["docker", "inspect", "-f", "{{.State.Health.Status}}", self.container("app")]).stdout != "healthy\n":
            assert time.monotonic() < deadline, "the app did not become healthy"
            time.sleep(0.5)

    @staticmethod
    def _check(done: subprocess.CompletedProcess[str], logs: str = "") -> None:
        if done.returncode:
            ends = "\n".join(text[-3000:] for text in (done.stdout, done.stderr, logs))
            raise RuntimeError(f"{' '.join(done.args)} failed:\n{ends}")
