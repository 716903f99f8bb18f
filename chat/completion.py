"""One streamed completion: the request, its text as it comes, and how it ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from openai import AsyncStream
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from chat.conversation import Messages
from chat.errors import BackendBroke
from chat.json_output import ResponseFormat
from chat.model_server import Model, ModelServer
from chat.sampling import Sampling

SHORTEST_MEASURED_MS = 50

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


class Completion:
    """Iterate over `deltas()` for the text; afterwards the other attributes tell the rest.

    `ttft_ms` and `e2el_ms` run from the request to the first and the last piece, reasoning or answer.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.completion_tokens = 0
        self.ttft_ms = 0.0
        self.e2el_ms = 0.0

    @property
    def output_throughput(self) -> float | None:
        """Tokens per second after the first; None where they came too quickly to be measured here."""
        after_first_ms = self.e2el_ms - self.ttft_ms
        if after_first_ms < SHORTEST_MEASURED_MS:
            return None
        return (self.completion_tokens - 1) / after_first_ms * 1000

    async def deltas(self, server: ModelServer, request: Request) -> AsyncIterator[Delta]:
        """Ask, and yield the text piece by piece. Closing the iterator aborts the request in vLLM.

        Raises `TurnError`s; `BackendBroke` also where the stream ends without a finish reason.
        """
        started = time.monotonic()
        async with server.guarded():
            stream: AsyncStream[ChatCompletionChunk] = await server.openai.chat.completions.create(
                model=request["model"],
                messages=request["messages"],
                n=1,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=request,
            )
            async with stream:
                async for chunk in stream:
                    if chunk.usage:
                        self.completion_tokens = chunk.usage.completion_tokens
                    # The chunk with the usage has no choices; a delta may be empty or null.
                    for choice in chunk.choices:
                        self.finish_reason = choice.finish_reason or self.finish_reason
                        for delta in _pieces(choice.delta):
                            self.e2el_ms = (time.monotonic() - started) * 1000
                            self.ttft_ms = self.ttft_ms or self.e2el_ms
                            yield delta
        if self.finish_reason is None:
            raise BackendBroke("the stream ended without a finish reason")


def _pieces(delta: ChoiceDelta | None) -> list[Delta]:
    """vLLM's reasoning parsers fill `reasoning`, which the client's type does not know."""
    reasoning = getattr(delta, "reasoning", None)
    content = delta.content if delta else None
    pieces = [Delta(reasoning, reasoning=True)] if isinstance(reasoning, str) and reasoning else []
    return [*pieces, Delta(content)] if content else pieces
