"""nginx as compose starts it, without a container: the same files, put in place as the official image does.

The image fills `${NAME}` in /etc/nginx/templates/*.template with the environment's values, into /etc/nginx/conf.d/,
which its own nginx.conf includes. Paths in the files are relative to that folder, and so run in any other.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from scripts.programs import nginx
from tests.containers.engine import ROOT
from tests.fake_vllm import free_port
from tests.processes import Service

FILE = ROOT / "docker-compose.proxy.yml"
PROXY = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]["proxy"]
INSIDE = "/etc/nginx/"
# What the image's own nginx.conf says besides types and a log format.
NGINX_CONF = """
worker_processes 2;
daemon off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
    client_body_temp_path body; proxy_temp_path proxied; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    types { text/html html; }
    keepalive_timeout 65;
    include conf.d/*.conf;
}
"""


def installed() -> str:
    """Where nginx is; the test is skipped where there is none."""
    found = nginx()
    if found is None:
        pytest.skip("not checked by a real nginx: install one (`apt install nginx-light`)")
    return found


def filled(text: str, environment: Mapping[str, str]) -> str:
    """As the image's envsubst does it: names of the environment, and no others."""
    return re.sub(r"\$\{(\w+)\}", lambda name: environment.get(name[1], name[0]), text)


def place(folder: Path, environment: Mapping[str, str], scheme: str = "http", **changes: str) -> Path:
    """Lay out `folder` as /etc/nginx of the container; the port it listens on is 8080 there.

    `changes` is for limits that no test has the time for: a directive's name, and what it says instead.
    """
    names = {entry.partition("=")[0] for entry in PROXY["environment"]}
    assert names == environment.keys()
    for mount in PROXY["volumes"]:
        source, target, mode = re.sub(r"\$\{PROXY_SCHEME:-http\}", scheme, mount).split(":")
        assert target.startswith(INSIDE)
        assert mode == "ro"
        place_at = folder / target.removeprefix(INSIDE)
        place_at.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("*.pem")  # somebody's own
            shutil.copytree(ROOT / source, place_at, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / source, place_at)
    (folder / "conf.d").mkdir()
    for template in (folder / "templates").glob("*.template"):
        text = filled(template.read_text(encoding="utf-8"), environment)
        for name, value in changes.items():
            text, times = re.subn(rf"^(\s*{name}) .*;$", rf"\1 {value};", text, flags=re.MULTILINE)
            assert times, f"{template.name} has no {name}"
        (folder / "conf.d" / template.stem).write_text(text, encoding="utf-8")
    # Started by root, nginx would become a user for whom the tests' folders are closed.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(user + NGINX_CONF, encoding="utf-8")
    return folder


def command(folder: Path) -> list[str]:
    return [installed(), "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"]


class Nginx(Service):
    """Ready when it listens: what it answers is the app's."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(command(folder), {}, "", folder / "nginx.log", 30)
        self.port = port

    def _ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def proxy(folder: Path, app_url: str, scheme: str = "http", **changes: str) -> Iterator[str]:
    """nginx in front of the app; its address. With https, the certificate is in `folder`/tls already."""
    environment = {"APP_ADDRESS": app_url.removeprefix("http://"), "USER_HEADER": "X-Forwarded-User"}
    place(folder, environment, scheme, **changes)
    port = free_port()
    listen = folder / "listen.conf"
    listen.write_text(listen.read_text().replace("listen 8080", f"listen 127.0.0.1:{port}"), encoding="utf-8")
    with Nginx(folder, port):
        yield f"{scheme}://localhost:{port}"
