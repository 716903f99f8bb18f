"""The course of `make demo`: check, install, start vLLM and the page, announce the address, watch, end.

One loop in one thread: it advances the installations, starts each half as soon as its environment is ready, and ends
everything as soon as a signal comes or a half fails. Limits: it restarts nothing.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from backend.hardware import Hardware, detect
from backend.profiles import Choice, choose
from scripts import page_config, preflight
from scripts.console import Console
from scripts.dotenv import read_dotenv
from scripts.environments import APP, BACKEND, ROOT
from scripts.installing import Installation, InstallLock, pip_environment, report, take_lock
from scripts.model import resolve
from scripts.preflight import Options
from scripts.problems import PAGE, VLLM, Problem, Stopped, disk_problems, explain
from scripts.processes import Child, die_with_parent, end
from scripts.readiness import answers, last_line, page_is_up
from scripts.stopping import Stopping

LOGS = ROOT / "logs"
POLL_S = 0.2
ASK_EVERY_S = 1.0
# What Chainlit's command line reacts to, and a shell or CI service may have set for its own ends
NOT_FOR_CHAINLIT = {"RUN_TARGET", "WATCH", "HEADLESS", "DEBUG", "CI", "NO_CACHE", "CHAINLIT_APP_ROOT"}
NOT_FOR_CHAINLIT |= {"CHAINLIT_ROOT_PATH", "CHAINLIT_PARENT_ROOT_PATH", "CHAINLIT_SSL_CERT", "CHAINLIT_SSL_KEY"}
# The page's default for the answers under way as it ends, and what its end takes beside them at most
SHUTDOWN_TIMEOUT_S, AFTER_ITS_TIME_S = 25.0, 10.0
BUNDLED_TEMPERATURE = "0.2"  # a model this small loses the thread at the app's default


def main() -> int:
    """Run it; the exit code is 0 after Ctrl-C, 1 after a problem."""
    if "MAKELEVEL" in os.environ:
        die_with_parent()  # `make` killed outright takes us, and so everything, along
    console, stopping = Console(), Stopping()
    demo: Demo | None = None
    try:
        options = Options.read(os.environ)
        hardware = check(options)
        choice = choose(hardware, resolve(options.model, stopping), None, cpu_build=True)
        console.say(f"Profile {choice.name}: {choice.reason}. {hardware.cores} cores, {hardware.memory_reason}.")
        with disk_problems():
            LOGS.mkdir(exist_ok=True)
            demo = Demo(options, choice, console, stopping)
            demo.run()
    except Problem as problem:
        stopping.ending()
        console.progress("ending everything that was started; answers under way are waited for, unless you ask again")
        if demo is not None:
            demo.end()
        if isinstance(problem, Stopped):
            console.say(str(problem))
            return 0
        report(console, problem)
    return 1


def check(options: Options) -> Hardware:
    """Everything that can be refused before the long work."""
    hardware = detect()
    preflight.check_system(hardware.system, hardware.machine, preflight.libc())
    preflight.check_cpu(hardware)
    preflight.check_libraries()
    page_config.check()
    preflight.check_port(options.port, "PORT", "the page")
    preflight.check_port(options.backend_port, "BACKEND_PORT", "vLLM")
    preflight.check_memory(hardware)
    if not (APP.is_ready() and BACKEND.is_ready()):
        preflight.check_venv_module()
        preflight.check_disk(ROOT)
    return hardware


class Demo:
    """Both halves, from installation to the end."""

    def __init__(self, options: Options, choice: Choice, console: Console, stopping: Stopping) -> None:
        self.options, self.choice = options, choice
        self.console, self.stopping = console, stopping
        self.settings = {**read_dotenv(ROOT / ".env"), **os.environ}
        self.backend_url = f"http://127.0.0.1:{options.backend_port}/v1"
        self.page_url = f"http://localhost:{options.port}"
        self.backend_log = _log("backend", options.backend_port, 8000)
        self.app_log = _log("app", options.port, 8080)
        self.installs: list[Installation] = []
        self.backend: Child | None = None
        self.app: Child | None = None

    def children(self) -> list[Child]:
        """Everything that was started and may still run."""
        return [c for c in (self.app, self.backend, *(i.child for i in self.installs)) if c is not None]

    def end(self) -> None:
        """The page first: the answers under way need vLLM."""
        if self.app is not None:
            its_time_s = _seconds(self.settings.get("PAGODA_SHUTDOWN_TIMEOUT_S", ""))
            end([self.app], its_time_s + AFTER_ITS_TIME_S, self.stopping.hurry)
        end(self.children(), hurry=self.stopping.hurry)

    def run(self) -> None:
        """Until a `Problem`: it has no other end."""
        self._install_and_start()
        self._wait_until_ready()
        self.console.say(f"\nPagoda answers at {self.page_url} after {self.console.elapsed()}. Ctrl-C ends it.\n")
        while True:
            self._pause()

    def _install_and_start(self) -> None:
        lock: InstallLock | None = None
        if not (APP.is_ready() and BACKEND.is_ready()):
            lock = take_lock(LOGS, self.console, self.stopping)
            self.console.say("Installing (the first time only): logs/install-app.log, logs/install-backend.log")
        app, backend = Installation(APP, LOGS), Installation(BACKEND, LOGS)
        self.installs = [app, backend]
        while self.app is None or self.backend is None:
            for installation in self.installs:
                installation.advance()
            if backend.done and self.backend is None:
                self.backend = self._start_backend()
            if app.done and self.app is None:
                self.app = self._start_app()
            if not (app.done and backend.done):
                self.console.progress(f"installing: {app.progress()}, {backend.progress()}")
                self._pause()
        if lock is not None:
            lock.release()

    def _start_backend(self) -> Child:
        command = [str(BACKEND.python), "-m", "backend.serve", f"--port={self.options.backend_port}"]
        if self.choice.model is not None and self.options.model:
            command.append(f"--model={self.choice.model}")
        environment = pip_environment()
        if self.settings.get("VLLM_API_KEY"):
            environment["VLLM_API_KEY"] = self.settings["VLLM_API_KEY"]
        self.console.say(f"Starting vLLM: {_shown(self.backend_log)}")
        return Child("vLLM", command, self.backend_log, ROOT, environment)

    def _start_app(self) -> Child:
        command = [str(APP.python), "-m", "chainlit", "run", "app.py", "--headless"]
        command += ["--host", "127.0.0.1", "--port", str(self.options.port)]
        environment = {key: value for key, value in pip_environment().items() if key not in NOT_FOR_CHAINLIT}
        environment["PAGODA_BACKEND_URL"] = self.backend_url
        if not self.options.model:
            environment["PAGODA_TEMPERATURE"] = self.settings.get("PAGODA_TEMPERATURE") or BUNDLED_TEMPERATURE
        self.console.say(f"Starting the page: {_shown(self.app_log)}")
        return Child("The page", command, self.app_log, ROOT, environment)

    def _wait_until_ready(self) -> None:
        """No deadline: a large model may download for an hour; the progress line shows what vLLM says it does."""
        key = self.settings.get("VLLM_API_KEY", "")
        asked = 0.0
        while True:
            self._pause()
            self.console.progress(f"vLLM is starting: {last_line(self.backend_log)}")
            if time.monotonic() - asked < ASK_EVERY_S:
                continue
            with self.stopping.interruptible():
                if answers(self.backend_url, key) and page_is_up(self.page_url):
                    return
            asked = time.monotonic()

    def _pause(self) -> None:
        """Wait a little; raises when a signal has come or a half has ended."""
        time.sleep(POLL_S)
        self.stopping.check()
        for child, known in ((self.backend, VLLM), (self.app, PAGE)):
            code = child.exit_code() if child is not None else None
            if child is not None and code is not None:
                raise explain(child.name, code, child.log, known)


def _seconds(text: str) -> float:
    """The page's own setting; one that it can't read it has refused itself."""
    with suppress(ValueError):
        return float(text)
    return SHUTDOWN_TIMEOUT_S


def _log(name: str, port: int, usual_port: int) -> Path:
    """A fresh log; a second demo on other ports gets its own."""
    file = LOGS / (f"{name}.log" if port == usual_port else f"{name}-{port}.log")
    file.unlink(missing_ok=True)
    return file


def _shown(file: Path) -> str:
    return str(file.relative_to(ROOT))
