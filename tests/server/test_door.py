"""The door: who gets in, to what, and how much of it; through a real app process, in front of a model server that
misbehaves on demand."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import socketio

from chat.texts import text
from tests.chat_client import ChatClient
from tests.door_client import POLLING, WEBSOCKET, connected, get, introduction, post, socket_status
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

HELLO = Script(["Hello", " there."])
FOREIGN = "https://evil.example"
ALLOWED = "https://chat.example"


@pytest.fixture(scope="module")
def narrow_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app with tight limits, behind a proxy on this machine, whose users come in as `ALLOWED`."""
    port = free_port()
    limits = {
        "PAGODA_SOCKETS_PER_ADDRESS": "3",
        "PAGODA_ANSWERS_PER_USER": "2",
        "PAGODA_MAX_MESSAGE_CHARS": "1000",
        "PAGODA_FIRST_TOKEN_TIMEOUT_S": "3",
        "PAGODA_READ_TIMEOUT_S": "1",
        "PAGODA_ANSWER_TIMEOUT_S": "2",
        "PAGODA_MAX_TOKENS": "500",
        "PAGODA_ALLOWED_ORIGINS": ALLOWED,
        "PAGODA_TRUSTED_PROXIES": "127.0.0.1",
    }
    with app_service(port, fake.url, tmp_path_factory.mktemp("narrow") / "app.log", **limits):
        yield f"http://127.0.0.1:{port}"


