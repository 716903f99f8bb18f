"""What is learnt of a server before it is measured, from servers that are not vLLM or not well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backend.benchmark.endpoint import connect
from backend.benchmark.problems import Problem
from backend.benchmark.server_metrics import Sampler
from tests.fake_vllm import FakeVllm

MODELS = (200, b'{"data": [{"id": "m"}]}')


@asynccontextmanager
async def serving(models: tuple[int, bytes], tokenize: tuple[int, bytes] | None = None) -> AsyncIterator[str]:
    """`tokenize` None: the connection is closed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        answers = {b"/v1/models": models, b"/version": (404, b""), b"/tokenize": tokenize}
        if answer := answers[path]:
            head = b"HTTP/1.1 %d Told\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % (answer[0], len(answer[1])) + answer[1])
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize(
    ("tokenize", "count"),
    [
        ((200, b'{"count": 5}'), 5),
        ((404, b""), None),
        ((200, b"<html>Welcome</html>"), None),
        ((200, b"[5]"), None),
        ((200, b'{"count": "5"}'), None),
        (None, None),
    ],
)
async def test_a_server_that_does_not_count_is_no_fault(tokenize: tuple[int, bytes] | None, count: int | None) -> None:
    async with serving(MODELS, tokenize) as url:
        endpoint = await connect(url, None)
        assert await endpoint.counts([[{"role": "user", "content": "x"}]]) == [count]


async def test_a_server_with_a_fault_of_its_own_is_an_api_all_the_same() -> None:
    async with serving((500, b"oops")) as url:
        with pytest.raises(Problem, match=r"has a fault of its own \(HTTP 500 for GET /v1/models\): see the"):
            await connect(url, None)


@pytest.mark.parametrize("key", ["sk-secret\n", "sk secret", "sk-sécret"])
async def test_a_key_that_can_be_none_is_not_sent(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    async with serving((400, b"")) as url:
        with pytest.raises(Problem, match="The variable OPENAI_API_KEY holds a blank, a line break") as caught:
            await connect(url, None)
    assert "cret" not in str(caught.value)


async def test_of_a_run_that_was_over_before_the_first_look_no_queue_is_told() -> None:
    with FakeVllm() as fake:
        fake.waiting = 3
        async with Sampler(await connect(fake.url, None), has_page=True) as sampler:
            pass
    assert sampler.figures() == {"samples": 0}
    assert fake.looked == 2
