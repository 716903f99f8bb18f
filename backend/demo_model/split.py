"""What is trained on and what is kept for testing: decided by a hash of the text, so it never drifts.

Values (names, cities, ...) are kept by their own hash, one in ten. Wordings of one list are ranked by their hash and
the first eighth, at least one, is kept; those that differ in case, blanks and punctuation alone stay together, and
those below "trained only" in their list are never kept.
`ALWAYS_TRAINED` are questions the demonstration promises literally.
"""

from __future__ import annotations

from functools import cache
from typing import Literal
from zlib import crc32

from backend.demo_model.reading import TrainedOnly

Split = Literal["train", "test"]
ALWAYS_TRAINED = (
    "列出中国四大名著及其作者",
    "请列出中国四大名著及其作者",
    "中国四大名著有哪些",
    "Please list China's four great classical novels and their authors",
    "Who are you",
    "你是谁",
    "What is vLLM",
    "vLLM 是什么",
    "How can I use a real model",
    "怎么用真正的模型",
    "What is PagedAttention",
    "PagedAttention 是什么",
    "Count from 1 to 100",
    "从 1 数到 100",
    "What is my name",
    "我叫什么名字",
)
_VALUES_PER_TEST_VALUE = 10
_WORDINGS_PER_TEST_WORDING = 8
_SMALLEST_SPLIT_LIST = 4


def value_split(value: str) -> Split:
    """The split a name or other value belongs to; upper and lower case share one."""
    return "test" if crc32(value.lower().encode()) % _VALUES_PER_TEST_VALUE == 0 else "train"


def wording_key(text: str) -> str:
    """What makes a wording itself: its letters and digits, in lower case."""
    return "".join(character for character in text.lower() if character.isalnum())


@cache
def wordings_of(texts: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The wordings of one list that belong to a split, in order; lists under four are shared by both."""
    divided = [text for text in texts if not isinstance(text, TrainedOnly)]
    if len(divided) < _SMALLEST_SPLIT_LIST:
        return texts
    keys = {wording_key(text) for text in divided} - {wording_key(text) for text in ALWAYS_TRAINED}
    ranked = sorted(keys, key=lambda key: crc32(key.encode()))
    kept = set(ranked[: max(1, len(divided) // _WORDINGS_PER_TEST_WORDING)])
    return tuple(text for text in texts if (wording_key(text) in kept) == (split == "test"))
