"""What the model is sent: earlier turns, edits, and what is left out when the context is full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conversation import TEMPLATE_TOKENS, Conversation, Messages, Turn, most_tokens, printable
from chat.errors import ContextOverflow


async def count_characters(messages: Messages) -> int:
    return sum(len(str(message["content"])) for message in messages)


def conversation(*turns: tuple[str, str], question: str) -> Conversation:
    talk = Conversation([Turn(str(number), *turn) for number, turn in enumerate(turns)])
    talk.ask("now", question)
    return talk


def test_the_model_sees_earlier_turns_in_order() -> None:
    talk = conversation(("I am Ada", "Hello Ada"), question="Who am I?")
    assert talk.messages("Be brief") == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "I am Ada"},
        {"role": "assistant", "content": "Hello Ada"},
        {"role": "user", "content": "Who am I?"},
    ]


def test_no_system_prompt_makes_no_message() -> None:
    assert conversation(question="Hi").messages("") == [{"role": "user", "content": "Hi"}]


def test_a_turn_without_an_answer_is_not_sent_again() -> None:
    talk = conversation(("lost question", ""), question="Hi")
    assert talk.messages("") == [{"role": "user", "content": "Hi"}]


def test_editing_a_question_drops_it_and_what_came_after() -> None:
    talk = conversation(("a", "1"), ("b", "2"), question="c")
    talk.ask("1", "B")
    assert [turn.question for turn in talk.turns] == ["a", "B"]


def test_an_earlier_question_is_asked_again_as_it_was() -> None:
    talk = conversation(("a", "1"), ("b", "2"), question="c")
    assert talk.until(talk.turns[1]).messages("") == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "b"},
    ]
    assert len(talk.turns) == 3


async def test_what_is_left_out_is_named() -> None:
    talk = conversation(("first " * 20, "1"), ("second", "2"), question="third")
    fitted = await talk.fit("", 20, count_characters)
    assert fitted.left_out_questions == [("first " * 20)[:60]]


@given(
    lengths=st.lists(st.integers(1, 60), max_size=12),
    question=st.integers(1, 60),
    system=st.integers(0, 60),
    limit=st.integers(1, 400),
)
async def test_exactly_the_oldest_turns_are_left_out_whole(
    lengths: list[int], question: int, system: int, limit: int
) -> None:
    talk = conversation(*(("q" * n, "a" * n) for n in lengths), question="x" * question)
    if system + question > limit:
        with pytest.raises(ContextOverflow):
            await talk.fit("s" * system, limit, count_characters)
        return
    fitted = await talk.fit("s" * system, limit, count_characters)
    kept = lengths[fitted.left_out :]
    assert fitted.messages == talk.messages("s" * system, fitted.left_out)
    assert fitted.prompt_tokens == system + question + 2 * sum(kept) <= limit
    # One turn more would not have fitted.
    if fitted.left_out:
        assert fitted.prompt_tokens + 2 * lengths[fitted.left_out - 1] > limit


async def test_finding_the_cut_asks_for_few_counts() -> None:
    talk = conversation(*[("q" * 10, "a" * 10)] * 1000, question="x")
    asked = 0

    async def count(messages: Messages) -> int:
        nonlocal asked
        asked += 1
        return await count_characters(messages)

    fitted = await talk.fit("", 5001, count)
    assert fitted.left_out == 750
    assert asked <= 12


def test_lone_surrogates_are_replaced_and_pairs_joined() -> None:
    assert printable("a\ud800b \ud83d\ude00 \x00") == "a�b 😀 \x00"


def test_no_prompt_has_more_tokens_than_bytes_beside_its_template() -> None:
    messages = conversation(("é", "日本"), question="?").messages("Be brief.")
    assert most_tokens(messages) == TEMPLATE_TOKENS + len("Be brief.") + 2 + 6 + 1
