"""The proxy of docker-compose.proxy.yml: a real nginx with the very files, the real app behind it, a model server that
does as it is told. Users come from several addresses of this machine; nginx itself is 127.0.0.1 to the app."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import httpx
import pytest

from chat.texts import LANGUAGES, text
from tests.chat_client import ChatClient
from tests.containers.engine import ROOT
from tests.containers.proxy import installed, proxy
from tests.door_client import WEBSOCKET, socket_status
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

PAGES = ROOT / "deploy/nginx/pages"
CONF = (ROOT / "deploy/nginx/pagoda.conf.template").read_text(encoding="utf-8")
BEHIND = {"PAGODA_TRUSTED_PROXIES": "127.0.0.1"}


def page(name: str, language: str = "en-US") -> str:
    return (PAGES / f"{name}.{language}.html").read_text(encoding="utf-8")


def get(url: str, sender: str = "127.0.0.1", **headers: str) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=sender)) as client:
        return client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(scope="module")
def behind_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app behind a proxy on this machine; two pages for each address."""
    installed()
    port = free_port()
    settings = {**BEHIND, "PAGODA_SOCKETS_PER_ADDRESS": "2"}
    with app_service(port, fake.url, tmp_path_factory.mktemp("behind") / "app.log", **settings):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `url` runs."""
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def url(behind_url: str, folder: Path) -> Iterator[str]:
    """The proxy, with the limits that it has."""
    with proxy(folder, behind_url, access_log="access.log pagoda") as address:
        yield address


async def test_an_answer_streams_through_the_proxy(fake: FakeVllm, url: str) -> None:
    held = threading.Event()
    fake.script = Script(["Hello", " there."], held=held, hold_at=1)
    async with ChatClient(url) as chat:
        await chat.send("Hello?")
        await chat.until(lambda: "Hello" in "".join(chat.reply().flushes))
        assert "there" not in "".join(chat.reply().flushes)
        held.set()
        await chat.until(lambda: chat.reply().line is not None and chat.reply().text == "Hello there.")


async def test_fault_81_a_foreign_page_opens_no_socket_through_the_proxy(url: str) -> None:
    """A foreign page gets no connection through the proxy, whatever it says of itself; the page's own does."""
    evil = "https://evil.example"
    assert await socket_status(url, Origin=url) == 101
    for headers in (
        {"Origin": evil},
        {"Origin": evil, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Origin": evil, "Forwarded": "host=evil.example;proto=https"},
        {"Origin": url.replace("http:", "https:")},
    ):
        assert await socket_status(url, **headers) == 403, headers
    assert get(url, Host="evil.example", X_Forwarded_Host="localhost").status_code == 421


async def test_fault_83_a_flood_counts_for_the_address_that_it_comes_from(url: str) -> None:
    """Whoever opens too many pages is refused, whatever address they claim; others behind the same proxy are not."""
    async with AsyncExitStack() as stack:

        async def opens(sender: str, claim: str) -> bool:
            connector = aiohttp.TCPConnector(local_addr=(sender, 0))
            web = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            with suppress(aiohttp.WSServerHandshakeError):
                await stack.enter_async_context(web.ws_connect(url + WEBSOCKET, headers={"X-Forwarded-For": claim}))
                return True
            return False

        assert [await opens("127.0.0.9", f"10.0.0.{number}") for number in range(3)] == [True, True, False]
        assert await opens("127.0.0.10", "127.0.0.9")


def test_fault_83_a_flood_of_requests_is_refused_in_a_sentence(behind_url: str, tmp_path: Path) -> None:
    """Whoever sends too many requests reads that in their language; others are served."""
    slow = {"limit_req_zone": "$binary_remote_addr zone=requests:1m rate=1r/m", "limit_req": "zone=requests burst=2"}
    slow["limit_req"] += " nodelay"
    with proxy(tmp_path, behind_url, **slow) as url:
        assert [get(url).status_code for _ in range(3)] == [200, 200, 200]
        for language in LANGUAGES:
            refused = get(url, Accept_Language=language)
            assert (refused.status_code, refused.text) == (429, page("too-many", language))
        assert get(url, "127.0.0.9").status_code == 200


async def test_fault_83_connections_are_limited_for_each_address(behind_url: str, tmp_path: Path) -> None:
    """Beyond the limit of an address there is no further connection, until one of them ends."""
    with proxy(tmp_path, behind_url, limit_conn="connections 1") as url:
        async with aiohttp.ClientSession() as web:
            async with web.ws_connect(url + WEBSOCKET) as socket:
                await socket.receive_str()
                assert await socket_status(url) == 429
                assert get(url, "127.0.0.9").status_code == 200
            deadline = time.monotonic() + 60
            while get(url).status_code != 200:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)


async def test_fault_83_a_client_that_says_nothing_is_dropped(behind_url: str, tmp_path: Path) -> None:
    """Connections on which half a request was sent, and nothing after, end by themselves."""
    with proxy(tmp_path, behind_url, client_header_timeout="1s") as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert b"200" not in await asyncio.wait_for(reader.read(), 60)
        writer.close()


