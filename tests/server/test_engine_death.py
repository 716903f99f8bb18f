"""The real vLLM dies under a conversation, comes back, and is asked to end: two starts of it, so it takes minutes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat.texts import text
from tests.chat_client import ChatClient, Event
from tests.fake_vllm import free_port
from tests.processes import VLLM_READY_S, Service, app_service, engine_of, vllm_service


def banner(chat: ChatClient) -> Event:
    """What it says now; nothing where it has said nothing."""
    return next((said for said in reversed(chat.of("window_message")) if said.get("pagoda") == "banner"), {})


def pieces(chat: ChatClient) -> int:
    return chat.count("stream_start") + chat.count("stream_token")


async def ask_for_much(chat: ChatClient) -> int:
    """Ask for what takes a while, and return once it has begun; the number of the first event of it."""
    # At this temperature the model does not come to an end by itself.
    await chat.set(temperature=2, top_p=1, max_tokens=1200)
    start, before = len(chat.events), pieces(chat)
    await chat.send("Tell me everything about Pagoda.")
    await chat.until(lambda: pieces(chat) > before + 1)
    return start


@asynccontextmanager
async def started(vllm: Service) -> AsyncIterator[Service]:
    """It takes so long that the page's pings must be answered meanwhile."""
    await asyncio.to_thread(vllm.__enter__)
    try:
        yield vllm
    finally:
        await asyncio.to_thread(vllm.__exit__, None, None, None)


async def gone(vllm: Service) -> int:
    return await asyncio.to_thread(vllm.process.wait, 60)


@pytest.mark.timeout(2 * VLLM_READY_S + 240)
async def test_fault_21_engine_death_and_restart(tmp_path: Path) -> None:
    """The page says that the answer broke off, then that vLLM is away; after its restart the conversation goes on."""
    port, app_port = free_port(), free_port()
    url = f"http://127.0.0.1:{app_port}"
    with app_service(app_port, f"http://127.0.0.1:{port}/v1", tmp_path / "app.log", PAGODA_TEMPERATURE="0"):
        async with ChatClient(url) as chat:
            async with started(vllm_service(port, tmp_path / "vllm.log")) as vllm:
                assert "Matilda" in (await chat.ask("My name is Matilda.")).text
                start, ended = await ask_for_much(chat), chat.count("task_end")
                os.kill(engine_of(vllm), signal.SIGKILL)
                await chat.until(lambda: chat.count("task_end") > ended)
                broken = chat.reply(start)
                assert broken.text
                assert broken.errors == [text("en-US", "error_backend_broke")]
                os.killpg(vllm.process.pid, signal.SIGKILL)
                await gone(vllm)
            [sentence] = (await chat.ask("Are you there?")).errors
            assert sentence.startswith(text("en-US", "error_backend_restarting", seconds="|").split("|")[0])
            await chat.until(lambda: banner(chat).get("reason") == "restarting")

            async with started(vllm_service(port, tmp_path / "vllm-again.log")) as vllm:
                await chat.until(lambda: banner(chat).get("reason") == "ready")
                await chat.set(temperature=0, max_tokens=100)
                assert "Matilda" in (await chat.ask("What is my name?")).text

                # Asked politely, it finishes what it has begun.
                start, ended = await ask_for_much(chat), chat.count("task_end")
                vllm.process.send_signal(signal.SIGTERM)
                await chat.until(lambda: chat.count("task_end") > ended)
                assert (chat.reply(start).errors, await gone(vllm)) == ([], 0)
