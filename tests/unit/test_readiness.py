"""What is concluded from the model server's replies, and how seldom it is asked."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from chat.errors import (
    BackendAbsent,
    BackendBroke,
    BackendFailing,
    BackendLoading,
    BackendRefusedKey,
    BackendRestarting,
    ModelUnknown,
    TurnError,
)
from chat.model_server import ModelServer
from chat.readiness import FRESH_S, SEEN_WITHIN_S, ReadinessProbe
from chat.server_metrics import Queue, Seen

LIMIT = 8


class Server:
    """A model server and a clock."""

    def __init__(self) -> None:
        self.queue = self
        self.error: TurnError | None = None
        self.waiting: Queue = 0
        self.hangs = False
        self.checked = 0
        self.clock = 100.0

    async def check(self) -> None:
        self.checked += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.error:
            raise self.error

    async def look(self, _patience_s: float) -> Seen:
        return Seen(self.waiting, self.clock)

    def monotonic(self) -> float:
        return self.clock


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr("chat.readiness.time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def probe(server: Server) -> ReadinessProbe:
    return ReadinessProbe(cast(ModelServer, server), LIMIT)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "ready"),
        (BackendAbsent(), "absent"),
        (BackendLoading(), "loading"),
        (BackendRestarting(seconds=3), "restarting"),
        (BackendRefusedKey(), "refused_key"),
        (ModelUnknown(), "model_unknown"),
        (BackendFailing(), "failing"),
        (BackendBroke(), "failing"),
    ],
)
async def test_each_failure_has_its_reason(
    server: Server, probe: ReadinessProbe, error: TurnError | None, reason: str
) -> None:
    server.error = error
    found = await probe.now()
    assert (found.reason, found.ready) == (reason, error is None)


async def test_a_server_that_says_nothing_is_silent(
    server: Server, probe: ReadinessProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.readiness.PATIENCE_S", 0.01)
    server.hangs = True
    assert (await probe.now()).reason == "silent"


@pytest.mark.parametrize("waiting", [0, LIMIT - 1, None, "silent"])
async def test_a_queue_below_its_limit_or_unknown_is_no_obstacle(
    server: Server, probe: ReadinessProbe, waiting: Queue
) -> None:
    server.waiting = waiting
    found = await probe.now()
    assert (found.reason, found.waiting) == ("ready", waiting if isinstance(waiting, int) else None)


async def test_a_full_queue_counts_as_full_until_there_is_room(server: Server, probe: ReadinessProbe) -> None:
    reasons = []
    for server.waiting in (LIMIT - 1, LIMIT, LIMIT - 1, LIMIT - 2, LIMIT - 3, LIMIT - 1):
        found = await probe.now()
        assert found.waiting == server.waiting
        reasons.append(found.reason)
        server.clock += FRESH_S
    assert reasons == ["ready", "overloaded", "overloaded", "overloaded", "ready", "ready"]


async def test_it_asks_once_a_second_however_many_want_to_know(server: Server, probe: ReadinessProbe) -> None:
    await asyncio.gather(*(probe.now() for _ in range(50)))
    await probe.now()
    assert server.checked == 1
    server.clock += FRESH_S
    await asyncio.gather(*(probe.now() for _ in range(50)))
    assert server.checked == 2


async def test_since_when_it_is_so(server: Server, probe: ReadinessProbe) -> None:
    await probe.now()
    server.clock += 10
    server.error = BackendRestarting(seconds=10)
    assert (await probe.now()).for_s == 0
    server.clock += 2
    assert (await probe.now()).for_s == 2
    server.error = BackendLoading()
    server.clock += 1
    assert (await probe.now()).for_s == 0


async def test_how_long_a_start_took_is_known_once_one_was_seen_as_a_whole(
    server: Server, probe: ReadinessProbe
) -> None:
    async def look(error: TurnError | None, after_s: float) -> float | None:
        server.error = error
        server.clock += after_s
        return (await probe.now()).last_start_s

    assert await look(BackendLoading(), 0) is None  # its beginning was not seen
    assert await look(None, 2) is None
    assert await look(BackendRestarting(seconds=2), 2) is None
    for _ in range(10):
        assert await look(BackendLoading(), 4) is None
    assert await look(None, 3) == 43
    assert await look(BackendRestarting(seconds=2), SEEN_WITHIN_S + 1) == 43  # it may have gone long before
    assert await look(None, 2) == 43
    await look(BackendRestarting(seconds=2), 2)
    assert await look(None, SEEN_WITHIN_S + 1) == 43  # it may have come back long before
