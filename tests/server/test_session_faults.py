"""Faults of a page's session: connections that come and go, reloads, tabs, restarts of the app.

What a user does while an answer is under way is in test_under_way.py.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest

from chat.texts import LANGUAGES, Language, text
from tests.chat_client import ChatClient, Reply
from tests.door_client import connected, introduction
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.fault_client import HELLO
from tests.processes import app_service

PIECES = ["one ", "two ", "three ", "four"]
AWAY_S = 20  # chat/ui/session.py: as long as a page that is gone may come back


def back(chat: ChatClient) -> ChatClient:
    """The page of `chat`, connected anew."""
    return ChatClient(chat.url, chat.language, chat.session_id, comes_back=True)


async def under_way(chat: ChatClient, fake: FakeVllm, *, json_mode: bool = False) -> threading.Event:
    """Ask, and wait for the half of the answer; the rest comes once what is returned is set."""
    held = threading.Event()
    fake.script = Script(PIECES, held=held, hold_at=2)
    if json_mode:
        fake.script.pieces = ['{"a": ', "1", ', "b": ', "2}"]
    await chat.send("Count", json_mode=json_mode)
    half = "".join(fake.script.pieces[:2])
    await chat.until(lambda: "".join(chat.reply().flushes) == half)
    return held


async def until_ended(url: str) -> None:
    """Wait until the app has no answer under way."""
    deadline = time.monotonic() + 30
    async with httpx.AsyncClient() as http:
        while "pagoda_active_streams 0.0" not in (await http.get(f"{url}/metrics")).text:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def released(chat: ChatClient, held: threading.Event) -> Reply:
    """Let the rest come, and return what is on the page when the answer has ended there."""
    ended = chat.count("task_end")
    held.set()
    await chat.until(lambda: chat.count("task_end") > ended)
    return chat.reply()


async def complete(chat: ChatClient) -> Reply:
    """What is on the page once it shows that the answer has ended."""
    await chat.until(lambda: (line := chat.reply().line) is not None and line["state"] == "ended")
    return chat.reply()


@pytest.mark.parametrize("ends", ["while_away", "afterwards"])
async def test_fault_49_the_connection_drops_mid_stream(fake: FakeVllm, fake_app_url: str, ends: str) -> None:
    """The page connects again by itself and has the whole answer, whether it ended meanwhile or goes on."""
    async with ChatClient(fake_app_url) as chat:
        held = await under_way(chat, fake)
        await chat.drop()
        if ends == "while_away":
            held.set()
            await until_ended(fake_app_url)
        async with back(chat) as again:
            if ends == "afterwards":
                await again.until(lambda: again.reply().text == "one two ")
                assert again.count("task_start") == 1  # so that Stop is there
                await released(again, held)
            reply = await complete(again)
            assert (reply.text, reply.errors, reply.status) == ("one two three four", [], [])
            fake.script = HELLO
            assert (await again.ask("And then?")).text == "Hello there."
            assert fake.requests[-1]["messages"][2] == {"role": "assistant", "content": "one two three four"}


@pytest.mark.parametrize("ends", ["while_away", "afterwards"])
async def test_fault_49_it_drops_inside_json(fake: FakeVllm, fake_app_url: str, ends: str) -> None:
    """So it is with a JSON answer: the page has all of it, and its verdict."""
    async with ChatClient(fake_app_url) as chat:
        held = await under_way(chat, fake, json_mode=True)
        await chat.drop()
        if ends == "while_away":
            held.set()
            await until_ended(fake_app_url)
        async with back(chat) as again:
            held.set()
            await again.until(lambda: again.reply().verdict is not None)
            reply = await complete(again)
            assert (reply.verdict, reply.text) == ("valid", '{\n  "a": 1,\n  "b": 2\n}')


async def test_fault_49_a_connection_is_replaced_before_it_is_known_to_be_dead(
    fake: FakeVllm, fake_app_url: str
) -> None:
    """A connection whose end is noticed late takes nothing from the one that has replaced it."""
    async with ChatClient(fake_app_url) as chat:
        held = await under_way(chat, fake)
        async with back(chat) as again:
            await chat.drop()
            assert (await released(again, held)).text == "one two three four"
            fake.script = HELLO
            assert (await again.ask("And then?")).text == "Hello there."


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_50_a_page_is_gone_for_long(fake: FakeVllm, fake_app_url: str, language: Language) -> None:
    """The answer of a page that is gone for 20 s is ended; if it comes back, it has what had come, and is told why."""
    async with ChatClient(fake_app_url, language) as chat:
        fake.script, before = Script(["word "] * 1000, delay_s=0.5), fake.aborted
        await chat.send("Write")
        await chat.until(lambda: chat.count("stream_start") > 0)
        await chat.drop()
    await fake.until(lambda: fake.aborted > before, patience_s=AWAY_S + 30)
    async with back(chat) as again:
        reply = await complete(again)
        assert reply.errors == [text(language, "error_page_gone", seconds=AWAY_S)]
        assert 5 < reply.text.count("word ") < 1000  # more than had come when the connection was lost
        assert reply.line is not None
        assert reply.line["actions"]["continue"]
        fake.script = Script(["end"])
        assert (await again.act("answer_continue", reply.answer_id)).text == f"{reply.text}end"
        assert fake.requests[-1]["messages"][-1] == {"role": "assistant", "content": reply.text}


async def test_fault_51_two_tabs(fake: FakeVllm, fake_app_url: str) -> None:
    """Each tab has a conversation of its own: both are answered at once, and Stop ends the answer of its tab alone."""
    async with ChatClient(fake_app_url) as one, ChatClient(fake_app_url) as other:
        ended = one.count("task_end")
        held = await under_way(one, fake)
        also_held = await under_way(other, fake)
        await one.emit("stop")
        await one.until(lambda: one.count("task_end") > ended)
        also_held.set()
        held.set()
        assert (one.reply().text, one.reply().status) == ("one two ", [text("en-US", "status_stopped")])
        assert (await complete(other)).text == "one two three four"
        fake.script = HELLO
        await one.ask("Next")
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["Count", "one two ", "Next"]


async def test_fault_52_two_sockets_with_one_session_id(fake: FakeVllm, fake_app_url: str) -> None:
    """The later one has the conversation; to the earlier one nothing is said any more, and it is not heard."""
    async with ChatClient(fake_app_url) as first:
        held = await under_way(first, fake)
        async with back(first) as second:
            said = len(first.events)
            asked = len(fake.requests)
            await first.send("From the first")
            await first.emit("stop")
            assert (await released(second, held)).text == "one two three four"
            fake.script = HELLO
            assert (await second.ask("From the second")).text == "Hello there."
            assert len(first.events) == said
            sent = [[m["content"] for m in request["messages"][1:]] for request in fake.requests[asked:]]
            assert sent == [["Count", "one two three four", "From the second"]]


async def test_fault_52_a_forged_id_of_nobody_is_a_session_of_its_own(fake: FakeVllm, fake_app_url: str) -> None:
    """An id that was made up begins an empty conversation."""
    made_up = "00000000-0000-4000-8000-000000000000"
    async with connected(fake_app_url, introduction(made_up)) as socket:
        assert (await socket.call("answer_text", {"id": "x"}, timeout=30))["error"]
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask("Hello?")).text == "Hello there."


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_61_the_page_comes_back_after_a_restart(fake: FakeVllm, tmp_path: Path, language: Language) -> None:
    """The page says that Pagoda was restarted, that the model knows nothing of what stands above, and what to do."""
    port = free_port()
    with app_service(port, fake.url, tmp_path / "first.log"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            fake.script = HELLO
            await chat.ask("Hello?")
            known = chat.of("window_message")
    with app_service(port, fake.url, tmp_path / "second.log"):
        async with ChatClient(chat.url, language, chat.session_id) as again:
            names = [said["chat"] for said in [*known, *again.of("window_message")] if said["pagoda"] == "restore"]
            assert len(set(names)) == 2  # by which a page with messages on it knows, and says so (public/pagoda.js)
            await again.emit("window_message", {"pagoda": "chat_lost"})
            await again.until(lambda: again.reply().errors == [text(language, "chat_lost")])
            assert (await again.ask("Hello?")).text == "Hello there."
            assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["Hello?"]
