"""The path of a streamed answer: whatever bytes the model server sends, and however they are cut on their way.

What comes of them is text, figures and a `TurnError`, the same for every cut, and nothing else is ever raised.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, NamedTuple

from chat.completion import Completion
from chat.errors import TurnError
from chat.model_server import ModelServer
from chat.settings import load_settings
from chat.stream import Stream


class Outcome(NamedTuple):
    """All that is left of an answer, but for the times by this process's clock."""

    reasoning: str
    text: str
    finish_reason: str | None
    prompt_tokens: int
    cached_tokens: int | None
    completion_tokens: int
    metrics: dict[str, float | None] | None
    error: str | None


class Sender(ModelServer):
    """A model server that has accepted the question and sends `pieces`."""

    pieces: Sequence[bytes] = ()

    @asynccontextmanager
    async def answering(self, _body: dict[str, Any]) -> AsyncIterator[Stream]:
        async def received() -> AsyncIterator[bytes]:
            for piece in self.pieces:
                yield piece

        reply: Any = SimpleNamespace(content=SimpleNamespace(iter_any=received), connection=None, content_type="")
        async with self.guarded():
            yield Stream(reply, PATIENCE_S, PATIENCE_S)


SENDER = Sender(load_settings(None))
RUNNER = asyncio.Runner()
PATIENCE_S = 3600.0  # what is waited for here is this process, however little of a processor it gets


async def _outcome(pieces: Sequence[bytes]) -> Outcome:
    completion, error = Completion(), None
    reasoning = text = ""
    SENDER.pieces = pieces
    try:
        async for delta in completion.deltas(SENDER, {}):
            if delta.reasoning:
                reasoning += delta.text
            else:
                text += delta.text
    except TurnError as failure:
        error = type(failure).__name__
    metrics = asdict(completion.metrics) if completion.metrics else None
    counts = (completion.prompt_tokens, completion.cached_tokens, completion.completion_tokens)
    return Outcome(reasoning, text, completion.finish_reason, *counts, metrics, error)


def outcome(pieces: Sequence[bytes]) -> Outcome:
    """What becomes of an answer that comes in `pieces`."""
    return RUNNER.run(_outcome(pieces))


def one_input(data: bytes) -> None:
    """The first byte says how long the pieces are."""
    size, stream = (data[0] if data else 0) + 1, data[1:]
    whole = outcome([stream])
    cut = outcome([stream[at : at + size] for at in range(0, len(stream), size)])
    assert cut == whole, f"in pieces of {size}: {cut} instead of {whole}"
    (whole.reasoning + whole.text).encode()  # a page can show it, and the next question can hold it
    assert whole.finish_reason is None or isinstance(whole.finish_reason, str)
    for count in (whole.prompt_tokens, whole.cached_tokens or 0, whole.completion_tokens):
        assert isinstance(count, int)
        assert 0 <= count < 10**12
    assert all(time is None or 0 <= time < math.inf for time in (whole.metrics or {}).values())


def _stream(*events: object, ending: str = "\n\n") -> bytes:
    lines = [event if isinstance(event, str) else json.dumps(event, ensure_ascii=False) for event in events]
    return b"\x05" + "".join(f"data: {line}{ending}" for line in lines).encode()


def _choice(finish_reason: object = None, **delta: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}


USAGE = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 3}}
TIMES = {"time_to_first_token_ms": 20.5, "queue_time_ms": 0, "generation_time_ms": 80.25, "mean_itl_ms": 20}
END: dict[str, Any] = {"choices": [], "usage": USAGE, "metrics": TIMES}

LONGEST = 2000
SEEDS = [
    _stream(_choice(role="assistant", content=""), _choice(content="Hel"), _choice("stop", content="lo"), END),
    _stream(_choice(reasoning="Hm 你好"), _choice(content="é😀"), _choice("length"), END, "[DONE]", ending="\r\n\r\n"),
    _stream(_choice(content="Hel"), {"error": {"message": "engine died", "code": 500}}),
    _stream(_choice(content="Hel"), '{"choices": [{"delta": {"content": null}}, {"delta": null}, {}]}', "[DONE]"),
    _stream('{"choices":[{"delta":{"content":"\\ud83d\\ude00\\ud83d"}}]}', _choice(content="a"), _choice("stop")),
    _stream(_choice("stop", content="x"), {"choices": None, "usage": USAGE | {"prompt_tokens_details": None}}),
    b"\x00: a comment\n\nevent: message\nid: 1\nretry: 5\ndata:{}\n\ndata\ndata: {\n",
]
_HEL = _stream(_choice(content="Hel"))
FOUND = [
    _HEL + b"data: " + b"[" * 5000 + b"\n\n",
    b"\x00\xef\xbb\xbf" + _HEL[1:],
    _stream(_choice(reasoning_content="Hm"), _choice("abort", content="Hel"), END),
    _HEL + b'data: {"choices": [5]}\n\n',
    _HEL + b'data: {"choices": [{"finish_reason": {"a": 1}}]}\n\n',
    *(
        _HEL + b'data: {"usage": {"prompt_tokens": %b, "completion_tokens": 1}}\n\n' % count
        for count in (b'"x"', b"null", b"-1", b"1.5", b"9" * 400)
    ),
    *(
        _HEL + b'data: {"usage": {"prompt_tokens": 1, "completion_tokens": 1%b}\n\n' % rest
        for rest in (
            b', "prompt_tokens_details": {"cached_tokens": "x"}}',
            b'}, "metrics": {"queue_time_ms": Infinity}',
            b'}, "metrics": {"queue_time_ms": %b}' % (b"9" * 400),
        )
    ),
    b"\x40"
    + b"".join(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % half for half in (rb"\ud83d", rb"\ude00")),
]
FOUND.append(
    bytes([len(_HEL) - 2]) + _HEL[1:] + b"\xef\xbb\xbf" + _HEL[1:]
)  # what only begins a piece begins no stream
WORDS = [
    *rb"""
        data: [DONE] "choices": "delta": "content": "reasoning": "finish_reason": "usage": "metrics": "prompt_tokens":
        "completion_tokens": "prompt_tokens_details": "cached_tokens": "error": "queue_time_ms": "generation_time_ms":
        "time_to_first_token_ms": "mean_itl_ms": "stop" null true false NaN Infinity -1 1e400 {} [] "" [[[[[[[[ \ud83d
        {"choices":[{"delta":{"content":"x"}}]} {"usage":{"prompt_tokens":1,"completion_tokens":1}}
    """.split(),
    *(b"data: ", b"\n\n", b"\r\n\r\n", b": comment\n", b"event: x\n", b"\xef\xbb\xbf", b"\xf0\x9f", b"9" * 400),
]
