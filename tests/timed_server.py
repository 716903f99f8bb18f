"""A model server whose answers come at known times: for measuring what measures.

`plan(question)` says when the tokens of an answer are due; times are the event loop's, so it runs in virtual time too.
It speaks enough HTTP for the benchmark's client and has no `/metrics`, `/tokenize` or `/version`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

MODEL = "timed-model"


@dataclass(frozen=True)
class Plan:
    """First token after `ttft_s`, then one every `tpot_s`. `status` refuses, `cut_after` ends the connection."""

    ttft_s: float = 0.1
    tpot_s: float = 0.02
    tokens: int = 10
    status: int = 200
    cut_after: int | None = None
    error_after: int | None = None
    has_usage: bool = True


class TimedServer:
    """What was asked, and the answers' plan."""

    def __init__(self, plan: Callable[[str], Plan]) -> None:
        self._plan = plan
        self.asked: list[dict[str, Any]] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Yields the address of the API."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                body = await reader.readexactly(length)
                await self._answer(head.split(" ")[1], body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if path == "/v1/models":
            return _whole(writer, 200, {"data": [{"id": MODEL, "max_model_len": 4096, "parent": None}]})
        if path != "/v1/chat/completions":
            return _whole(writer, 404, {"error": {"message": "there is no such thing"}})
        asked = json.loads(body)
        self.asked.append(asked)
        plan = self._plan(asked["messages"][-1]["content"])
        if plan.status != 200:
            return _whole(writer, plan.status, {"error": {"message": "the plan refuses", "code": plan.status}})
        start = asyncio.get_running_loop().time()
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        _event(writer, _chunk({"role": "assistant", "content": ""}))
        for number in range(plan.tokens):
            due = start + plan.ttft_s + number * plan.tpot_s
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if number == plan.cut_after:
                raise ConnectionResetError("the plan says so")
            if number == plan.error_after:
                _event(writer, {"error": {"message": "the engine died", "code": 500}})
                break
            _event(writer, _chunk({"content": f"字{number}"}))
        else:
            _event(writer, _chunk({}, "stop"))
            if plan.has_usage:
                usage = {"prompt_tokens": 7, "completion_tokens": plan.tokens, "total_tokens": plan.tokens + 7}
                _event(writer, {"choices": [], "usage": usage})
        done = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _event(writer: asyncio.StreamWriter, content: dict[str, Any]) -> None:
    data = b"data: " + json.dumps(content).encode() + b"\n\n"
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def _whole(writer: asyncio.StreamWriter, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    writer.write(b"HTTP/1.1 %d Told\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))
