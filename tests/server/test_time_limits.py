"""Time limits hold whatever the model server sends: bytes are no sign of life, and after its end an answer is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_vllm import FakeVllm, Script, free_port
from tests.fault_client import HEL, answered, event, explained, piece
from tests.processes import app_service

PING = b": ping\n\n"
ENOUGH = 60


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hasty") / "app.log"


@pytest.fixture(scope="module")
def hasty_url(fake: FakeVllm, log: Path) -> Iterator[str]:
    """An app without much patience."""
    port = free_port()
    limits = {"PAGODA_FIRST_TOKEN_TIMEOUT_S": "2", "PAGODA_READ_TIMEOUT_S": "1", "PAGODA_ANSWER_TIMEOUT_S": "10"}
    with app_service(port, fake.url, log, **limits):
        yield f"http://127.0.0.1:{port}"


KEPT_ALIVE = {
    "before_the_first_token": ([PING] * ENOUGH, ""),
    "after_it": ([HEL, *[PING] * ENOUGH], "Hel"),
    "by_tokens_without_text": ([HEL, *[piece({"content": ""})] * ENOUGH], "Hel"),
    "by_half_an_event": ([HEL, b"data: ", *[b"x"] * ENOUGH], "Hel"),
}


@pytest.mark.parametrize("case", KEPT_ALIVE)
async def test_fault_07_a_stream_kept_alive_without_a_word(fake: FakeVllm, hasty_url: str, case: str) -> None:
    """Comments and events without text are silence: the page says so in time; what had arrived stays."""
    raw, kept = KEPT_ALIVE[case]
    await explained(fake, hasty_url, Script(raw=raw, delay_s=0.25), "error_backend_silent", kept)


@pytest.mark.parametrize("more", [PING, piece({"content": "!"})], ids=["comments", "words"])
async def test_fault_15_a_stream_that_goes_on_after_its_end(fake: FakeVllm, hasty_url: str, more: bytes) -> None:
    """A stream that does not end after its finish reason is left soon; the answer is whole."""
    raw = [HEL, piece({"content": "lo"}, "stop"), *[PING] * ENOUGH, more, *[PING] * ENOUGH]
    await answered(fake, hasty_url, Script(raw=raw, delay_s=0.25), "Hello")


USAGE = {"prompt_tokens": 3, "completion_tokens": 1}


@pytest.mark.parametrize(
    "usage",
    [USAGE | {"prompt_tokens": -1}, {"prompt_tokens": 3}, "many", USAGE | {"prompt_tokens_details": 5}],
    ids=["negative", "missing", "no_object", "details"],
)
async def test_fault_14_figures_that_cannot_be(fake: FakeVllm, hasty_url: str, usage: object) -> None:
    """The answer is whole, without them."""
    raw = [HEL, piece({"content": "lo"}, "stop"), event(choices=[], usage=usage), b"data: [DONE]\n\n"]
    await answered(fake, hasty_url, Script(raw=raw), "Hello")


BROKEN = {
    "ended without a finish reason": b"<html>secret-detail</html>",
    "an event that is no object": b'data: ["secret-detail"]\n\n',
    "an error event, code 507": event(error={"message": "secret-detail", "code": 507}),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_the_log_says_why_an_answer_broke_off_and_not_what_was_in_it(
    fake: FakeVllm, hasty_url: str, log: Path, reason: str
) -> None:
    asyncio.run(explained(fake, hasty_url, Script(raw=[BROKEN[reason]]), "error_backend_broke"))
    told = log.read_text(encoding="utf-8")
    assert reason in told
    assert "secret-detail" not in told
