"""A turn: from a question to the end of its answer, whatever that end is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from chat.completion import Completion, Delta, Request, continuation, request_for, unenforced
from chat.conversation import Conversation, Messages
from chat.errors import ContextOverflow, TurnError
from chat.flushes import in_flushes
from chat.json_output import Ending, JsonOutput, WhitespaceLoop, judge, with_instruction
from chat.model_server import ModelServer
from chat.sampling import Sampling
from chat.schema.choice import JsonFormat
from chat.texts import Language

# Room kept for the answer when old turns are left out: at most this share of the context.
ANSWER_SHARE = 4
CONTINUABLE: tuple[Ending, ...] = ("cut", "stopped", "broken")


class Answer:
    """An answer under way or at its end, and the reasoning before it. Iterate over a stream, then read how it ended.

    A failure ends the iteration and is in `error`; cancelling or closing (Stop) is noted in `ending` and passed on.
    `json_format` is None for an answer in words; `enforced` says how far the server's grammar saw to a JSON answer.
    """

    def __init__(self, sampling: Sampling, language: Language, json_format: JsonFormat | None) -> None:
        self.sampling = sampling
        self.language = language
        self.json_format = json_format
        self.text = ""
        self.reasoning = ""
        self.request: Request | None = None
        self.enforced: bool | None = json_format is not None  # None: only the part before it was continued
        self.completion = Completion()
        self._earlier_tokens: int | None = 0  # None: a part was stopped, and the server told no length
        self.left_out = 0
        self.max_tokens = sampling.max_tokens
        self.ending: Ending = "broken"
        self.error: TurnError | None = None
        self._fills_context = False
        self._loop = WhitespaceLoop() if json_format else None

    @property
    def completion_tokens(self) -> int:
        """Length of the whole answer in tokens, 0 where unknown."""
        if self._earlier_tokens is None or not self.completion.completion_tokens:
            return 0
        return self._earlier_tokens + self.completion.completion_tokens

    @property
    def json_output(self) -> JsonOutput:
        """The verdict on an answer in JSON mode that has ended."""
        return judge(self.text, self.ending, self.json_format.schema if self.json_format else None)

    @property
    def can_continue(self) -> bool:
        """Whether there is something to go on with, and room for it."""
        return self.request is not None and bool(self.text) and self.ending in CONTINUABLE and not self.is_full

    @property
    def is_full(self) -> bool:
        """Whether it was cut because the model's context is full, not by the user's own limit."""
        return self.ending == "cut" and self._fills_context

    def to_question(self, server: ModelServer, conversation: Conversation) -> AsyncGenerator[Delta, None]:
        """The answer to the newest question, piece by piece."""
        return self._noting_the_end(self._to_question(server, conversation))

    def continued(self, server: ModelServer, max_tokens: int) -> AsyncGenerator[Delta, None]:
        """What comes after the text so far, at most `max_tokens` more, piece by piece; only if `can_continue`."""
        self.error = None
        return self._noting_the_end(self._continued(server, max_tokens))

    def without_enforcement(self, server: ModelServer) -> tuple[Answer, AsyncGenerator[Delta, None]]:
        """Another answer to the same prompt, which no grammar forces, and its pieces."""
        assert self.request is not None
        other = Answer(self.sampling, self.language, self.json_format)
        other.enforced = False
        other.request = unenforced(self.request)
        # Not those of this answer: it may have been continued since.
        other.max_tokens = other.request["max_tokens"]
        other._fills_context = other.max_tokens < self.sampling.max_tokens
        return other, other._noting_the_end(other._ask(server, other.request))

    async def _to_question(self, server: ModelServer, conversation: Conversation) -> AsyncGenerator[Delta, None]:
        model = await server.model()
        system_prompt = self.sampling.system_prompt
        if self.json_format:
            system_prompt = with_instruction(system_prompt, self.json_format.instruction(self.language))
        reserve = min(self.sampling.max_tokens, model.max_model_len // ANSWER_SHARE)
        fitted = await conversation.fit(
            system_prompt,
            model.max_model_len - reserve,
            lambda messages: server.count_tokens(model, messages),
        )
        self.left_out = fitted.left_out
        self._allow(self.sampling.max_tokens, model.max_model_len - fitted.prompt_tokens)
        wanted = self.json_format.response_format() if self.json_format else None
        self.request = request_for(model, fitted.messages, self.sampling, self.max_tokens, wanted)
        async with aclosing(self._ask(server, self.request)) as pieces:
            async for piece in pieces:
                yield piece

    async def _continued(self, server: ModelServer, max_tokens: int) -> AsyncGenerator[Delta, None]:
        assert self.request is not None
        messages: Messages = [*self.request["messages"], {"role": "assistant", "content": self.text}]
        model = await server.model()
        tokens = await server.count_tokens(model, messages, unfinished=True)
        if tokens >= model.max_model_len:
            raise ContextOverflow(tokens=tokens, limit=model.max_model_len)
        self._allow(max_tokens, model.max_model_len - tokens)
        self.enforced = None if self.enforced else self.enforced
        async with aclosing(self._ask(server, continuation(self.request, messages, self.max_tokens))) as pieces:
            async for piece in pieces:
                yield piece

    def _allow(self, wanted: int, room: int) -> None:
        self.max_tokens = min(wanted, room)
        self._fills_context = room <= wanted

    async def _ask(self, server: ModelServer, request: Request) -> AsyncGenerator[Delta, None]:
        if self.text:
            self._earlier_tokens = self.completion_tokens or None
        self.completion = Completion()
        async with aclosing(in_flushes(self.completion.deltas(server, request))) as flushes:
            async for piece in flushes:
                yield piece

    async def _noting_the_end(self, pieces: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    if piece.reasoning:
                        self.reasoning += piece.text
                    else:
                        self.text += piece.text
                    yield piece
                    if self._loop and not piece.reasoning and self._loop.feed(piece.text):
                        self.ending = "looping"
                        return
            self.ending = "cut" if self.completion.finish_reason == "length" else "complete"
        except TurnError as error:
            self.ending, self.error = "broken", error
        except (asyncio.CancelledError, GeneratorExit):
            self.ending = "stopped"
            raise
