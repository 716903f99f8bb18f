"""A turn: from a question to the end of its answer, whatever that end is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from chat.completion import Completion, Delta, Request, continuation, request_for, unenforced
from chat.control_tokens import without_control_tokens
from chat.conversation import Conversation, Fitted, Messages, most_tokens
from chat.errors import ContextOverflow, TurnError
from chat.flushes import in_flushes
from chat.json_output import Ending, JsonOutput, WhitespaceLoop, judge, with_instruction
from chat.metrics import METRICS
from chat.model_server import Model, ModelServer
from chat.sampling import Sampling
from chat.schema.choice import JsonFormat
from chat.texts import Language

logger = logging.getLogger(__name__)

# Room kept for the answer when old turns are left out: at most this share of the context.
ANSWER_SHARE = 4
CONTINUABLE: tuple[Ending, ...] = ("cut", "stopped", "broken")


def system_prompt_for(sampling: Sampling, json_format: JsonFormat | None, language: Language) -> str:
    """The system prompt as it is sent: in JSON mode with the line that says so."""
    if json_format is None:
        return sampling.system_prompt
    return with_instruction(sampling.system_prompt, json_format.instruction(language))


def prompt_limit(sampling: Sampling, model: Model) -> int:
    """The longest prompt in tokens: beside it there is room for the answer."""
    return model.max_model_len - min(sampling.max_tokens, model.max_model_len // ANSWER_SHARE)


class Answer:
    """An answer under way or at its end, and the reasoning before it. Iterate over a stream, then read how it ended.

    A failure ends the iteration and is in `error`; cancelling or closing (Stop) is noted in `ending` and passed on.
    `json_format` is None for an answer in words; `enforced` says how far the server's grammar saw to a JSON answer.
    `prompt_tokens` is the exact length of the prompt, counted by the server, and `max_model_len` the context that it
    and the answer share; both 0 before they are known: the former mostly until the end, where the prompt fits for
    certain. `left_out_questions` has the beginnings of the questions that did not fit. `thought_ms` is how long the
    reasoning came, None without any.
    """

    def __init__(self, sampling: Sampling, language: Language, json_format: JsonFormat | None) -> None:
        self.sampling = sampling
        self.language = language
        self.json_format = json_format
        self.text = ""
        self.reasoning = ""
        self.thought_ms: float | None = None
        self.request: Request | None = None
        self.enforced: bool | None = json_format is not None  # None: only the part before it was continued
        self.completion = Completion()
        self.earlier_tokens: int | None = 0  # None: a part was stopped, and the server told no length
        self.earlier_ms = 0.0
        self.prompt_tokens = 0
        self.max_model_len = 0
        self.left_out_questions: list[str] = []
        self.max_tokens = sampling.max_tokens
        self.ending: Ending = "broken"
        self.error: TurnError | None = None
        self.fills_context = False
        self._uncounted: Model | None = None
        self._thinking_since: float | None = None
        self._loop = WhitespaceLoop() if json_format else None

    @property
    def left_out(self) -> int:
        """How many of the oldest turns did not fit."""
        return len(self.left_out_questions)

    @property
    def is_empty(self) -> bool:
        """Whether nothing arrived, neither answer nor reasoning."""
        return not self.text and not self.reasoning

    @property
    def completion_tokens(self) -> int:
        """Length of the whole answer in tokens, 0 where unknown."""
        if self.earlier_tokens is None or not self.completion.completion_tokens:
            return 0
        return self.earlier_tokens + self.completion.completion_tokens

    @property
    def e2el_ms(self) -> float:
        """How long it took, from the request to the last token; all parts of a continued one together."""
        return self.earlier_ms + self.completion.e2el_ms

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
        return self.ending == "cut" and self.fills_context

    def to_question(self, server: ModelServer, conversation: Conversation) -> AsyncGenerator[Delta, None]:
        """The answer to the newest question, piece by piece."""
        return self._noting_the_end(self._to_question(server, conversation))

    def continued(self, server: ModelServer, max_tokens: int) -> AsyncGenerator[Delta, None]:
        """What comes after the text so far, at most `max_tokens` more, piece by piece; only if `can_continue`."""
        self.error = None
        return self._noting_the_end(self._continued(server, max_tokens))

    async def count(self, server: ModelServer, patience_s: float) -> None:
        """Find out `prompt_tokens`, if nobody has yet: while an answer keeps the user waiting, and after Stop."""
        model, self._uncounted = self._uncounted, None
        if model and self.request and not self.prompt_tokens:
            with suppress(TurnError, TimeoutError):
                async with asyncio.timeout(patience_s):
                    self.prompt_tokens = await server.count_tokens(model, self.request["messages"])

    def without_enforcement(self, server: ModelServer) -> tuple[Answer, AsyncGenerator[Delta, None]]:
        """Another answer to the same prompt, which no grammar forces, and its pieces."""
        assert self.request is not None
        other = Answer(self.sampling, self.language, self.json_format)
        other.enforced = False
        other.request = unenforced(self.request)
        other.prompt_tokens, other.max_model_len = self.prompt_tokens, self.max_model_len
        # Not those of this answer: it may have been continued since.
        other.max_tokens = other.request["max_tokens"]
        other.fills_context = other.max_tokens < self.sampling.max_tokens
        return other, other._noting_the_end(other._ask(server, other.request))

    async def _to_question(self, server: ModelServer, conversation: Conversation) -> AsyncGenerator[Delta, None]:
        model = await server.model(self.sampling.model)
        fitted = await self._fitted(server, model, conversation)
        self.left_out_questions = fitted.left_out_questions
        self._allow(self.sampling.max_tokens, fitted.prompt_tokens, model)
        wanted = self.json_format.response_format() if self.json_format else None
        self.request = request_for(model, fitted.messages, self.sampling, self.max_tokens, wanted)
        async with aclosing(self._ask(server, self.request)) as pieces:
            async for piece in pieces:
                yield piece

    async def _fitted(self, server: ModelServer, model: Model, conversation: Conversation) -> Fitted:
        """The prompt; not counted where it leaves room for the whole answer, however many tokens it has."""
        system_prompt = system_prompt_for(self.sampling, self.json_format, self.language)
        whole = conversation.messages(system_prompt)
        if most_tokens(whole) + self.sampling.max_tokens < model.max_model_len:
            self._uncounted = model
            return Fitted(whole, 0, [])
        limit = prompt_limit(self.sampling, model)
        return await conversation.fit(system_prompt, limit, lambda messages: server.count_tokens(model, messages))

    async def _continued(self, server: ModelServer, max_tokens: int) -> AsyncGenerator[Delta, None]:
        assert self.request is not None
        begun = without_control_tokens(self.text)
        messages: Messages = [*self.request["messages"], {"role": "assistant", "content": begun}]
        model = await server.model(self.sampling.model)
        tokens = await server.count_tokens(model, messages, unfinished=True)
        if tokens >= model.max_model_len:
            raise ContextOverflow(tokens=tokens, limit=model.max_model_len)
        self._allow(max_tokens, tokens, model)
        self.enforced = None if self.enforced else self.enforced
        async with aclosing(self._ask(server, continuation(self.request, messages, self.max_tokens))) as pieces:
            async for piece in pieces:
                # Thinking was over before; a parser that finds no mark of its end calls the whole rest reasoning.
                yield Delta(piece.text)

    def _allow(self, wanted: int, prompt_tokens: int, model: Model) -> None:
        self.prompt_tokens, self.max_model_len = prompt_tokens, model.max_model_len
        room = model.max_model_len - prompt_tokens
        self.max_tokens = min(wanted, room)
        self.fills_context = room <= wanted

    async def _ask(self, server: ModelServer, request: Request) -> AsyncGenerator[Delta, None]:
        if self.text:
            self.earlier_tokens = self.completion_tokens or None
        self.earlier_ms = self.e2el_ms
        self.completion = Completion()
        async with aclosing(in_flushes(self.completion.deltas(server, request))) as flushes:
            async for piece in flushes:
                yield piece

    async def _noting_the_end(self, pieces: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
        started, before = time.monotonic(), self.completion
        first_at: float | None = None
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    first_at = first_at or time.monotonic()
                    self._take(piece)
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
        finally:
            self.prompt_tokens = self.prompt_tokens or self.completion.prompt_tokens
            self._stop_clock()
            last = Completion() if self.completion is before else self.completion
            self._account(last, None if first_at is None else first_at - started)

    def _account(self, last: Completion, first_token_s: float | None) -> None:
        """Note what there is to say of this answer, or of the part that was added to it, to whoever runs the page."""
        told = {"prompt_tokens": last.prompt_tokens, "generation_tokens": last.completion_tokens}
        METRICS.answered(self.ending, self.error, first_token_s=first_token_s, **told)
        first_ms = None if first_token_s is None else round(first_token_s * 1000)
        why = type(self.error).__name__ if self.error else None
        fields = {"ending": self.ending, "error": why, "first_token_ms": first_ms, **told}
        logger.info("answer: %s", " ".join(f"{key}={value}" for key, value in fields.items()), extra={"fields": fields})

    def _take(self, piece: Delta) -> None:
        if piece.reasoning:
            self._thinking_since = self._thinking_since or time.monotonic()
            self.reasoning += piece.text
        else:
            self._stop_clock()
            self.text += piece.text

    def _stop_clock(self) -> None:
        """Thinking is over: the answer has begun, or ended."""
        if self._thinking_since is not None:
            self.thought_ms = (self.thought_ms or 0) + (time.monotonic() - self._thinking_since) * 1000
            self._thinking_since = None