# Origin, further headers, status of a WebSocket and of polling
ORIGINS: dict[str, tuple[str | None, dict[str, str], bool]] = {
    "none": (None, {}, True),
    "own": ("OWN", {}, True),
    "allowed": (ALLOWED, {}, True),
    "foreign": (FOREIGN, {}, False),
    "null": ("null", {}, False),
    "another_port": ("http://127.0.0.1:1", {}, False),
    "own_by_another_scheme": ("OWN_TLS", {}, False),
    "begins_like_an_allowed_one": (f"{ALLOWED}.evil.example", {}, False),
    "no_origin_but_from_elsewhere": (None, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
    "as_the_proxy_was_asked": (
        "https://pagoda.chat.example",
        {"X-Forwarded-Host": "pagoda.chat.example", "X-Forwarded-Proto": "https"},
        False,  # the name is not among the allowed ones, and nobody signs in
    ),
}


@pytest.mark.parametrize("case", ORIGINS)
async def test_fault_81_only_the_pages_own_origin_opens_a_socket(narrow_url: str, case: str) -> None:
    origin, more, good = ORIGINS[case]
    # A page that polls and goes away is noticed after 45 s only: an address for each.
    headers = {**more, "X-Forwarded-For": f"10.1.0.{list(ORIGINS).index(case)}"}
    if origin:
        own = {"OWN": narrow_url, "OWN_TLS": narrow_url.replace("http:", "https:")}
        headers["Origin"] = own.get(origin, origin)
    assert (await socket_status(narrow_url, **headers) == 101) is good
    reply = get(narrow_url + POLLING, headers=headers)
    assert reply.status_code == 200 if good else reply.status_code in (403, 421)
    assert "access-control-allow-origin" not in reply.headers
    assert post(f"{narrow_url}/set-session-cookie", json={"session_id": "x"}, headers=headers).is_success is good


async def test_another_name_for_this_machine_is_refused(narrow_url: str, fake_app_url: str) -> None:
    """A site whose name was made to point here would be the page's own origin."""
    port = narrow_url.rpartition(":")[2]
    for host in (
        f"evil.example:{port}",
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        f"localhost@evil.example:{port}",
    ):
        refused = get(narrow_url, headers={"Host": host})
        assert refused.status_code == 421 or (host == "" and refused.status_code == 400), host
        assert await socket_status(narrow_url, Host=host, Origin=f"http://{host}") in (400, 421)
    refused = get(narrow_url, headers={"Host": "evil.example", "Accept-Language": "zh-CN"})
    assert refused.text.strip() == text("zh-CN", "gate_host")
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "[::1]", "chat.example"):
        assert get(narrow_url, headers={"Host": host}).status_code == 200, host
    # Only a trusted proxy says by which name it was asked; who watches the service may use any.
    assert get(fake_app_url, headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"}).status_code == 421
    assert get(f"{narrow_url}/health", headers={"Host": "app:8080"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/public/pagoda.js", "/auth/config", "/nothing", POLLING, "/health", "/mcp"])
def test_every_response_has_the_security_headers(narrow_url: str, path: str) -> None:
    for origin in ({}, {"Origin": FOREIGN}):
        headers = get(narrow_url + path, headers={**origin, "X-Forwarded-For": "10.2.0.1"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src 'self' 'unsafe-inline'" not in headers["content-security-policy"]


def test_fault_86_what_the_page_does_not_need_is_closed(narrow_url: str) -> None:
    for method, path in (
        ("POST", "/mcp"),
        ("PUT", "/project/element"),
        ("DELETE", "/project/element"),
        ("POST", "/project/file?session_id=x"),
        ("GET", "/project/file/x?session_id=x"),
        ("POST", "/project/action"),
        ("POST", "/project/threads"),
        ("PUT", "/feedback"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/copilot/index.js"),
        ("POST", "/auth/jwt"),
        ("POST", "/login"),
        ("POST", "/auth/header"),
        ("GET", "/login"),
        ("GET", "/thread/x"),
        ("DELETE", "/"),
    ):
        reply = httpx.request(method, narrow_url + path)
        assert (reply.status_code, reply.text) == (404, text("en-US", "gate_nothing_here") + "\n"), path
    for path in ("/", "/auth/config", "/user", "/project/translations?language=zh-CN", "/favicon", "/avatars/Pagoda"):
        assert get(narrow_url + path).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/public/../app.py", "/public/%2e%2e/app.py", "/assets/..%2f..%2fserver.py", "/public//etc/passwd"]
)
async def test_fault_79_no_path_leads_out(narrow_url: str, path: str) -> None:
    host, port = narrow_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    reply = (await reader.read()).decode(errors="replace")
    writer.close()
    assert reply.split()[1] in ("400", "404")
    assert "import" not in reply
    assert "root:" not in reply


def test_fault_85_a_huge_body_is_refused_before_it_is_read(narrow_url: str) -> None:
    address = f"{narrow_url}/set-session-cookie"
    assert post(address, content=b"x" * 70_000).status_code == 413
    assert post(address, content=iter([b"{}"])).status_code == 411  # chunked: of no known length


async def test_fault_83_a_socket_flood_ends_at_the_limit_of_its_address(narrow_url: str) -> None:
    async with aiohttp.ClientSession() as web:

        async def connect(address: str, transport: str = "websocket") -> Any:
            headers = {"X-Forwarded-For": f"9.9.9.9, {address}"}
            if transport == "polling":
                async with web.get(narrow_url + POLLING, headers=headers) as reply:
                    return reply.status
            return await web.ws_connect(narrow_url + WEBSOCKET, headers=headers)

        opened = [await connect("10.0.0.1") for _ in range(2)]
        assert await connect("10.0.0.1", "polling") == 200
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await connect("10.0.0.1")
        assert await connect("10.0.0.1", "polling") == 401
        opened.append(await connect("10.0.0.2"))  # somebody else
        await opened[0].close()
        deadline = time.monotonic() + 10
        while await connect("10.0.0.1", "polling") == 401:
            assert time.monotonic() < deadline
        for socket in opened:
            await socket.close()


MALFORMED: list[object] = [
    None,
    "x",
    {},
    {"sessionId": 1, "clientType": "webapp"},
    {"sessionId": "../../x", "clientType": "webapp"},
    {"sessionId": str(uuid.uuid4()), "clientType": "nobody"},
    {"sessionId": str(uuid.uuid4()), "clientType": "webapp", "chatProfile": "x" * 2000},
    {"sessionId": str(uuid.uuid4()), "clientType": "webapp", "threadId": {}},
]


@pytest.mark.parametrize("auth", MALFORMED, ids=lambda auth: str(auth)[:40])
async def test_fault_59_a_malformed_introduction_is_refused(fake: FakeVllm, narrow_url: str, auth: Any) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with connected(narrow_url, auth):
            pass
    fake.script = HELLO
    async with ChatClient(narrow_url) as chat:
        assert (await chat.ask("Hello?")).text == "Hello there."


async def test_a_session_that_is_named_like_a_folder_deletes_nothing(narrow_url: str, tmp_path: Path) -> None:
    """Chainlit deletes the folder of a session with it, and takes its name from the page."""
    precious = tmp_path / "precious"
    precious.mkdir()
    with suppress(socketio.exceptions.ConnectionError):
        async with connected(narrow_url, introduction(str(precious))) as client:
            await client.emit("clear_session")
            await client.call("answer_text", {"id": "x"}, timeout=10)
    async with ChatClient(narrow_url) as chat:  # by then the app has ended the other session
        await chat.call("answer_text", {"id": "x"})
    assert precious.is_dir()


async def test_fault_24_a_message_that_is_too_long_is_refused_with_its_length(fake: FakeVllm, narrow_url: str) -> None:
    fake.script, asked = HELLO, len(fake.requests)
    async with ChatClient(narrow_url) as chat:
        for question in ("你" * 1001, "x" * 1_200_000):
            sentence = text("en-US", "error_too_long", length=len(question), limit=1000)
            assert (await chat.ask(question)).errors == [sentence]
        assert len(fake.requests) == asked
        assert (await chat.ask("x" * 1000)).text == "Hello there."
        assert [message["content"] for message in fake.requests[-1]["messages"][1:]] == ["x" * 1000]


async def test_fault_32_a_huge_system_prompt_is_refused(narrow_url: str) -> None:
    async with ChatClient(narrow_url) as chat:
        before = chat.of("chat_settings")[-1]
        await chat.set(system_prompt="x" * 32_001)
        assert chat.of("chat_settings")[-1] == before
        sentence = text("en-US", "error_prompt_too_long", field=text("en-US", "setting_system_prompt"), limit=32_000)
        assert sentence in str(chat.events)
        await chat.set(system_prompt="y" * 32_000)
        assert "y" * 32_000 in str(chat.of("chat_settings")[-1])


async def test_fault_84_answers_at_once_are_limited_for_each_address(fake: FakeVllm, narrow_url: str) -> None:
    """In one session or in several; somebody else is not concerned."""
    fake.script = Script(["slow"], held=threading.Event())
    busy = [ChatClient(narrow_url) for _ in range(3)]
    sentence = text("en-US", "error_too_many_answers", limit=2)
    async with busy[0] as one, busy[1] as other, busy[2] as third:
        asked = len(fake.requests)
        await one.send("1")
        await one.send("2")  # waits for its turn in the session, and counts
        await fake.until(lambda: len(fake.requests) == asked + 1)
        assert (await other.ask("3")).errors == [sentence]
        await one.emit("stop")
        await one.until(lambda: one.count("task_end") >= 4)
        fake.script = HELLO
        reply = await third.ask("4")
        assert reply.text == "Hello there."
        assert (await third.act("answer_regenerate", reply.answer_id)).text == "Hello there."
        fake.script = Script(["slow"], held=threading.Event())
        await one.send("5")
        await other.send("6")
        await fake.until(lambda: len(fake.requests) >= asked + 5)
        assert await third.call("answer_regenerate", {"id": reply.answer_id}) == {"error": sentence}
        fake.script.held.set() if fake.script.held else None


async def test_fault_12_a_full_queue_is_tried_again(fake: FakeVllm, narrow_url: str) -> None:
    fake.script, asked = Script(status=503), len(fake.requests)
    async with ChatClient(narrow_url) as chat:
        await chat.send("Hello?")
        await fake.until(lambda: len(fake.requests) >= asked + 2)
        fake.script = HELLO
        await chat.until(lambda: chat.count("task_end") >= 3)
        reply = chat.reply()
        assert (reply.text, reply.errors) == ("Hello there.", [])


async def test_fault_06_a_first_token_may_take_longer_than_the_next(fake: FakeVllm, narrow_url: str) -> None:
    async with ChatClient(narrow_url) as chat:
        fake.script = Script(["late"], delay_s=1.7)
        assert (await chat.ask("Hello?")).text == "late"
        held = threading.Event()
        fake.script = Script(["early", "late"], held=held, hold_at=1)
        threading.Timer(2, held.set).start()
        reply = await chat.ask("Hello?")
        assert (reply.text, reply.errors) == ("early", [text("en-US", "error_backend_silent")])


async def test_an_answer_ends_after_its_time_and_what_arrived_stays(fake: FakeVllm, narrow_url: str) -> None:
    fake.script = Script(["word "] * 50, delay_s=0.2)
    async with ChatClient(narrow_url) as chat:
        reply = await chat.ask("Hello?")
        assert reply.errors == [text("en-US", "error_answer_too_long", minutes=1)]
        assert 5 <= reply.text.count("word") <= 12
        await fake.until(lambda: fake.aborted > 0)
        fake.script = HELLO
        assert (await chat.ask("Again?")).text == "Hello there."
