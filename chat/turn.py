"""A turn: from a question to the end of its answer, whatever that end is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from chat.completion import Completion, in_flushes
from chat.conversation import Conversation, Turn
from chat.errors import TurnError
from chat.json_output import Ending, JsonOutput, judge, with_instruction
from chat.model_server import ModelServer
from chat.sampling import Sampling
from chat.texts import Language, text

# Room kept for the answer when old turns are left out: at most this share of the context.
ANSWER_SHARE = 4


class Answer:
    """The answer to one question. Iterate over `stream()`, then read how it ended."""

    def __init__(self, turn: Turn, sampling: Sampling, language: Language, *, json_mode: bool) -> None:
        self.turn = turn
        self.sampling = sampling
        self.language = language
        self.json_mode = json_mode
        self.completion = Completion()
        self.left_out = 0
        self.max_tokens = sampling.max_tokens
        self.ending: Ending = "broken"
        self.error: TurnError | None = None

    @property
    def json_output(self) -> JsonOutput:
        """The verdict on an answer in JSON mode that has ended."""
        return judge(self.turn.answer, self.ending)

    async def stream(self, server: ModelServer, conversation: Conversation) -> AsyncGenerator[str, None]:
        """Yield the answer as it comes; it is kept in the conversation even when it breaks off.

        A failure ends the iteration and is in `error`; cancelling or closing (Stop) is noted and passed on.
        """
        try:
            model = await server.model()
            system_prompt = self.sampling.system_prompt
            if self.json_mode:
                system_prompt = with_instruction(system_prompt, text(self.language, "json_instruction"))
            reserve = min(self.sampling.max_tokens, model.max_model_len // ANSWER_SHARE)
            fitted = await conversation.fit(
                system_prompt,
                model.max_model_len - reserve,
                lambda messages: server.count_tokens(model, messages),
            )
            self.left_out = fitted.left_out
            self.max_tokens = min(self.sampling.max_tokens, model.max_model_len - fitted.prompt_tokens)
            deltas = self.completion.deltas(
                server,
                model,
                fitted.messages,
                self.sampling,
                max_tokens=self.max_tokens,
                json_mode=self.json_mode,
            )
            async with aclosing(in_flushes(deltas)) as flushes:
                async for piece in flushes:
                    self.turn.answer += piece
                    yield piece
            self.ending = "cut" if self.completion.finish_reason == "length" else "complete"
        except TurnError as error:
            self.error = error
        except (asyncio.CancelledError, GeneratorExit):
            self.ending = "stopped"
            raise
