"""SIGTERM to the running app: what is under way, what is asked then, and what is left open."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import pytest

from chat.texts import Language, text
from tests.chat_client import ChatClient, Event
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.load.user import User
from tests.processes import Service, app_service

END_S = 60  # no measure: a busy machine takes its time


class App:
    """An app that is going to be ended."""

    def __init__(self, service: Service, url: str) -> None:
        self.service, self.url = service, url

    def terminate(self) -> None:
        self.service.process.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self.service.process.wait, END_S)

    async def ready(self) -> tuple[int, str]:
        async with httpx.AsyncClient() as client:
            reply = await client.get(f"{self.url}/ready", timeout=10)
        return reply.status_code, reply.json()["reason"]


@asynccontextmanager
async def app(fake: FakeVllm, folder: Path, timeout_s: int) -> AsyncIterator[App]:
    port = free_port()
    settings = {"PAGODA_SHUTDOWN_TIMEOUT_S": str(timeout_s)}
    with app_service(port, fake.url, folder / "app.log", **settings) as service:
        yield App(service, f"http://127.0.0.1:{port}")


def banners(chat: ChatClient) -> list[Event]:
    return [said for said in chat.of("window_message") if said.get("pagoda") == "banner"]


def said_of_answers(chat: ChatClient) -> list[tuple[str, str]]:
    """Of each message on the page that answers: its text as it is at last, and the sentence on its failure."""
    texts: dict[str, str] = {}
    sentences: dict[str, str] = {}
    for event, data in chat.events:
        if event in ("stream_start", "new_message", "update_message") and data["type"] == "assistant_message":
            texts[data["id"]] = "" if data["isError"] else data["output"]
            if data["isError"]:
                sentences[data["id"]] = data["output"]
        elif event == "element" and data["name"] == "AnswerStatus":
            for item in data["props"]["items"]:
                if item["id"] == "error":
                    sentences[data["props"]["id"]] = item["text"]
    return [(arrived, sentences.get(message, "")) for message, arrived in texts.items()]


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_fault_65_restart_mid_stream(fake: FakeVllm, tmp_path: Path, language: Language) -> None:
    """An answer under way ends whole; the page says that the chat is ending, and a new question is refused."""
    fake.script = Script(["one ", "two ", "three"], held=threading.Event(), hold_at=1)
    assert fake.script.held is not None
    async with (
        app(fake, tmp_path, 300) as app_,
        ChatClient(app_.url, language) as chat,
        ChatClient(app_.url, language) as other,
    ):
        await chat.send("Count")
        await chat.until(lambda: chat.count("stream_start") + chat.count("stream_token") > 0)
        app_.terminate()
        for page in (chat, other):
            await page.until(lambda page=page: banners(page)[-1:] and "text" in banners(page)[-1])
            assert banners(page)[-1]["text"] == text(language, "banner_shutting_down")
        assert await app_.ready() == (503, "shutting_down")
        asked = len(fake.requests)
        assert (await other.ask("Me, too?")).errors == [text(language, "error_shutting_down")]
        assert len(fake.requests) == asked
        # A page that comes only now is told, too.
        async with ChatClient(app_.url, language) as late:
            await late.until(lambda: bool(banners(late)))
            assert banners(late)[-1]["reason"] == "shutting_down"
        ended = chat.count("task_end")
        fake.script.held.set()
        await chat.until(lambda: chat.count("task_end") > ended)
        reply = chat.reply()
        assert (reply.text, reply.errors, reply.status) == ("one two three", [], [])
        assert await app_.exit_code() == 0


@pytest.mark.parametrize("json_mode", [False, True])
@pytest.mark.parametrize("arrived", ["", "[1, 2"])
async def test_fault_65_restart_takes_longer_than_there_is_time(
    fake: FakeVllm, tmp_path: Path, arrived: str, json_mode: bool
) -> None:
    """An answer that does not end in time is ended with a sentence; what had arrived stays, and the process ends."""
    fake.script, aborted = Script([arrived] if arrived else [], hang=True), fake.aborted
    async with app(fake, tmp_path, 1) as app_, ChatClient(app_.url) as chat:
        asked = len(fake.requests)
        ended = chat.count("task_end")
        await chat.send("Count", json_mode=json_mode)
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.send("And then?")  # waits for its turn
        app_.terminate()
        await chat.until(lambda: chat.count("task_end") >= ended + 2)
        assert await app_.exit_code() == 0
        await fake.until(lambda: fake.aborted > aborted)
        assert len(fake.requests) == asked + 1
        said = said_of_answers(chat)
        cut = (arrived, text("en-US", "error_cut_by_shutdown"))
        assert cut in said
        said.remove(cut)
        # It had its place behind the first one, or came too late for that.
        assert said in [[("", text("en-US", f"error_{why}"))] for why in ("cut_by_shutdown", "shutting_down")]


async def test_fault_65_restart_asked_for_twice(fake: FakeVllm, tmp_path: Path) -> None:
    """Whoever runs the page can end it at once by a second signal, whatever is under way."""
    fake.script = Script(["one "], hang=True)
    async with app(fake, tmp_path, 3600) as app_, ChatClient(app_.url) as chat:
        await chat.send("Count")
        await chat.until(lambda: chat.count("stream_start") + chat.count("stream_token") > 0)
        app_.terminate()
        await chat.until(lambda: banners(chat)[-1:] and banners(chat)[-1]["reason"] == "shutting_down")
        app_.terminate()  # right after the first it counts as the same one
        assert await app_.ready() == (503, "shutting_down")
        async with asyncio.timeout(END_S):
            while app_.service.process.poll() is None:
                app_.terminate()
                await asyncio.sleep(0.1)
        assert app_.service.process.returncode == 128 + signal.SIGTERM


async def test_fault_65_restart_with_a_page_that_hears_nothing(fake: FakeVllm, tmp_path: Path) -> None:
    """A page whose connection has stalled does not keep the process from ending."""
    fake.script = Script(["x" * 3_000_000] * 3)
    async with app(fake, tmp_path, 1) as app_, aiohttp.ClientSession() as session:
        user = User(session, app_.url, "Pagoda")
        await user.connect(quiet_after=2)
        asking = asyncio.create_task(user.ask("Write much"))
        asked = len(fake.requests)
        await fake.until(lambda: len(fake.requests) > asked)
        asking.cancel()  # nobody reads on
        app_.terminate()
        assert await app_.exit_code() == 0


async def test_without_answers_under_way_it_ends_without_waiting(fake: FakeVllm, tmp_path: Path) -> None:
    fake.script = Script()
    async with app(fake, tmp_path, 3600) as app_, ChatClient(app_.url) as chat:
        await chat.ask("Hello?")
        app_.terminate()
        assert await app_.exit_code() == 0
        assert banners(chat)[-1]["reason"] == "shutting_down"
        assert "0 answers under way" in app_.service.log.read_text()
