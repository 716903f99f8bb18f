"""Queued or being read: what is concluded from the length of the server's queue."""

from __future__ import annotations

from typing import cast

import pytest

from chat.model_server import ModelServer
from chat.sampling import Sampling
from chat.server_metrics import Queue, Seen
from chat.turn import Answer
from chat.wait import STALLED_AFTER_S, Wait, WaitWatch

SENT_AT = 100.0
SAMPLING = Sampling(preset="none", system_prompt="", temperature=0, top_p=1, max_tokens=500)
READING, SILENT = Wait("reading"), Wait("silent")


class Server:
    """A model server and a clock: tells of its queue what it is given, as seen at those times."""

    def __init__(self, looks: list[tuple[float, Queue]]) -> None:
        self.queue = self
        self.clock = SENT_AT
        self._looks = looks

    async def look(self, _patience_s: float) -> Seen:
        asked_at, queue = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return Seen(queue, asked_at)

    def monotonic(self) -> float:
        return self.clock


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        # A queue that is empty just after the request was sent says nothing: the request may not have arrived yet.
        ([(100.1, 0), (101.2, 3)], [READING, Wait("queued", 2)]),
        ([(99.5, 0), (100.5, 0), (101.6, 1)], [READING, READING, Wait("queued", 0)]),
        # Empty later on, it was this one's turn; others are behind it.
        ([(100.5, 2), (101.5, 0), (102.5, 7)], [Wait("queued", 1), READING, READING]),
        # Whoever came later is not ahead.
        ([(100.5, 3), (101.5, 9), (102.5, 2)], [Wait("queued", 2), Wait("queued", 2), Wait("queued", 1)]),
        # The server fell silent and came back.
        ([(100.5, 2), (101.5, "silent"), (103.5, 1)], [Wait("queued", 1), SILENT, Wait("queued", 0)]),
        # No such figure.
        ([(100.5, None), (105.0, None)], [READING, READING]),
    ],
)
async def test_first_come_first_served(looks: list[tuple[float, Queue]], said: list[Wait]) -> None:
    answer = Answer(SAMPLING, "en-US", None)
    answer.request = {}
    server = Server(looks)
    watch = WaitWatch(cast(ModelServer, server), answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chat.wait.time", server)
        assert [await watch.now(0) for _ in said] == said


async def test_what_the_answer_itself_tells() -> None:
    server = Server([(0.0, None)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chat.wait.time", server)
        answer = Answer(SAMPLING, "en-US", None)
        watch = WaitWatch(cast(ModelServer, server), answer)
        assert await watch.now(0) == Wait("asking")
        answer.request = {}
        assert await watch.now(0) == READING
        server.clock += 5
        answer.reasoning = "Hm"
        assert await watch.now(0) == Wait("thinking")
        answer.text = "Yes"
        assert await watch.now(0) == Wait("writing")
        came_at = server.clock
        server.clock += STALLED_AFTER_S
        assert await watch.now(0) == Wait("stalled")
        assert watch.since == came_at
        answer.text = "Yes."
        assert await watch.now(0) == Wait("writing")
        # What stands there before an answer is continued is no news.
        assert await WaitWatch(cast(ModelServer, server), answer).now(0) == READING
