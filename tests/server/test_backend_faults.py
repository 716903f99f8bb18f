"""Faults of the model server: absent, loading, silent, refusing. A sentence on the page, and the next question works.

What becomes of a stream that is not as it should be is in test_stream_faults.py.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat.model_server import TOGETHER_S
from chat.texts import LANGUAGES, Language, text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.fault_client import explained
from tests.processes import app_service


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_01_the_model_server_is_down_at_the_start(tmp_path: Path, language: Language) -> None:
    """The page opens and says that the model server is not running; once it runs, the next question is answered."""
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            assert (await chat.ask("1")).errors == [text(language, "error_backend_absent")]
            with FakeVllm(backend_port):
                assert (await chat.ask("2")).text == "Hello there."


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_02_the_model_is_still_loading(tmp_path: Path, language: Language) -> None:
    """The page says that the model is still loading; once it is loaded, the next question is answered."""
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            with socket.socket() as vllm_while_loading:
                vllm_while_loading.bind(("127.0.0.1", backend_port))
                assert (await chat.ask("1")).errors == [text(language, "error_backend_loading")]
            with FakeVllm(backend_port):
                assert (await chat.ask("2")).text == "Hello there."


async def test_fault_03_it_dies_before_the_first_token(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that the connection to the model server broke, and the next question works."""
    await explained(fake, fake_app_url, Script([], die=True), "error_backend_broke")


