"""A conversation: turns, the messages they make, and what is left out when the context is full."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from openai.types.chat import ChatCompletionMessageParam

from chat.control_tokens import without_control_tokens
from chat.errors import ContextOverflow

Messages = list[ChatCompletionMessageParam]
CountTokens = Callable[[Messages], Awaitable[int]]

# More than any chat template is known to add to a conversation, its own system prompt included.
TEMPLATE_TOKENS = 2048
# As much of a question as tells which one it is.
BEGINNING = 60


@dataclass(slots=True, eq=False)
class Turn:
    """One question and its answer; an empty answer means that none arrived."""

    id: str
    question: str
    answer: str = ""


@dataclass(slots=True)
class Conversation:
    """The turns so far, oldest first."""

    turns: list[Turn] = field(default_factory=list)

    def ask(self, turn_id: str, question: str) -> Turn:
        """Begin a turn. Asking again under the id of an earlier turn (an edit) drops it and all after."""
        ids = [turn.id for turn in self.turns]
        if turn_id in ids:
            del self.turns[ids.index(turn_id) :]
        turn = Turn(turn_id, printable(question))
        self.turns.append(turn)
        return turn

    def until(self, turn: Turn) -> Conversation:
        """As it was when `turn` was asked, with the answers that are shown now; `turn` is one of its turns."""
        return Conversation(self.turns[: self.turns.index(turn) + 1])

    def messages(self, system_prompt: str, skip: int = 0) -> Messages:
        """The prompt: system prompt, answered turns but the `skip` oldest, the question at hand."""
        messages: Messages = []
        if system_prompt:
            messages.append({"role": "system", "content": without_control_tokens(printable(system_prompt))})
        for turn in self._answered()[skip:]:
            messages.append({"role": "user", "content": without_control_tokens(turn.question)})
            messages.append({"role": "assistant", "content": without_control_tokens(turn.answer)})
        messages.append({"role": "user", "content": without_control_tokens(self.turns[-1].question)})
        return messages

    def _answered(self) -> list[Turn]:
        return [turn for turn in self.turns[:-1] if turn.answer]

    async def fit(self, system_prompt: str, limit: int, count_tokens: CountTokens) -> Fitted:
        """The longest prompt within `limit` tokens that leaves out only whole turns, oldest first.

        Asks for about log2(turns) counts. Raises `ContextOverflow` where the question alone is too long.
        """

        async def attempt(skip: int) -> Fitted:
            messages = self.messages(system_prompt, skip)
            left_out = [turn.question[:BEGINNING] for turn in self._answered()[:skip]]
            return Fitted(messages, await count_tokens(messages), left_out)

        whole = await attempt(0)
        if whole.prompt_tokens <= limit:
            return whole
        too_long, short_enough = 0, len(self._answered())
        best = await attempt(short_enough)
        if best.prompt_tokens > limit:
            raise ContextOverflow(tokens=best.prompt_tokens, limit=limit)
        while short_enough - too_long > 1:
            middle = (too_long + short_enough) // 2
            candidate = await attempt(middle)
            if candidate.prompt_tokens <= limit:
                best, short_enough = candidate, middle
            else:
                too_long = middle
        return best


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits: its messages, its length in tokens, how the questions begin that it leaves out."""

    messages: Messages
    prompt_tokens: int
    left_out_questions: list[str]

    @property
    def left_out(self) -> int:
        """How many old turns it leaves out."""
        return len(self.left_out_questions)


def most_tokens(messages: Messages) -> int:
    """How many tokens a prompt can have at most: a tokenizer makes no more of a text than it has bytes."""
    return TEMPLATE_TOKENS + sum(len(str(message.get("content", "")).encode()) for message in messages)


def printable(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced, so that it encodes as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
