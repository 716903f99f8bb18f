"""A model server for load: every answer runs at the same speed, at as little cost as Python allows.

`python -m tests.load.upstream PORT --tokens 200 --tokens-per-s 50` serves `/v1/models`, `/tokenize`, `/health` and
`/v1/chat/completions`, streamed only. A token is due at its time after the request, whatever came before: what is late
is made up for. Unlike tests/fake_vllm.py it has no script and speaks HTTP itself, because a web framework's cost per
token would slow the answers that it is to measure. GET `/late` tells how late tokens were sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from itertools import cycle, islice
from typing import Any

MODEL = "load-model"
WORDS = ["The", "quick", "brown", "fox", "**jumps**", "over", "the", "`lazy`", "dog,", "and", "then", "again."]
CHAPTER = """## Chapter {0}

The **quick** brown fox *jumps* over the `lazy` dog, see [the {0}th page](https://example.com/{0}), and then some more
words follow, as they do in answers.

- one thing, with `code({0})` in it
- **another thing**: longer than the first one, but not by much
- and a third

| name | value | note |
|---|---:|---|
| alpha | {0} | the first |
| beta | {0}.5 | **the second** |

```python
def chapter_{0}(words: list[str]) -> str:
    '''Join what there is.'''
    return " ".join(word.strip() for word in words if word != "{0}")
```

1. first, do this
2. then do that, and mind the *other* thing

"""
CHUNK = {"id": f"chatcmpl-{0:032}", "object": "chat.completion.chunk", "created": 0, "model": MODEL}


def answer(tokens: int) -> list[str]:
    """The tokens of an answer in one paragraph."""
    return [f"{word} " for word in islice(cycle(WORDS), tokens)]


def long_answer(tokens: int) -> list[str]:
    """The tokens of an answer in all of Markdown, of four characters each."""
    text = "".join(CHAPTER.format(number) for number in range(tokens // 100))
    return [text[at : at + 4] for at in range(0, 4 * tokens, 4)]


def _event(**values: Any) -> bytes:
    """One server-sent event, as an HTTP chunk."""
    data = b"data: " + json.dumps(CHUNK | values).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def _delta(finish_reason: str | None = None, **delta: str) -> bytes:
    return _event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}])


class Upstream:
    """What all connections share: the answer, encoded once, and how late its tokens were.

    Its first `at_once` tokens come together.
    """

    def __init__(self, tokens: list[str], tokens_per_s: float, at_once: int = 1) -> None:
        self.interval_s = 1 / tokens_per_s
        self.at_once = at_once
        self.events = [_delta(content=token) for token in tokens]
        usage = {"prompt_tokens": 20, "completion_tokens": len(tokens), "total_tokens": len(tokens) + 20}
        done = b"data: [DONE]\n\n"
        self.end = _delta("stop") + _event(choices=[], usage=usage) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done)
        self.late_s: list[float] = []


class Connection(asyncio.Protocol):
    """One kept-alive HTTP connection; a request at a time."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        if self._next:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if separator and len(body) >= length:
            self._received = body[length:]
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, path: str) -> None:
        if path == "/v1/chat/completions":
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            self._transport.write(head + _delta(role="assistant", content=""))
            self._start, self._sent = self._loop.time(), 0
            self._next = self._loop.call_at(self._due(), self._send)
        elif path == "/v1/models":
            card = {"id": MODEL, "object": "model", "max_model_len": 32768, "parent": None}
            self._reply({"object": "list", "data": [card]})
        elif path == "/tokenize":
            self._reply({"count": 20, "max_model_len": 32768})
        elif path == "/late":
            self._reply(self._upstream.late_s)
            self._upstream.late_s = []
        else:
            self._reply({})

    def _reply(self, content: object) -> None:
        body = json.dumps(content).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)

    def _due(self) -> float:
        return self._start + max(1, self._sent + 2 - self._upstream.at_once) * self._upstream.interval_s

    def _send(self) -> None:
        """What is due by now, in one write."""
        upstream, now, first = self._upstream, self._loop.time(), self._sent
        upstream.late_s.append(now - self._due())
        while self._sent < len(upstream.events) and self._due() <= now:
            self._sent += 1
        data = b"".join(upstream.events[first : self._sent])
        if self._sent == len(upstream.events):
            self._transport.write(data + upstream.end)
            self._next = None
            return
        self._transport.write(data)
        self._next = self._loop.call_at(self._due(), self._send)


async def serve(port: int, upstream: Upstream) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(upstream), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A model server for load.")
    parser.add_argument("port", type=int)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--tokens-per-s", type=float, default=50)
    parser.add_argument("--at-once", type=int, default=1, help="how many tokens come together at the start")
    parser.add_argument("--long", action="store_true", help="an answer in all of Markdown")
    wanted = parser.parse_args()
    tokens = long_answer(wanted.tokens) if wanted.long else answer(wanted.tokens)
    asyncio.run(serve(wanted.port, Upstream(tokens, wanted.tokens_per_s, wanted.at_once)))
