"""One streamed answer and its clock, by vLLM's definitions (`vllm bench serve`).

TTFT is from sending to the first chunk that carries a token; E2EL to the last chunk that has `choices`;
TPOT = (E2EL − TTFT) / (output_tokens − 1); ITL are the gaps between chunks with tokens. Two refinements where a server
is not vLLM: a chunk that only names the role is no token, nor is one that only tells the end. vLLM's own client counts
both, so its ITL has a gap near zero for each answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from backend.benchmark.wire import BadBody, Wire


@dataclass(slots=True)
class Outcome:
    """What came of one request. Times in seconds; `start_s` on the wire's clock. `error` is None or (kind, message)."""

    prompt: str
    turn: int
    start_s: float
    ttft_s: float | None = None
    e2el_s: float = 0.0
    itls_s: list[float] = field(default_factory=list)
    prompt_tokens: int | None = None
    output_tokens: int = 0
    cached_tokens: int | None = None
    is_counted_by_server: bool = False
    finish_reason: str | None = None
    text: str = ""
    error: tuple[str, str] | None = None

    @property
    def tpot_s(self) -> float | None:
        """(E2EL − TTFT) / (output tokens − 1); None for fewer than two tokens."""
        if self.ttft_s is None or self.output_tokens < 2:
            return None
        return (self.e2el_s - self.ttft_s) / (self.output_tokens - 1)


class StreamClock:
    """Reads server-sent events as they arrive and notes when each token came."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._rest = b""
        self._last_s = 0.0
        self._texts: list[bytes] = []  # as they stand in JSON, between the quotes
        self._pattern: tuple[bytes, bytes] | None = None  # what stands before and after the text of a plain chunk
        self._chunks_with_tokens = 0
        self._received: list[bytes] = []  # what is not a stream: an error's body
        self._is_done = False

    def feed(self, now: float, data: bytes) -> None:
        """Some bytes of the body."""
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if self._pattern and event.startswith(self._pattern[0]) and event.endswith(self._pattern[1]):
                text = event[len(self._pattern[0]) : -len(self._pattern[1])]
                if text and b'"' not in text:
                    self._token(now, text)
                    continue
            if event.startswith(b"data: {"):
                self._read(now, event[6:])
                if self._pattern is None:
                    self._pattern = _pattern(event)
            else:
                self._other(now, event)

    def _token(self, now: float, text: bytes) -> None:
        outcome = self._outcome
        if outcome.ttft_s is None:
            outcome.ttft_s = now - outcome.start_s
        else:
            outcome.itls_s.append(now - self._last_s)
        self._last_s = now
        self._chunks_with_tokens += 1
        self._texts.append(text)
        outcome.e2el_s = now - outcome.start_s

    def _other(self, now: float, event: bytes) -> None:
        """Anything but the one-line event that servers send almost always."""
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        if lines == [b"[DONE]"]:
            self._is_done = True
        elif lines:
            self._read(now, b"\n".join(lines))
        elif not event.startswith(b":"):
            self._received.append(event)

    def _read(self, now: float, text: bytes) -> None:
        try:
            self._chunk(now, json.loads(text.decode()))
        except (ValueError, AttributeError, TypeError, LookupError):  # not JSON, or of another shape
            raise BadBody(f"{text[:80].decode(errors='replace')!r} is in the stream") from None

    def _chunk(self, now: float, chunk: dict[str, Any]) -> None:
        outcome = self._outcome
        if choices := chunk.get("choices"):
            delta = choices[0].get("delta") or {}
            text = delta.get("content") or delta.get("reasoning") or delta.get("reasoning_content")
            reason = choices[0].get("finish_reason")
            # A token may have no text: half of a character, or a special token.
            if text or delta.get("tool_calls") or not ("role" in delta or reason):
                self._token(now, json.dumps(text or "", ensure_ascii=False).encode()[1:-1])
            if reason:
                outcome.finish_reason = reason
            outcome.e2el_s = now - outcome.start_s
        if usage := chunk.get("usage"):
            outcome.is_counted_by_server = True
            outcome.output_tokens = usage.get("completion_tokens") or 0
            outcome.prompt_tokens = usage.get("prompt_tokens")
            outcome.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        if error := chunk.get("error"):
            outcome.error = ("error in the stream", _message(error))

    def finish(self, status: int) -> None:
        """The response is complete: what is it?"""
        outcome = self._outcome
        outcome.text = json.loads(b'"' + b"".join(self._texts) + b'"')
        if not outcome.is_counted_by_server:
            outcome.output_tokens = self._chunks_with_tokens
        if status != 200:
            outcome.error = (f"HTTP {status}", _body_message(b"\n\n".join([*self._received, self._rest])))
        elif outcome.error is None and outcome.finish_reason is None and not self._is_done:
            outcome.error = ("cut off", "the stream ended without finish_reason or [DONE]")
        elif outcome.error is None and outcome.ttft_s is None:
            outcome.error = ("no token", f"finish_reason {outcome.finish_reason}")


_PLAIN = re.compile(
    rb'"delta": ?\{"content": ?"(?P<text>[^"]+)"\}(?:, ?"logprobs": ?null)?, ?"finish_reason": ?null(?!.*"usage": ?\{)'
)


def _pattern(event: bytes) -> tuple[bytes, bytes] | None:
    """What a chunk with nothing but a text starts and ends with: others like it need no reading as JSON.

    That reading would be half of what a token costs the client.
    """
    found = _PLAIN.search(event)
    if found is None:
        return None
    return event[: found.start("text")], event[found.end("text") :]


def _message(error: object) -> str:
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]


def _body_message(body: bytes) -> str:
    try:
        content = json.loads(body)
    except ValueError:
        return body.decode(errors="replace").strip()[:300]
    return _message(content.get("error", content) if isinstance(content, dict) else content)


async def ask(wire: Wire, path: str, content: dict[str, Any], prompt: str, turn: int = 0) -> Outcome:
    """Send one streamed request and measure its answer; every failure is told in the outcome, none is raised."""
    request = wire.prepare("POST", path, content)
    outcome = Outcome(prompt, turn, start_s=wire.clock())
    clock = StreamClock(outcome)
    try:
        clock.finish(await wire.exchange(request, clock.feed))
    except TimeoutError:
        outcome.error = ("timeout", "no complete answer in time")
    except BadBody as error:
        outcome.error = ("unreadable chunk", str(error))
    except ValueError as error:
        outcome.error = ("unreadable text", str(error)[:300])
    except OSError as error:
        outcome.error = ("connection", str(error)[:300] or type(error).__name__)
    return outcome