def test_fault_85_a_huge_body_ends_at_the_proxy(url: str) -> None:
    """What is too large is refused before the app reads it, in a sentence; through the socket more may come."""
    for language in LANGUAGES:
        headers = {"Accept-Language": language}
        refused = httpx.post(f"{url}/set-session-cookie", content=b"x" * 64_001, headers=headers)
        assert (refused.status_code, refused.text) == (413, page("too-large", language))
    socket = f"{url}/ws/socket.io/?EIO=4&transport=polling&sid=x"
    assert httpx.post(socket, content=b"x" * 64_001).status_code == 400  # the app's: it knows no such session
    assert httpx.post(socket, content=b"x" * 4_000_001).status_code == 413


async def test_fault_75_a_quiet_conversation_outlives_the_idle_limit(behind_url: str, tmp_path: Path) -> None:
    """A page on which nobody types for longer than the proxy's idle limit stays connected: the app pings."""
    limits = {"proxy_read_timeout": "30s", "proxy_send_timeout": "30s"}
    with proxy(tmp_path, behind_url, **limits) as url:
        async with aiohttp.ClientSession() as web, web.ws_connect(url + WEBSOCKET, headers={"Origin": url}) as socket:
            opened = json.loads((await socket.receive_str())[1:])
            start, pings = time.monotonic(), 0
            while pings < 2:
                assert await socket.receive_str() == "2"
                await socket.send_str("3")
                pings += 1
            assert time.monotonic() - start > 30
            assert not socket.closed
    shipped = {int(seconds) for seconds in re.findall(r"proxy_(?:read|send)_timeout (\d+)s;", CONF)}
    assert min(shipped) * 1000 >= opened["pingInterval"] + opened["pingTimeout"]


async def test_fault_75_the_idle_limit_ends_what_is_dead(behind_url: str, tmp_path: Path) -> None:
    """A connection on which nothing passes for the whole idle limit is closed, and the page connects anew."""
    with proxy(tmp_path, behind_url, proxy_read_timeout="2s") as url:
        async with aiohttp.ClientSession() as web, web.ws_connect(url + WEBSOCKET) as socket:
            assert (await socket.receive_str()).startswith("0")
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)


def test_fault_65_while_the_app_is_away_the_proxy_says_so(fake: FakeVllm, tmp_path: Path) -> None:
    """While the app restarts, whoever opens the page reads so in their language, and the page comes by itself."""
    port = free_port()
    with proxy(tmp_path / "nginx", f"http://127.0.0.1:{port}") as url:
        for language in LANGUAGES:
            for asked in (httpx.get, httpx.post):
                away = asked(url, headers={"Accept-Language": f"{language},{language[:2]};q=0.9"})
                assert (away.status_code, away.text) == (502, page("unavailable", language))
                assert "default-src 'none'" in away.headers["Content-Security-Policy"]
                assert away.headers["Cache-Control"] == "no-store"
        with app_service(port, fake.url, tmp_path / "app.log", **BEHIND):
            back = get(url)
            assert back.status_code == 200
            assert "Pagoda" in back.text


def test_fault_87_vllm_is_not_to_be_reached_through_the_proxy(url: str) -> None:
    """vLLM's addresses don't exist for whoever comes through the proxy, and the app's figures are closed to them."""
    for path in (
        "/v1/models",
        "/v1/chat/completions",
        "/invocations",
        "/tokenize",
        "/load",
        "/pages/too-many.en-US.html",
    ):
        assert get(url + path).status_code == 404, path
    assert get(url + "/v1/models").text == text("en-US", "gate_nothing_here") + "\n"
    assert get(url + "/metrics", X_Forwarded_For="127.0.0.1").status_code == 403


def test_fault_78_nobody_names_themselves_through_the_proxy(fake: FakeVllm, tmp_path: Path) -> None:
    """Who claims to be another user, in the header of a sign-in that this proxy doesn't have, is not believed."""
    port = free_port()
    header = {"X-Forwarded-User": "ada"}
    settings = {**BEHIND, "PAGODA_USER_HEADER": "X-Forwarded-User", "PAGODA_SECRET_FILE": str(tmp_path / "secret")}
    with app_service(port, fake.url, tmp_path / "app.log", **settings):
        app = f"http://127.0.0.1:{port}"
        assert httpx.post(f"{app}/auth/header", headers=header).status_code == 200  # as a proxy with a sign-in
        with proxy(tmp_path / "nginx", app) as url:
            assert httpx.post(f"{url}/auth/header", headers=header).status_code == 401


def test_fault_88_the_proxys_log_names_no_session(url: str, folder: Path) -> None:
    """The proxy's log has the path of each request, and nothing of what follows it, where a session is named."""
    assert get(f"{url}/auth/config?secret=x").status_code == 200
    deadline = time.monotonic() + 60
    while '"GET /auth/config" 200' not in (written := (folder / "access.log").read_text()):
        assert time.monotonic() < deadline
    assert "?" not in written


@pytest.mark.parametrize("path", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_the_proxys_own_pages_are_whole(path: Path) -> None:
    """Both languages, and nothing that would be fetched: neither the app nor anybody else may be there."""
    name, language, _ = path.name.split(".")
    written = path.read_text(encoding="utf-8")
    assert language in LANGUAGES
    assert f'<html lang="{language}">' in written
    assert all((PAGES / f"{name}.{other}.html").is_file() for other in LANGUAGES)
    assert bool(re.search("[\u4e00-\u9fff]", written)) == (language == "zh-CN")
    assert not re.search(r"src=|href=|url\(|@import|https?:", written)
    assert f"/pages/{name}.$language.html" in CONF