async def test_fault_04_it_dies_mid_stream(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that the model server broke off; what had arrived stays, and the next question works."""
    await explained(fake, fake_app_url, Script(["Hel"], die=True), "error_backend_broke", "Hel")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Script(["Hel"], die=True), "error_backend_broke"),
        (Script(["Hel"], finish_reason="abort"), "error_ended_early"),
    ],
)
async def test_fault_04_what_had_arrived_can_be_continued(
    fake: FakeVllm, fake_app_url: str, script: Script, error: str
) -> None:
    """The answer that broke off can be continued where it ended."""
    async with ChatClient(fake_app_url) as chat:
        fake.script = script
        broken = await chat.ask("Q")
        assert (broken.text, broken.errors) == ("Hel", [text("en-US", error)])
        fake.script = Script(["lo"])
        whole = await chat.act("answer_continue", broken.answer_id)
        assert (whole.text, whole.errors, whole.status) == ("Hello", [], [])


async def test_fault_05_it_hangs(fake: FakeVllm, fake_app_url: str) -> None:
    """After the time for a first token the page says that the model server is silent; the next question works."""
    await explained(fake, fake_app_url, Script([], hang=True), "error_backend_silent")


async def test_fault_07_it_stalls_between_tokens(fake: FakeVllm, fake_app_url: str) -> None:
    """After the time between tokens the page says that nothing more comes; what had arrived stays."""
    await explained(fake, fake_app_url, Script(["Hel"], hang=True), "error_backend_silent", "Hel")


async def test_fault_08_bad_request(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that the model server refused the question as it was put, and what to try; the next one works."""
    await explained(fake, fake_app_url, Script(status=400), "error_request_refused")


async def test_fault_09_wrong_key(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that its key is refused, and which setting to correct; the key itself is not shown."""
    await explained(fake, fake_app_url, Script(status=401), "error_backend_refused_key")


async def test_fault_10_not_found(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that the model server does not offer the model, and which setting to correct."""
    await explained(fake, fake_app_url, Script(status=404), "error_model_unknown")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_10_a_model_that_is_set_and_not_served(fake: FakeVllm, tmp_path: Path, language: Language) -> None:
    """A model of the settings that is not served is named as the fault before anything is asked of it."""
    port, asked = free_port(), len(fake.requests)
    with app_service(port, fake.url, tmp_path / "app.log", PAGODA_MODEL="another"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            assert (await chat.ask("Hello?")).errors == [text(language, "error_model_unknown")]
    assert len(fake.requests) == asked


async def test_fault_11_too_many_requests(fake: FakeVllm, fake_app_url: str) -> None:
    """The question is asked again a few times; then the page says that the model server has too much to do."""
    asked = len(fake.requests)
    await explained(fake, fake_app_url, Script(status=429), "error_backend_busy")
    assert len(fake.requests) == asked + 2 * 5 + 2


async def test_fault_12_server_error(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that the model server is failing, and who finds the reason; the next question works."""
    await explained(fake, fake_app_url, Script(status=500), "error_backend_failing")


async def test_fault_12_queue_full(fake: FakeVllm, fake_app_url: str) -> None:
    """A queue that stays full: the page says that the model server has too much to do, and the next question works."""
    await explained(fake, fake_app_url, Script(status=503), "error_backend_busy")


async def test_fault_12_a_dead_engine_is_failing_not_busy(fake: FakeVllm, fake_app_url: str) -> None:
    """A server that answers 503 because its engine died is called failing, not busy."""
    fake.healthy = False
    try:
        async with ChatClient(fake_app_url) as chat:
            fake.script = Script(status=503)
            assert (await chat.ask("Hello?")).errors == [text("en-US", "error_backend_failing")]
    finally:
        fake.healthy = True


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_21_a_server_that_restarts_is_said_to(tmp_path: Path, language: Language) -> None:
    """While the model server restarts, the page says so and since when; once it is back, the conversation goes on."""
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            with FakeVllm(backend_port):
                assert (await chat.ask("1")).text == "Hello there."
            [sentence] = (await chat.ask("2")).errors
            before, after = text(language, "error_backend_restarting", seconds="|").split("|")
            assert sentence.startswith(before)
            assert sentence.endswith(after)
            with FakeVllm(backend_port) as back:
                assert (await chat.ask("3")).text == "Hello there."
                # Nothing of the conversation was lost meanwhile.
                assert [m["content"] for m in back.requests[0]["messages"][1:]] == ["1", "Hello there.", "3"]


@asynccontextmanager
async def listening(port: int, *, resets: bool) -> AsyncIterator[asyncio.Server]:
    """A port that takes every connection, and resets it or says nothing; closing the server leaves the connections."""
    silent: list[asyncio.StreamWriter] = []

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if resets:
            await reader.read(1)
            # Without lingering, closing is a reset.
            taken_socket = writer.get_extra_info("socket")
            taken_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            silent.append(writer)

    server = await asyncio.start_server(taken, "127.0.0.1", port)
    try:
        yield server
    finally:
        server.close()
        for writer in silent:
            writer.close()
            await writer.wait_closed()


async def test_fault_22_connections_that_are_reset(tmp_path: Path) -> None:
    """Where connections to the model server are reset, the page says that they broke; the next question works."""
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}") as chat:
            async with listening(backend_port, resets=True):
                assert (await chat.ask("1")).errors == [text("en-US", "error_backend_broke")]
            with FakeVllm(backend_port):
                assert (await chat.ask("2")).text == "Hello there."


async def test_fault_05_it_accepts_connections_and_says_nothing(tmp_path: Path) -> None:
    """The page says that the model server says nothing, also where it is silent before the question can be put."""
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log", PAGODA_READ_TIMEOUT_S="2"):
        url = f"http://127.0.0.1:{port}"
        async with ChatClient(url) as chat, listening(backend_port, resets=False) as server:
            assert (await chat.ask("1")).errors == [text("en-US", "error_backend_silent")]
            server.close()
            with FakeVllm(backend_port):
                # What was asked before hangs still; whoever asks later does not wait for that.
                await asyncio.sleep(TOGETHER_S)
                assert (await chat.ask("2")).text == "Hello there."


@pytest.mark.parametrize("language", LANGUAGES)
async def test_fault_22_a_name_that_is_not_found(tmp_path: Path, language: Language) -> None:
    """Where the model server's name is not found, the page says that it is not running."""
    port = free_port()
    with app_service(port, "http://vllm.invalid:8000/v1", tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            for question in ("1", "2"):
                assert (await chat.ask(question)).errors == [text(language, "error_backend_absent")]
