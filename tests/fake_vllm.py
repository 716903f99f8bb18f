"""A stand-in for vLLM that misbehaves on demand: for faults, and for answers timed to the token.

`with FakeVllm() as fake:` serves `/v1/models`, `/v1/chat/completions`, `/tokenize` and `/health` on a
free port. `fake.script` says what the next answers do; `fake.requests` holds what was asked.
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
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class Script:
    """What an answer does: `pieces` with `delay_s` before each, then `finish_reason`, then `then`.

    `status` other than 200 refuses instead. `raw` replaces the whole event stream. `hang` stays
    silent after the pieces. `die` drops the connection after the pieces.
    """

    pieces: list[str] = field(default_factory=lambda: ["Hello", " there", "."])
    delay_s: float = 0.0
    finish_reason: str | None = "stop"
    status: int = 200
    raw: bytes | None = None
    hang: bool = False
    die: bool = False


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
        self.script = Script()
        self.requests: list[dict[str, Any]] = []
        self.aborted = 0
        self.healthy = True
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
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
            ]
        )

    async def _models(self, _request: Request) -> Response:
        card = {"id": self.model, "object": "model", "max_model_len": self.max_model_len, "parent": None}
        return JSONResponse({"object": "list", "data": [card]})

    async def _health(self, _request: Request) -> Response:
        return Response(status_code=200 if self.healthy else 503)

    async def _tokenize(self, request: Request) -> Response:
        messages = (await request.json())["messages"]
        count = sum(len(message["content"]) for message in messages)
        return JSONResponse({"count": count, "max_model_len": self.max_model_len})

    async def _complete(self, request: Request) -> Response:
        self.requests.append(await request.json())
        script = self.script
        if script.status != 200:
            error = {"message": "secret-detail", "type": "x", "code": script.status}
            return JSONResponse({"error": error}, status_code=script.status)
        return StreamingResponse(self._events(script), media_type="text/event-stream")

    async def _events(self, script: Script) -> AsyncIterator[bytes]:
        if script.raw is not None:
            yield script.raw
            return
        try:
            yield _event({"role": "assistant", "content": ""}, None)
            for piece in script.pieces:
                await asyncio.sleep(script.delay_s)
                yield _event({"content": piece}, None)
            if script.hang:
                await asyncio.sleep(3600)
        except (asyncio.CancelledError, GeneratorExit):
            self.aborted += 1
            raise
        if script.die:
            raise ConnectionResetError("the script says so")
        if script.finish_reason:
            yield _event({}, script.finish_reason)
        usage = {"prompt_tokens": 1, "completion_tokens": len(script.pieces), "total_tokens": 1}
        yield b"data: " + json.dumps({**_BASE, "choices": [], "usage": usage}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"


_BASE = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "fake-model"}


def _event(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({**_BASE, "choices": [choice]}).encode() + b"\n\n"


if __name__ == "__main__":
    with FakeVllm(int(sys.argv[1]), model="pagoda-demo") as fake:
        words = "Pagoda is a self-hosted chat in front of vLLM. " * 6
        fake.script = Script(pieces=[word + " " for word in words.split()], delay_s=0.03)
        while True:
            time.sleep(1)
