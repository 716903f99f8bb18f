"""The door: who gets in, to what, and how much of it; through a real app process, in front of a model server that
misbehaves on demand."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import socketio

from chat.passwords import line_for
from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import ROOT, app_service

HELLO = Script(["Hello", " there."])
FOREIGN = "https://evil.example"
ALLOWED = "https://chat.example"
PASSWORD = "correct horse battery"
POLLING = "/ws/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/ws/socket.io/?EIO=4&transport=websocket"


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, **options)


def post(url: str, **options: Any) -> httpx.Response:
    return httpx.post(url, **options)


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


@pytest.fixture(scope="module")
def signed_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app that asks for a password, or takes a proxy's word."""
    folder, port = tmp_path_factory.mktemp("signed"), free_port()
    (folder / "passwords").write_text(f"# who may come in\n{line_for('ada', PASSWORD)}\n{line_for('bob', PASSWORD)}\n")
    settings = {
        "CHAINLIT_HOST": "0.0.0.0",
        "PAGODA_PASSWORD_FILE": str(folder / "passwords"),
        "PAGODA_SECRET_FILE": str(folder / "secret"),
        "PAGODA_USER_HEADER": "X-User",
        "PAGODA_TRUSTED_PROXIES": "127.0.0.2",
    }
    with app_service(port, fake.url, folder / "app.log", **settings):
        assert (folder / "secret").stat().st_mode & 0o777 == 0o600
        yield f"http://127.0.0.1:{port}"


async def socket_status(url: str, **headers: str) -> int:
    """101 where a WebSocket opens, else the status it is refused with."""
    async with aiohttp.ClientSession() as web:
        try:
            async with web.ws_connect(url + WEBSOCKET, headers=headers) as socket:
                await socket.receive_str()
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


def introduction(session_id: str) -> dict[str, str]:
    """What a page says of itself as it connects."""
    return {"sessionId": session_id, "clientType": "webapp", "userEnv": "{}", "chatProfile": "", "threadId": ""}


@asynccontextmanager
async def connected(url: str, auth: Any, headers: dict[str, str] | None = None) -> AsyncIterator[socketio.AsyncClient]:
    """A socket; raises ConnectionError where it is not let in."""
    async with aiohttp.ClientSession() as web:
        client = socketio.AsyncClient(reconnection=False, http_session=web)
        await client.connect(
            url, headers=headers or {}, auth=auth, socketio_path="/ws/socket.io", transports=["websocket"]
        )
        try:
            yield client
        finally:
            await client.disconnect()


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


# --- sign-in --------------------------------------------------------------------------------------


def login(url: str, name: str, password: str, **headers: str) -> httpx.Response:
    return post(f"{url}/login", data={"username": name, "password": password}, headers=headers)


def session_of(url: str, cookies: dict[str, str], session_id: str) -> AbstractAsyncContextManager[socketio.AsyncClient]:
    """A page whose browser has `cookies`."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return connected(url, introduction(session_id), {"Cookie": cookie})


async def test_without_a_sign_in_there_is_no_chat(signed_url: str) -> None:
    assert get(f"{signed_url}/auth/config").json()["requireLogin"] is True
    assert get(f"{signed_url}/user").status_code == 401
    assert get(f"{signed_url}/project/settings").status_code == 401
    assert get(f"{signed_url}/login").status_code == 200
    for cookies in ({}, {"access_token": "x"}):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with session_of(signed_url, cookies, str(uuid.uuid4())):
                pass
    wrong = login(signed_url, "ada", "wrong", **{"Accept-Language": "zh-CN,zh"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, text("zh-CN", "sign_in_wrong"))
    assert login(signed_url, "nobody", PASSWORD).status_code == 401


async def test_fault_78_a_session_is_its_users_own(signed_url: str) -> None:
    ada, bob = (dict(login(signed_url, name, PASSWORD).cookies) for name in ("ada", "bob"))
    assert get(f"{signed_url}/user", cookies=ada).json()["identifier"] == "ada"
    session_id = str(uuid.uuid4())
    async with session_of(signed_url, ada, session_id):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with session_of(signed_url, bob, session_id):
                pass
        async with session_of(signed_url, ada, session_id):  # a connection that comes back
            pass


def test_cookies_are_secure_but_on_this_machine(signed_url: str) -> None:
    port = signed_url.rpartition(":")[2]
    here = login(signed_url, "ada", PASSWORD).headers["set-cookie"].lower()
    assert "httponly" in here
    assert "samesite=lax" in here
    assert "secure" not in here
    there = login(signed_url, "ada", PASSWORD, Host=f"chat.example:{port}").headers["set-cookie"].lower()
    assert "; secure" in there


def test_fault_82_guessing_passwords_is_slowed_down(signed_url: str) -> None:
    statuses = [login(signed_url, f"guess{number}", "wrong").status_code for number in range(8)]
    assert statuses[:3] == [401, 401, 401]
    assert 429 in statuses
    assert login(signed_url, "ada", PASSWORD).status_code == 429  # from that address, for a while


def test_only_the_proxy_says_who_has_signed_in(signed_url: str) -> None:
    address = f"{signed_url}/auth/header"
    assert post(address, headers={"X-User": "ada"}).status_code == 401
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as proxy:
        assert proxy.post(address).status_code == 401
        signed = proxy.post(address, headers={"X-User": "ada"})
    assert signed.status_code == 200
    assert get(f"{signed_url}/user", cookies=dict(signed.cookies)).json()["identifier"] == "ada"


STARTS: dict[str, tuple[dict[str, str], str]] = {
    "beyond_loopback": ({"CHAINLIT_HOST": "0.0.0.0"}, "PAGODA_PASSWORD_FILE"),
    "no_such_file": ({"PAGODA_PASSWORD_FILE": "/nowhere/passwords"}, "PAGODA_PASSWORD_FILE=/nowhere/passwords"),
    "header_from_anybody": ({"PAGODA_USER_HEADER": "X-User"}, "PAGODA_TRUSTED_PROXIES"),
    "short_secret": (
        {"CHAINLIT_AUTH_SECRET": "short", "PAGODA_USER_HEADER": "X-User", "PAGODA_TRUSTED_PROXIES": "127.0.0.1"},
        "CHAINLIT_AUTH_SECRET is too short",
    ),
}


@pytest.mark.parametrize("case", STARTS)
def test_fault_68_it_does_not_start_with_an_open_door(case: str) -> None:
    settings, named = STARTS[case]
    command = [sys.executable, "-m", "chainlit", "run", "app.py", "--headless", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("Pagoda cannot start: ")]
    assert named in sentence
    assert "Traceback" not in done.stderr
