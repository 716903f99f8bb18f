"""Where many answers run at once: what is spared then, and what isn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from chat import completion
from chat.completion import Completion, request_for
from chat.model_server import AGAIN_S, ModelServer
from chat.pace import MANY, PACE
from chat.sampling import default_sampling
from chat.settings import Settings
from chat.stream import Stream
from tests.load.upstream import Connection, Upstream, answer

TOKENS = 20


class Counted(Connection):
    """Notes what is asked for."""

    asked: list[str]

    def _answer(self, path: str) -> None:
        self.asked.append(path)
        super()._answer(path)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ModelServer]:
    Counted.asked = []
    upstream = Upstream(answer(TOKENS), 200)
    listening = await asyncio.get_running_loop().create_server(lambda: Counted(upstream), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("PAGODA_BACKEND_URL", f"http://127.0.0.1:{port}/v1")
    server = ModelServer(Settings())
    yield server
    await server._session.close()
    listening.close()
    await asyncio.sleep(0.1)


async def test_the_first_words_do_not_wait_for_the_next_read(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before them comes a chunk without any."""
    rested: list[float] = []

    async def rest(_stream: Stream, seconds: float) -> None:
        rested.append(seconds)

    monkeypatch.setattr(completion, "PACE", SimpleNamespace(between_reads_s=60.0))
    monkeypatch.setattr(Stream, "rest", rest)
    model = await server.model()
    asked = Completion()
    sampling = default_sampling(Settings(), "en-US")
    request = request_for(model, [{"role": "user", "content": "x"}], sampling, TOKENS, None)
    text, rests_before_words = "", None
    async for piece in asked.deltas(server, request):
        rests_before_words = len(rested) if rests_before_words is None else rests_before_words
        text += piece.text
    assert rests_before_words == 0
    assert rested  # and then it does
    assert text == "".join(answer(TOKENS))


async def test_a_stream_that_rests_takes_nothing_from_its_connection(server: ModelServer) -> None:
    async with server.answering({"messages": []}) as stream:
        assert stream.reply.connection is not None
        transport = stream.reply.connection.transport
        assert isinstance(transport, asyncio.ReadTransport)
        resting = asyncio.create_task(stream.rest(60))
        await asyncio.sleep(0)
        assert not transport.is_reading()
        resting.cancel()
        await asyncio.gather(resting, return_exceptions=True)
        assert transport.is_reading()
        received = b"".join([data async for data in stream.received])
    assert received.endswith(b"[DONE]\n\n")
    await stream.rest(0)  # of a connection that is gone, too


async def test_who_asks_for_the_models_right_after_another_gets_the_same_reply(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.models()
    await server.models()
    assert Counted.asked == ["/v1/models"] * 2
    monkeypatch.setattr(PACE, "running", MANY)
    monkeypatch.setattr("chat.model_server.AGAIN_S", 60.0)
    await server.models()
    await server.models()
    assert Counted.asked == ["/v1/models"] * 2
    monkeypatch.setattr("chat.model_server.AGAIN_S", AGAIN_S)
    await asyncio.sleep(AGAIN_S)
    await server.models()
    assert Counted.asked == ["/v1/models"] * 3
