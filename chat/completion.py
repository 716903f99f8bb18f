"""One streamed completion: the request, its text as it comes, and how it ended."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from chat.chunks import Chunk, chunks_of
from chat.conversation import Messages, printable
from chat.errors import AnswerTooLong, BackendBroke, BackendSilent, EndedEarly
from chat.json_output import ResponseFormat
from chat.model_server import Model, ModelServer
from chat.pace import PACE
from chat.patience import answering
from chat.replies import MOST_TOKENS
from chat.sampling import Sampling
from chat.server_metrics import ServerMetrics
from chat.stream import Stream

logger = logging.getLogger(__name__)

SHORTEST_MEASURED_MS = 50
AFTER_THE_END_S = 5.0  # for the figures of an answer that has ended
# The model's own end, and the limit of tokens. After others, such as "abort" and "content_filter", more was to come.
ENDS = ("stop", "tool_calls", "function_call", "length")
LONGEST_REASON = 40  # of what the log tells of another

# The body of `POST /v1/chat/completions`, without what makes it a stream.
Request = dict[str, Any]


def request_for(
    model: Model, messages: Messages, sampling: Sampling, max_tokens: int, response_format: ResponseFormat | None
) -> Request:
    """The request that asks for an answer to `messages`."""
    request: Request = {
        "model": model.id,
        "messages": messages,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": max_tokens,
    }
    if sampling.seed is not None:
        request["seed"] = sampling.seed
    if response_format is not None:
        request["response_format"] = response_format
    return request


def unenforced(request: Request) -> Request:
    """The same request without the server's grammar."""
    return {key: value for key, value in request.items() if key != "response_format"}


