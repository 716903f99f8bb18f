"""What a socket says that no page does: events that are no client's, arguments nobody takes, packets that are none."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.chat_client import ChatClient
from tests.door_client import POLLING, WEBSOCKET, introduction, post
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

FORGED = "2026-11-25 00:00:00 - INFO - forged"
EVENTS = (
    *("stop", "edit_message", "client_message", "window_message", "connection_successful", "clear_session"),
    *("chat_settings_change", "chat_settings_edit", "canvas_copy", "answer_text", "nobody_hears_this"),
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heard") / "app.log"


@pytest.fixture(scope="module")
def url(fake: FakeVllm, log: Path) -> Iterator[str]:
    fake.script, port = Script(["Hello"]), free_port()
    with app_service(port, fake.url, log, PAGODA_ANSWERS_PER_USER="2"):
        yield f"http://127.0.0.1:{port}"


def told(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics", timeout=30).raise_for_status().text
    return next(family.samples[0].value for family in text_string_to_metric_families(text) if family.name == name)


def said(log: Path) -> str:
    return log.read_text()


async def test_a_client_cannot_say_that_it_connects_or_is_gone(url: str) -> None:
    """Each would be a session more, with an address of its choosing, or a task that waits for an hour."""
    tasks = told(url, "pagoda_tasks")
    async with ChatClient(url) as chat:
        sessions = told(url, "pagoda_sessions")
        environ = {"asgi.scope": {"client": ["6.6.6.6", 0]}}
        for _ in range(100):
            await chat.emit("connect", (environ, introduction(str(uuid4()))))
            await chat.emit("disconnect")
        assert (await chat.ask("Hello?")).text == "Hello"
        assert told(url, "pagoda_sessions") == sessions
        assert told(url, "pagoda_tasks") < tasks + 50


async def test_arguments_that_no_handler_takes_do_no_harm(url: str, log: Path) -> None:
    async with ChatClient(url) as chat:
        for event in EVENTS:
            for arguments in ((), (None, None, None), ({"a": [1]}, "b"), ("x",) * 20):
                await chat.emit(event, arguments)
        async with ChatClient(url) as another:
            assert (await another.ask("Hello?")).text == "Hello"
    assert "refused: it does not take 20 arguments" in said(log)
    assert "never retrieved" not in said(log)


async def test_nothing_is_stopped_or_edited_before_the_chat_has_begun(url: str, log: Path) -> None:
    async with aiohttp.ClientSession() as web, web.ws_connect(url + WEBSOCKET) as socket:
        await socket.receive_str()
        await socket.send_str("40" + json.dumps(introduction(str(uuid4()))))
        await socket.receive_str()
        for event in ("stop", "edit_message", "chat_settings_change"):
            await socket.send_str(f'42["{event}",{{}}]')
        await socket.send_str('420["answer_text",{}]')
        while not (await socket.receive_str()).startswith("430"):
            pass
    assert not re.search(r"never retrieved|(stop|edit_message) failed", said(log)), said(log)


async def test_packets_that_are_none_are_a_line_each_in_the_log(url: str, log: Path) -> None:
    """Neither a traceback nor, in what python-engineio and python-socketio log themselves, a forged line."""
    for packet in ("4", "9", "42[]", "42{}", "42[5]", '42[["stop"]]', "46", "bAAAA", "40[", '451-["x",{}]'):
        async with aiohttp.ClientSession() as web, web.ws_connect(url + WEBSOCKET) as socket:
            await socket.receive_str()
            await socket.send_str(packet)
            await socket.close()
    await asyncio.to_thread(httpx.get, f"{url}{POLLING}&sid=x%0A{FORGED.replace(' ', '+')}", timeout=30)
    async with ChatClient(url) as chat:
        assert (await chat.ask("Hello?")).text == "Hello"
    assert "engineio.server" in said(log)
    assert not re.search(f"^{FORGED}|^Traceback", said(log), re.MULTILINE), said(log)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"[" * 20_000, b'{"session_id": 5}', b'{"session_id": "\\u0000\\ud800"}']
)
def test_the_cookie_of_a_session_is_for_ids_of_pages(url: str, body: bytes) -> None:
    answer = post(f"{url}/set-session-cookie", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)
    assert answer.text == "That is not what the page sends here.\n"


def test_a_page_has_its_cookie(url: str) -> None:
    session_id = str(uuid4())
    answer = post(f"{url}/set-session-cookie", json={"session_id": session_id})
    assert answer.status_code == 200
    assert f"X-Chainlit-Session-id={session_id};" in answer.headers["set-cookie"]
