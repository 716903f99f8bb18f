"""What the server tells of itself: its times of a request, and its queue."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from chat.failures import BadStatus
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


async def test_no_metrics_is_not_no_answer() -> None:
    async def queue_of(told: str | Exception) -> Queue:
        async def metrics() -> bytes:
            if isinstance(told, Exception):
                raise told
            return told.encode()

        return (await QueueWatch(metrics).look(patience_s=30)).queue

    assert await queue_of(PROMETHEUS) == 5
    assert await queue_of(BadStatus(404, "")) is None
    assert await queue_of(ValueError("too long")) is None
    assert await queue_of(aiohttp.ServerDisconnectedError()) == "silent"


async def test_however_many_wait_the_server_is_asked_once() -> None:
    asked = 0

    async def metrics() -> bytes:
        nonlocal asked
        asked += 1
        return PROMETHEUS.encode()

    watch = QueueWatch(metrics)
    seen = await asyncio.gather(*(watch.look(patience_s=30) for _ in range(200)))
    assert [one.queue for one in seen] == [5] * 200
    assert asked == 1


async def test_a_server_that_takes_its_time_is_not_waited_for() -> None:
    gate = asyncio.Event()

    async def metrics() -> bytes:
        await gate.wait()
        return PROMETHEUS.encode()

    watch = QueueWatch(metrics)
    assert (await watch.look(patience_s=0.01)).queue is None
    gate.set()
    assert (await watch.look(patience_s=30)).queue == 5