def continuation(request: Request, messages: Messages, max_tokens: int) -> Request:
    """The request that goes on with the last of `messages`, an unfinished answer.

    Without the grammar: it could only begin anew, and does not know what stands there already.
    """
    return unenforced(request) | {
        "messages": messages,
        "max_tokens": max_tokens,
        "add_generation_prompt": False,
        "continue_final_message": True,
    }


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer, or of the reasoning that a reasoning model shows before it."""

    text: str
    reasoning: bool = False


class Halves:
    """Text whose characters may come in halves (surrogates), escaped in JSON: no encoding can carry half of one."""

    def __init__(self) -> None:
        self._half = ""

    def joined(self, text: str) -> str:
        """The text with the half before it; a first half at its end waits for what comes. Others become U+FFFD."""
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return printable(text.removesuffix(self._half))


class Completion:
    """Iterate over `deltas()` for the text; afterwards the other attributes tell the rest.

    `ttft_ms` and `e2el_ms` run from the request to the first and the last token, reasoning or answer, by this process's
    clock. What only the server can tell stays 0 or None where it does not, as after Stop: the tokens of prompt and
    answer, how many of the prompt's were in its cache, and times by its own clock.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.prompt_tokens = 0
        self.cached_tokens: int | None = None
        self.completion_tokens = 0
        self.ttft_ms = 0.0
        self.e2el_ms = 0.0
        self.metrics: ServerMetrics | None = None
        self._malformed: BackendBroke | None = None
        self._reasoning, self._answer = Halves(), Halves()

    @property
    def output_throughput(self) -> float | None:
        """Tokens per second after the first; None where they came too quickly to be measured here."""
        after_first_ms = self.e2el_ms - self.ttft_ms
        if after_first_ms < SHORTEST_MEASURED_MS:
            return None
        return (self.completion_tokens - 1) / after_first_ms * 1000

    @property
    def network_ms(self) -> float | None:
        """What the server's own times leave of `e2el_ms`: the way there and back, HTTP, making tokens of the prompt."""
        at_the_server_ms = self.metrics.total_ms if self.metrics else None
        return None if at_the_server_ms is None else max(0.0, self.e2el_ms - at_the_server_ms)

    async def deltas(self, server: ModelServer, request: Request) -> AsyncIterator[Delta]:
        """Ask, and yield the text piece by piece. Closing the iterator aborts the request in vLLM.

        Raises `TurnError`s: `AnswerTooLong` after its time, `BackendSilent` where what comes has no text in it for too
        long, as comments have none, `BackendBroke` also where the stream ends without a finish reason, `EndedEarly`
        for one that is no end of the model's. After any other, an answer is whole, whatever else comes.
        """
        started = heard = time.monotonic()
        ends_at = math.inf
        body = request | {"n": 1, "stream": True, "stream_options": {"include_usage": True}}
        async with _begun(server, body) as stream:
            async for chunks in chunks_of(stream.received):
                now = time.monotonic()
                if now > ends_at:
                    break
                finished = self.finish_reason
                pieces = self._read(chunks)
                if pieces or self.finish_reason != finished:  # the last token, which ends the answer, is without text
                    heard = now
                    self.e2el_ms = (now - started) * 1000
                if finished is None and self.finish_reason is not None:
                    ends_at = now + AFTER_THE_END_S
                if pieces and not self.ttft_ms:
                    self.ttft_ms = self.e2el_ms
                    stream.begun()
                for piece in pieces:
                    yield piece
                if self._malformed:
                    raise self._malformed
                if self.finish_reason is not None:
                    continue
                if now - started > server.answer_timeout_s:
                    raise _too_long(server)
                if now - heard > (stream.between_tokens_s if self.ttft_ms else stream.first_token_s):
                    raise BackendSilent("what comes has no text in it")
                if self.ttft_ms and PACE.between_reads_s:
                    await stream.rest(PACE.between_reads_s)
            if self.finish_reason is None:
                raise BackendBroke(f"{stream.reply.content_type} ended without a finish reason")
            if self.finish_reason not in ENDS:
                raise EndedEarly(f"{self.finish_reason[:LONGEST_REASON]!r} as the finish reason")

    def _read(self, chunks: list[Chunk]) -> list[Delta]:
        """The text in what has come, reasoning and answer each in one piece; notes the rest.

        Of chunks of another shape, too: what came before them counts.
        """
        reasoning = answer = ""
        try:
            for chunk in chunks:
                if chunk.get("usage"):
                    self._told(chunk["usage"], chunk.get("metrics"))
                # The chunk with the usage has no choices; a delta may be empty or null.
                for choice in chunk.get("choices") or []:
                    if finish_reason := choice.get("finish_reason"):
                        self.finish_reason = _as_text(finish_reason)
                    delta = choice.get("delta") or {}
                    reasoning += delta.get("reasoning") or delta.get("reasoning_content") or ""
                    answer += delta.get("content") or ""
        except (AttributeError, KeyError, TypeError) as error:
            self._malformed = BackendBroke(f"a chunk of another shape: {error!r}")
        reasoning, answer = self._reasoning.joined(reasoning), self._answer.joined(answer)
        pieces = [Delta(reasoning, reasoning=True)] if reasoning else []
        return [*pieces, Delta(answer)] if answer else pieces

    def _told(self, usage: Chunk, metrics: object) -> None:
        """Figures that cannot be are none: the answer is as good without."""
        try:
            counts = _as_count(usage["prompt_tokens"]), _as_count(usage["completion_tokens"])
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            self.cached_tokens = None if cached is None else _as_count(cached)
        except (AttributeError, KeyError, TypeError) as error:
            logger.warning("figures that cannot be: %r", error)
            return
        self.prompt_tokens, self.completion_tokens = counts
        self.metrics = ServerMetrics.told(metrics)


@asynccontextmanager
async def _begun(server: ModelServer, body: Request) -> AsyncIterator[Stream]:
    """As `answering`, whose way to the stream may take no longer than a whole answer may."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(server.answer_timeout_s):
                stream = await stack.enter_async_context(answering(server, body))
        except TimeoutError:
            raise _too_long(server) from None
        yield stream


def _too_long(server: ModelServer) -> AnswerTooLong:
    return AnswerTooLong(minutes=max(1, round(server.answer_timeout_s / 60)))


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of a text")
    return value


def _as_count(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        raise TypeError(f"{type(value).__name__} in place of a number of tokens, or one that cannot be")
    return value
