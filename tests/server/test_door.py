"""The door: who gets in, to what, and how much of it; through a real app process, in front of a model server that
misbehaves on demand."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import socketio

from chat.texts import text
from tests.chat_client import ChatClient
from tests.door_client import ALLOWED, POLLING, WEBSOCKET, connected, get, introduction, post, socket_status
from tests.fake_vllm import FakeVllm, Script

HELLO = Script(["Hello", " there."])
FOREIGN = "https://evil.example"

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
    """A socket, a poll or a cookie that another site's page asks for is refused with 403; the page's own works."""
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
    assert (
        post(f"{narrow_url}/set-session-cookie", json={"session_id": str(uuid.uuid4())}, headers=headers).is_success
        is good
    )


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
    """Every address that the page does not need answers 404 and one sentence; those that it needs work."""
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


async def answered(url: str, request: str) -> str:
    """What comes back, until the app ends the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    reply = (await reader.read()).decode(errors="replace")
    writer.close()
    return reply


@pytest.mark.parametrize("header", ["Content-Length: -1", "Content-Length: 0x1", "Transfer-Encoding: identity"])
async def test_a_length_that_is_none_is_refused(narrow_url: str, header: str) -> None:
    """Of what comes over the socket's own address, too, where it was an error in the log."""
    for path in ("/", POLLING):
        reply = await answered(
            narrow_url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n"
        )
        assert reply.split()[1] in ("400", "411"), path


@pytest.mark.parametrize(
    "path",
    [
        "/public/%00",
        "/assets/" + 300 * "a",
        "/public/" + 5000 * "a",
        "/public/../app.py",
        "/public/%2e%2e/app.py",
        "/assets/..%2f..%2fserver.py",
        "/public//etc/passwd",
    ],
)
async def test_fault_79_no_path_leads_out(narrow_url: str, path: str) -> None:
    """A path that leads out of the folders answers 400 or 404, and nothing of the file."""
    reply = await answered(narrow_url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert reply.split()[1] in ("400", "404")
    assert "import" not in reply
    assert "root:" not in reply


async def test_fault_80_a_page_with_a_script_is_not_taken(narrow_url: str) -> None:
    """Uploads are off: the file is refused with 404, and there is no address at which it would be shown."""
    async with ChatClient(narrow_url) as chat:
        page = {"file": ("x.html", b"<script>alert(1)</script>", "text/html")}
        query = f"?session_id={chat.session_id}"
        for reply in (
            post(f"{narrow_url}/project/file{query}", files=page),
            get(f"{narrow_url}/project/file/x{query}"),
            get(f"{narrow_url}/public/x.html"),
        ):
            assert reply.status_code == 404
            assert "html" not in reply.headers["content-type"]
            assert "alert" not in reply.text
        # A question that names a file from before: there is none.
        message = {"id": str(uuid.uuid4()), "name": "User", "output": "Hello?", "type": "user_message"}
        reference = {"message": message, "fileReferences": [{"id": "../x.html"}]}
        await chat.emit("client_message", reference)
        assert (await chat.call("answer_text", {"id": "x"})).keys() == {"error"}  # and the session goes on


def test_fault_85_a_huge_body_is_refused_before_it_is_read(narrow_url: str) -> None:
    """A body of more than 64,000 bytes, or of unknown length, is refused (413, 411) before it is read."""
    address = f"{narrow_url}/set-session-cookie"
    assert post(address, content=b"x" * 70_000).status_code == 413
    assert post(address, content=iter([b"{}"])).status_code == 411  # chunked: of no known length


async def test_fault_83_a_socket_flood_ends_at_the_limit_of_its_address(narrow_url: str) -> None:
    """From an address with too many sockets no further one opens (401); others are let in, and so is it later."""
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
    """The socket is refused, no conversation is touched, and a page that introduces itself properly is answered."""
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


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_those_who_watch_may_ask_for_the_head_alone(narrow_url: str, path: str) -> None:
    reply = httpx.head(narrow_url + path)
    assert (reply.status_code, reply.text) == (200, "")
