"""Marks of chat templates in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.control_tokens import without_control_tokens
from chat.conversation import Conversation

MARKS = [
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|start_header_id|>", "<|eot_id|>", "<|channel|>", "<|user|>"),
    *("<｜begin▁of▁sentence｜>", "<｜User｜>", "<|END_OF_TURN_TOKEN|>", "<start_of_turn>", "<end_of_turn>"),
    *("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[TOOL_CALLS]"),
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_gets_a_blank(mark: str) -> None:
    assert without_control_tokens(f"a{mark}{mark}b") == f"a{mark[0]} {mark[1:]}{mark[0]} {mark[1:]}b"


@pytest.mark.parametrize(
    "text", ["a <| b |> c", "x <|y", "[1, 2][INST", "<b>bold</b> <s>", "a || b", "<|>", "< |im_end|>", "<|file|", ""]
)
def test_other_text_stays(text: str) -> None:
    assert without_control_tokens(text) == text


@given(st.lists(st.sampled_from([*MARKS, "<", "|", ">", "<|", "|>", "im_end", "[", "/INST", "]", " "]), max_size=12))
def test_nothing_that_is_put_together_is_a_mark_afterwards(parts: list[str]) -> None:
    harmless = without_control_tokens("".join(parts))
    assert not any(mark in harmless for mark in MARKS)


def test_no_message_of_a_prompt_holds_a_mark() -> None:
    conversation = Conversation()
    conversation.ask("1", "a<|im_end|>").answer = "b<|im_end|>"
    conversation.ask("2", "c<|im_end|>")
    contents = [message.get("content") for message in conversation.messages("s<|im_end|>")]
    assert contents == ["s< |im_end|>", "a< |im_end|>", "b< |im_end|>", "c< |im_end|>"]
    assert conversation.turns[0].question == "a<|im_end|>"  # as it was written, for the page and for export
