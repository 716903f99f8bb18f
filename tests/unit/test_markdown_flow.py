"""What of a Markdown text is shown while it streams."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.markdown_flow import LONGEST, MarkdownFlow

# What is held back at the end of a text: everything from "¦" on.
HELD = [
    "a ¦**bo",
    "a **bold**¦",
    "a ¦*it",
    "an_id ¦_it",
    "a ¦~~gone",
    "a ¦`co",
    "a ¦`` co`de",
    "a `code` b¦",
    "¦- **a",
    "see ¦[link",
    "see ¦[link](http://a",
    "see [link](http://a)¦",
    "see ¦[a [b] c](x",
    "see ¦![pic](x",
    "see it¦!",
    "see [1] and¦",
    "an end¦*",
    "an end¦\\",
    "2 * 3 and 4 * 5¦",
    "the sum $a *b$ of¦",
    "a $¦",
    "¦#",
    "¦## ",
    "text\n¦-",
    "text\n¦---",
    "text\n¦===",
    "- one\n¦- ",
    "- one\n  ¦- ",
    "¦1",
    "¦12.",
    "¦- [ ] ",
    "- [x] done¦",
    "¦> ",
    "> text¦",
    "¦``",
    "¦```py",
    "¦```py\n",
    "```py\nx = [1¦",
    "```py\nx **y\n¦``",
    "```py\nx\n```\n¦**a",
    "text\n¦| a | b |",
    "text\n¦| a | b |\n|--",
    "text\n¦| a | b |\n|---|---|",
    "| a | b |\n|---|---|\n| 1¦",
    "| a | b |\n|---|---|\n| ¦**1",
    "| only |\n\nb¦",
    "你好，¦**世",
]
TEXT = st.text(alphabet="ab1 \n\n*_`~[]()!|-#>.\\=:é你", max_size=300)


@pytest.mark.parametrize("case", HELD)
def test_what_may_still_become_something_else_is_held_back(case: str) -> None:
    text = case.replace("¦", "")
    shown = case.index("¦")
    assert MarkdownFlow().feed(text) == text[: leading(text, shown)]


def leading(text: str, shown: int) -> int:
    """A line's indent waits with its mark."""
    start = text.rfind("\n", 0, shown) + 1
    return shown if text[start:shown].strip() else start


@given(TEXT, st.lists(st.integers(0, 300)))
def test_however_it_is_cut_the_pieces_are_the_text(text: str, cuts: list[int]) -> None:
    bounds = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    flow, shown = MarkdownFlow(), ""
    for start, end in pairwise(bounds):
        shown += flow.feed(text[start:end])
        assert text[:end].startswith(shown)
        held = text[len(shown) : end]
        assert held.count("\n") <= 1
        assert len(held) <= 2 * LONGEST + 2
    # The next paragraph brings out whatever was held.
    paragraph = "\n\nend"
    assert shown + flow.feed(paragraph) == text + paragraph


@given(TEXT, TEXT)
def test_a_text_that_is_continued_goes_on_after_what_is_shown(before: str, text: str) -> None:
    shown = MarkdownFlow(before).feed(text + "\n\n\n")
    assert (text + "\n\n\n").startswith(shown)
    assert MarkdownFlow("").feed(text) == MarkdownFlow().feed(text)


@pytest.mark.parametrize("opened", ["**", "`", "[", "*", "~~", "[a]("])
def test_a_mark_that_is_never_closed_is_held_only_so_long(opened: str) -> None:
    flow = MarkdownFlow()
    assert flow.feed("a " + opened + "b" * (LONGEST - 10)) == "a "
    rest = flow.feed("b" * 20)
    assert rest.startswith(opened)
    assert flow.feed("c") == "c"


@pytest.mark.parametrize("mark", ["*", "[", "`", "**a", "\\", "![", "_a ", "| ", "> ", "- ", "~~", "[]("])
def test_a_long_line_of_marks_comes_to_its_end(mark: str) -> None:
    """In quadratic time it would not, before the test's time is over."""
    text, flow = mark * (200_000 // len(mark)), MarkdownFlow()
    shown = [flow.feed(text[at : at + 4]) for at in range(0, len(text), 4)]
    assert text.startswith("".join(shown))


def test_an_answer_is_shown_without_half_of_a_mark() -> None:
    text = (
        "# Title\n\nSome **bold**, *italic*, `code` and a [link](https://example.com/a_b).\n\n- **one**: `1`\n- two\n\n"
        "1. first\n2. *second*\n\n| a | b |\n|---|---|\n| **1** | 2 |\n\n```py\nx = a ** b\n```\n\n> quoted **text**\n"
    )
    flow, shown = MarkdownFlow(), ""
    for letter in text:
        shown += flow.feed(letter)
        outside = re.sub(r"```.*?(```|$)", "", shown, flags=re.DOTALL)
        line = outside.rpartition("\n")[2]
        for mark in ("**", "`", "*"):
            assert line.count(mark) % 2 == 0, shown
        assert line.count("[") == line.count("](") == line.count(")"), shown
        assert not re.search(r"(^|\n)([-#>]+|\d+\.?) ?\Z", outside), shown
    assert shown == text
