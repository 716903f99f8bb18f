"""What the server tells of itself: its times of a request, and its queue."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from chat.server_metrics import Queue, QueueWatch, ServerMetrics, waiting_in

TOLD = {
    "time_to_first_token_ms": 25.5,
    "generation_time_ms": 950,
    "queue_time_ms": 0.0,
    "mean_itl_ms": None,
    "tokens_per_second": 100.0,
}
# As vLLM 0.32 writes it, two engines.
PROMETHEUS = """\
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 3.0
vllm:num_requests_running{engine="0",model_name="m"} 16.0
"""


def test_the_times_of_a_request() -> None:
    metrics = ServerMetrics.told(TOLD)
    assert metrics == ServerMetrics(queue_ms=0.0, prompt_ms=25.5, decode_ms=950.0, itl_ms=None)
    assert metrics.total_ms == 975.5


@pytest.mark.parametrize(
    "told", [None, "x", [], {}, {"tokens_per_second": 5.0}, {"queue_time_ms": None}, {"queue_time_ms": -1}]
)
def test_nothing_told_is_nothing_known(told: object) -> None:
    assert ServerMetrics.told(told) is None


@pytest.mark.parametrize(
    ("text", "waiting"),
    [
        (PROMETHEUS, 5),
        ("vllm:num_requests_waiting 1.0\n", 1),
        ('vllm:num_requests_waiting_by_reason{reason="capacity"} 4.0\n', None),
        ("# TYPE vllm:num_requests_waiting gauge\n", None),
        ("vllm:num_requests_waiting{} NaN\n", None),
        ("vllm:num_requests_waiting{} +Inf\n", None),
        ("vllm:num_requests_waiting{} many\n", None),
        ("<html>Not found</html>", None),
        ("", None),
    ],
)
def test_the_queue_in_prometheus_text(text: str, waiting: int | None) -> None:
    assert waiting_in(text) == waiting


async def queue_of(handler: object) -> Queue:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler), base_url="http://vllm") as client:  # type: ignore[arg-type]
        return (await QueueWatch(client).look(patience_s=30)).queue


async def test_no_metrics_is_not_no_answer() -> None:
    def absent(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    assert await queue_of(lambda _: httpx2.Response(404)) is None
    assert await queue_of(lambda _: httpx2.Response(200, text=PROMETHEUS)) == 5
    assert await queue_of(absent) == "silent"


async def test_however_many_wait_the_server_is_asked_once() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, text=PROMETHEUS)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://vllm") as client:
        watch = QueueWatch(client)
        seen = await asyncio.gather(*(watch.look(patience_s=30) for _ in range(200)))
    assert [one.queue for one in seen] == [5] * 200
    assert [request.url.path for request in asked] == ["/metrics"]


async def test_a_server_that_takes_its_time_is_not_waited_for() -> None:
    gate = asyncio.Event()

    async def slow(_request: httpx2.Request) -> httpx2.Response:
        await gate.wait()
        return httpx2.Response(200, text=PROMETHEUS)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(slow), base_url="http://vllm") as client:
        watch = QueueWatch(client)
        assert (await watch.look(patience_s=0.01)).queue is None
        gate.set()
        assert (await watch.look(patience_s=30)).queue == 5
