"""What docker-compose.proxy.yml and the profile `monitoring` promise, read from the files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chat.settings import Settings
from tests.containers.engine import CPU_STACK, ROOT, compose_client, documented, run, services_of, settings_of
from tests.containers.proxy import FILE, PROXY

GPU_STACK = ROOT / "docker-compose.yml"
MONITORING = ROOT / "deploy/monitoring"
ADDED = services_of(FILE)
WATCHERS = {name: services_of(CPU_STACK)[name] for name in ("prometheus", "grafana")}
NEW = {"proxy": PROXY, **WATCHERS}
DASHBOARD = json.loads((MONITORING / "grafana/dashboards/pagoda.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NEW)
def test_what_is_added_is_pinned_and_confined(name: str) -> None:
    service = NEW[name]
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+[\w.-]*", service["image"])
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith(("127.0.0.1:", "${PROXY_PUBLISH:-127.0.0.1:")) for port in service["ports"])
    ours = [mount for mount in service["volumes"] if mount.startswith("./")]
    assert all(mount.endswith(":ro") for mount in ours)
    base = ROOT if name == "proxy" else MONITORING
    for mount in ours:
        assert (base / mount.split(":")[0].replace("${PROXY_SCHEME", "http")).exists() or "PROXY_SCHEME" in mount


def test_both_stacks_have_the_same_watchers_and_start_none_by_themselves() -> None:
    for path in (GPU_STACK, CPU_STACK):
        services = services_of(path)
        assert {name: services[name] for name in WATCHERS} == WATCHERS
        assert {name for name, service in services.items() if "profiles" not in service} == {"vllm", "app"}
    assert all(service["profiles"] == ["monitoring"] for service in WATCHERS.values())


def test_fault_87_vllm_is_not_in_the_proxys_network() -> None:
    """Between the proxy and vLLM there is no network: only the app is in both."""
    assert ADDED.keys() == {"proxy", "app"}
    assert set(PROXY["networks"]) == {"proxy"}
    assert set(ADDED["app"]["networks"]) == {"default", "proxy"}
    assert "networks" not in services_of(GPU_STACK)["vllm"]


def test_the_app_believes_the_proxy_alone_and_wants_a_sign_in() -> None:
    settings = settings_of(ADDED["app"])
    assert settings["PAGODA_TRUSTED_PROXIES"] == PROXY["networks"]["proxy"]["ipv4_address"]
    assert settings_of(PROXY)["APP_ADDRESS"] == ADDED["app"]["networks"]["proxy"]["ipv4_address"] + ":8080"
    assert settings["PAGODA_LOOPBACK_ONLY"] == "${PAGODA_LOOPBACK_ONLY:-false}"
    assert settings["PAGODA_PASSWORD_FILE"] == "${PAGODA_PASSWORD_FILE-/sign-in/passwords}"


def test_what_is_secret_is_not_committed() -> None:
    for file in ("deploy/nginx/tls/privkey.pem", "deploy/sign-in/passwords", "deploy/sign-in/secret"):
        assert run(["git", "check-ignore", "-q", file]).returncode == 0, file


@pytest.mark.parametrize("path", [FILE, MONITORING / "compose.yml"], ids=lambda path: path.name)
def test_every_variable_is_documented(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)", text)) <= documented()
    assert not re.search(r"\$\{\w+\}|\$\w", text), "a variable without a default is empty where it is not set"


@pytest.mark.parametrize("path", [GPU_STACK, CPU_STACK], ids=lambda path: path.name)
def test_compose_accepts_both_files_and_the_profile(path: Path) -> None:
    client = compose_client()
    if client is None:
        pytest.skip("not checked by compose itself: there is neither `docker compose` nor `docker-compose`")
    command = [*client, "-f", str(path), "-f", str(FILE), "--profile", "monitoring", "config"]
    unset = set(documented()) | {"COMPOSE_FILE", "COMPOSE_PROFILES"}
    done = run(["env", *(f"-u{name}" for name in unset), *command])
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    assert config["services"].keys() == {"vllm", "app", *NEW}
    assert config["services"]["app"]["environment"]["PAGODA_TRUSTED_PROXIES"] == "172.31.255.2"
    mounts = str(config["services"]["prometheus"]["volumes"])
    assert str(MONITORING / "prometheus") in mounts, "a path relative to the file that it stands in"


@pytest.mark.parametrize(
    ("script", "secret", "program"),
    [
        ("prometheus/start.sh", "PAGODA_METRICS_TOKEN", "prometheus"),
        ("grafana/start.sh", "GF_SECURITY_ADMIN_PASSWORD", "/run.sh"),
    ],
)
def test_a_watcher_without_its_secret_does_not_start(script: str, secret: str, program: str, tmp_path: Path) -> None:
    """`program` is replaced by one that says that it was started."""
    (tmp_path / "program").write_text("#!/bin/sh\necho started\n")
    (tmp_path / "program").chmod(0o755)
    written = (MONITORING / script).read_text(encoding="utf-8").replace("/tmp/", f"{tmp_path}/")
    assert f"exec {program}" in written
    written = written.replace(f"exec {program}", f"exec {tmp_path}/program")

    def start(value: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], secret: value}
        return subprocess.run(["sh", "-c", written], env=env, capture_output=True, text=True, check=False)

    refused = start("")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Set ")
    assert start("a-token-of-some-length").stdout == "started\n"
    token = tmp_path / "pagoda-token"
    if secret == "PAGODA_METRICS_TOKEN":
        assert token.read_text() == "a-token-of-some-length"
        assert token.stat().st_mode & 0o777 == 0o600
        config = yaml.safe_load((MONITORING / "prometheus/prometheus.yml").read_text())
        assert config["scrape_configs"][0]["authorization"]["credentials_file"] == "/tmp/pagoda-token"


@pytest.mark.parametrize(
    "check",
    [["check", "config", "--syntax-only", "prometheus.yml"], ["check", "rules", "alerts.yml"]],
    ids=lambda check: check[1],
)
def test_prometheus_accepts_the_files(check: list[str]) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("not checked by promtool: install it (`apt install prometheus`)")
    done = subprocess.run(
        ["promtool", *check], cwd=MONITORING / "prometheus", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alert_for_the_queue_has_the_apps_own_limit() -> None:
    rules = (MONITORING / "prometheus/alerts.yml").read_text(encoding="utf-8")
    assert f"pagoda_model_server_waiting >= {Settings.model_fields['queue_limit'].default}" in rules


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    (source,) = yaml.safe_load((MONITORING / "grafana/datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((MONITORING / "grafana/dashboards/pagoda.yml").read_text())["providers"]
    targets = [mount.split(":")[1] for mount in WATCHERS["grafana"]["volumes"]]
    assert provider["options"]["path"] in targets
    assert settings_of(WATCHERS["grafana"])["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == (
        provider["options"]["path"] + "/pagoda.json"
    )
    assert "prometheus:9090" in source["url"]
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert {
        of["uid"] for panel in panels for of in [panel["datasource"], *(t["datasource"] for t in panel["targets"])]
    } == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert {x: sum(1 for at, _ in places if at == x) for x in (0, 12)} == {0: 8, 12: 8}, "side by side"
