"""The proxy with TLS: PROXY_SCHEME=https, and a certificate in deploy/nginx/tls/."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.containers.proxy import installed, proxy
from tests.door_client import WEBSOCKET
from tests.fake_vllm import FakeVllm, free_port
from tests.processes import app_service

HSTS = "Strict-Transport-Security"
SESSION = "5f0c1a52-4f0e-4d52-9d5b-3f1f9d3c0a11"


@pytest.fixture
def tls(fake: FakeVllm, tmp_path: Path) -> Iterator[str]:
    """The app behind nginx with TLS, and a certificate of nobody's."""
    installed()
    folder, port = tmp_path / "nginx", free_port()
    (folder / "tls").mkdir(parents=True)
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    made += ["-keyout", str(folder / "tls/privkey.pem"), "-out", str(folder / "tls/fullchain.pem")]
    subprocess.run(made, check=True, capture_output=True)
    with (
        app_service(port, fake.url, tmp_path / "app.log", PAGODA_TRUSTED_PROXIES="127.0.0.1"),
        proxy(folder, f"http://127.0.0.1:{port}", "https") as url,
    ):
        yield url


def test_tls_is_what_browsers_see(tls: str) -> None:
    plain = tls.replace("https:", "http:")
    with httpx.Client(verify=False) as client:
        page = client.get(tls)
        assert (page.status_code, page.headers[HSTS]) == (200, "max-age=31536000")
        too_large = client.post(tls, content=b"x" * 64_001)
        assert (too_large.status_code, too_large.headers[HSTS]) == (413, "max-age=31536000")
        moved = client.get(f"{plain}/x?y")
        assert (moved.status_code, moved.headers["location"]) == (308, f"{tls}/x?y")
        own = client.post(f"{tls}/set-session-cookie", json={"session_id": SESSION}, headers={"Origin": tls})
        assert "; secure" in own.headers["set-cookie"].lower()
        # The app goes by what nginx sees, not by what a client claims.
        claimed = {"Origin": plain, "X-Forwarded-Proto": "http"}
        assert client.post(f"{tls}/set-session-cookie", json={}, headers=claimed).status_code == 403


async def test_a_socket_opens_with_tls(tls: str) -> None:
    async with (
        aiohttp.ClientSession() as web,
        web.ws_connect(tls + WEBSOCKET, headers={"Origin": tls}, ssl=False) as socket,
    ):
        assert (await socket.receive_str()).startswith("0")


def test_without_tls_browsers_are_not_told_to_insist_on_it(fake: FakeVllm, tmp_path: Path) -> None:
    installed()
    with proxy(tmp_path, f"http://127.0.0.1:{free_port()}") as url:
        assert HSTS not in httpx.get(url).headers
