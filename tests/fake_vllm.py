"""A stand-in for vLLM that misbehaves on demand: for faults, and for answers timed to the token.

`with FakeVllm() as fake:` serves `/v1/models`, `/v1/chat/completions`, `/tokenize` and `/health` on a
free port. `fake.script` says what the next answers do; `fake.requests` holds what was asked; `fake.waiting` is the
length of its queue in `/metrics`.
Also `python -m tests.fake_vllm PORT` to look at the page without a model.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class Script:
    """What an answer does: `reasoning` and `pieces` with `delay_s` before each, then `finish_reason`.

    `status` other than 200 refuses instead. `raw` replaces the whole event stream, in parts. `hang` stays
    silent after the pieces. `die` drops the connection after the pieces. While `held` is there and not set, nothing
    comes from piece number `hold_at` on, the reasoning before it included. `metrics` and `cached_tokens` are told
    with the usage.
    """

    pieces: list[str] = field(default_factory=lambda: ["Hello", " there", "."])
    delay_s: float = 0.0
    finish_reason: str | None = "stop"
    status: int = 200
    reasoning: list[str] = field(default_factory=list)
    raw: list[bytes] | None = None
    hang: bool = False
    die: bool = False
    held: threading.Event | None = None
    hold_at: int = 0
    metrics: dict[str, float | None] | None = None
    cached_tokens: int | None = None

    def lets_through(self, number: int) -> bool:
        """Whether piece `number` may come by now."""
        return self.held is None or self.held.is_set() or number < self.hold_at


def free_port() -> int:
    """A TCP port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FakeVllm:
    """One token is one character here, so that tests can count."""

    def __init__(self, port: int = 0, max_model_len: int = 2048, model: str = "fake-model") -> None:
        self.port = port or free_port()
        self.max_model_len = max_model_len
        self.model = model
        self.adapters: dict[str, str] = {}  # LoRA adapters by name, and what each sits on
        self.script = Script()
        self.requests: list[dict[str, Any]] = []
        self.aborted = 0
        self.healthy = True
        self.looked = 0  # how often its metrics were asked for
        self.counted = 0  # how often the length of a prompt
        self.counting: threading.Event | None = None  # while it is not set, no tokens are counted
        self.waiting: int | Literal["silent"] | None = None  # "silent": no answer; None: there is no /metrics
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(), host="127.0.0.1", port=self.port, log_level="error", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FakeVllm:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()

    async def until(self, condition: Callable[[], bool], patience_s: float = 30) -> None:
        """Wait until `condition()` holds: what was asked is noted in this server's own thread."""
        deadline = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the model server was not asked as expected")
            await asyncio.sleep(0.01)

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
            ]
        )

    async def _models(self, _request: Request) -> Response:
        cards = [{"id": self.model, "object": "model", "max_model_len": self.max_model_len, "parent": None}]
        # As vLLM's: a card of an adapter does not tell the context.
        for name, parent in self.adapters.items():
            cards.append({"id": name, "object": "model", "max_model_len": None, "parent": parent})
        return JSONResponse({"object": "list", "data": cards})

    async def _health(self, _request: Request) -> Response:
        return Response(status_code=200 if self.healthy else 503)

    async def _metrics(self, _request: Request) -> Response:
        self.looked += 1
        if self.waiting is None:
            return Response(status_code=404)
        await self.until(lambda: self.waiting != "silent")
        label = '{engine="0",model_name="fake-model"'
        return Response(
            "# HELP vllm:num_requests_waiting Number of requests waiting to be processed.\n"
            "# TYPE vllm:num_requests_waiting gauge\n"
            f"vllm:num_requests_waiting{label}}} {float(self.waiting or 0)}\n"
            f'vllm:num_requests_waiting_by_reason{label},reason="capacity"}} {float(self.waiting or 0)}\n'
        )

    async def _tokenize(self, request: Request) -> Response:
        if self.counting:
            await self.until(self.counting.is_set)
        self.counted += 1
        count = _count((await request.json())["messages"])
        return JSONResponse({"count": count, "max_model_len": self.max_model_len})

    async def _complete(self, request: Request) -> Response:
        asked = await request.json()
        self.requests.append(asked)
        script = self.script
        if script.status != 200:
            error = {"message": "secret-detail", "type": "x", "code": script.status}
            return JSONResponse({"error": error}, status_code=script.status)
        return StreamingResponse(self._events(script, _count(asked["messages"])), media_type="text/event-stream")

    async def _events(self, script: Script, prompt_tokens: int) -> AsyncIterator[bytes]:
        if script.raw is not None:
            for part in script.raw:
                await asyncio.sleep(script.delay_s)
                yield part
            return
        try:
            yield _event({"role": "assistant", "content": ""}, None)
            pieces = [{"reasoning": thought} for thought in script.reasoning]
            for number, piece in enumerate([*pieces, *({"content": piece} for piece in script.pieces)]):
                await self.until(partial(script.lets_through, number))
                await asyncio.sleep(script.delay_s)
                yield _event(piece, None)
            if script.hang:
                await asyncio.sleep(3600)
        except (asyncio.CancelledError, GeneratorExit):
            self.aborted += 1
            raise
        if script.die:
            raise ConnectionResetError("the script says so")
        if script.finish_reason:
            yield _event({}, script.finish_reason)
        written = len(script.reasoning) + len(script.pieces)
        usage: dict[str, Any] = {"prompt_tokens": prompt_tokens, "completion_tokens": written}
        usage["total_tokens"] = prompt_tokens + written
        if script.cached_tokens is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": script.cached_tokens}
        end = {**_BASE, "choices": [], "usage": usage}
        if script.metrics is not None:
            end["metrics"] = script.metrics
        yield b"data: " + json.dumps(end).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"


_BASE = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "fake-model"}


def _count(messages: list[dict[str, str]]) -> int:
    return sum(len(message["content"]) for message in messages)


def _event(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({**_BASE, "choices": [choice]}).encode() + b"\n\n"


if __name__ == "__main__":
    with FakeVllm(int(sys.argv[1]), model="pagoda-demo") as fake:
        words = "Pagoda is a self-hosted chat in front of vLLM. " * 6
        fake.script = Script(pieces=[word + " " for word in words.split()], delay_s=0.03)
        while True:
            time.sleep(1)
