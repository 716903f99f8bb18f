"""What is made of a model's JSON, whole or cut: the verdict on it, its value, what parses of it, the loop of blanks.

Never an exception, never something that cannot be encoded, never more than JSON, and the more text the more of a value.
"""

from __future__ import annotations

import json
import re
from typing import Any

from chat.json_output import (
    MAX_DEPTH,
    MAX_DIGITS,
    Ending,
    WhitespaceLoop,
    judge,
    parse,
    what_parses,
    without_lone_surrogates,
)

ENDINGS: tuple[Ending, ...] = ("complete", "cut", "stopped", "broken", "looping")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "string", "pattern": "^a*$"}}, "0": {"type": "null"}},
    "required": ["a"],
    "additionalProperties": False,
}


def is_beginning(part: object, whole: object) -> bool:
    """Lists and strings begin the same, objects have the first keys; only what comes last may be unfinished."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return list(part) == list(whole)[: len(part)] and is_beginning(list(part.values()), list(whole.values()))
    if isinstance(part, list) and isinstance(whole, list):
        if len(part) > len(whole) or part[:-1] != whole[: max(len(part) - 1, 0)]:
            return False
        return not part or is_beginning(part[-1], whole[len(part) - 1])
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return type(part) is type(whole) and part == whole


def strictly(text: str) -> tuple[bool, object]:
    """Whether Python's own parser takes a text, without what is no JSON; and its value."""

    def refused(constant: str) -> object:
        raise ValueError(constant)

    try:
        return True, json.loads(text, parse_constant=refused)
    except (ValueError, RecursionError):
        return False, None


def has_twins(text: str) -> bool:
    """Whether an object of a JSON text has a key twice, as read: of its beginnings, each has another value then."""
    twins: list[bool] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        twins.append(len(pairs) > len({without_lone_surrogates(key) for key, _ in pairs}))

    json.loads(text, object_pairs_hook=note)
    return any(twins)


def one_input(data: bytes) -> None:
    """The first byte chooses the ending and where to cut; bytes that are no UTF-8 become halves of surrogate pairs."""
    choice, text = data[0] if data else 0, data[1:].decode("utf-8", "surrogateescape")
    ending, schema = ENDINGS[choice % 5], SCHEMA if choice & 128 else None
    output = judge(text, ending, schema)
    output.shown.encode()
    value, fault = parse(text)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert output.parses == (fault is None and isinstance(value, dict))
    assert (output.verdict == "valid") == (ending == "complete" and output.parses and output.matches is not False)
    if fault is not None:
        lines = text.split("\n")
        assert 1 <= fault[0] <= len(lines)
        assert 1 <= fault[1] <= len(lines[fault[0] - 1]) + 1
    if not re.search(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]", text):
        taken, same = strictly(text)
        assert taken or fault is not None, "it takes what is no JSON"
        assert fault is not None or value == same
        assert fault is None or not taken or output.beyond_limits or _beyond(text), "it refuses what is JSON"
    partial = what_parses(text)
    json.dumps(partial, ensure_ascii=False, allow_nan=False).encode()
    if fault is None:
        assert partial == value
        if isinstance(value, dict | list) and not has_twins(text):
            for end in {len(text) * choice // 256, len(text) - 1}:
                beginning = what_parses(text[:end])
                assert beginning is None or is_beginning(beginning, value), text[:end]
    _loop(text, choice)


def _beyond(text: str) -> bool:
    return text.count("[") + text.count("{") > MAX_DEPTH or bool(re.search(rf"\d{{{MAX_DIGITS}}}|[eE.]", text))


def _loop(text: str, choice: int) -> None:
    whole, halves, characters = WhitespaceLoop(), WhitespaceLoop(), WhitespaceLoop()
    expected = whole.feed(text)
    cut = len(text) * choice // 256
    assert [halves.feed(text[:cut]), halves.feed(text[cut:])][-1] == expected
    assert ([characters.feed(character) for character in text] or [False])[-1] == expected


LONGEST = 1100
SEEDS = [
    b'\xff{"a": ["aa", "a"], "b": null}',
    b'\x80{"a": [], "b": 1.5e-3, "c": {"d": [true, false, null, -0, 12]}}',
    '\x40{"书": "你好 😀", "a": "\\ud83d\\ude00 \\ud83d x\\ude00 \\n\\"\\\\"}'.encode(),
    b'\x01{"a": [1, {"b": "c\\u00',
    b"\x02```json\n{}\n```",
    b'\x03{"a": NaN, "b": -Infinity, "c": 1e400}',
    b'\x04{"a":' + b" \n" * 60 + b"1}",
    b'\x80{"a": 1, "a": 2, "a": {"a": []}}',
    b"\x10" + b"[" * 199 + b"]" * 199,
    b"\x00" + b'{"a":' * 201,
]
FOUND = [
    b'\x01{"a": 1e400+',
    b'\x80{"\xfe": 1, "\xff": 2, "b": 3}',
    *(b'\x00{"a": ' + b"9" * 5000 + rest for rest in (b"x}", b"+", b"-1}", "é}".encode())),
]
WORDS = [
    *rb"""{"a": "a" "b": [ ] { } , : " \ \u \ud83d \ude00 \n true false null NaN Infinity - 0 1e5 1e400 E+""".split(),
    *(b"\xef\xbb\xbf", b"\xed\xa0\xbd", b"\xed\xb8\x80", "😀\u2028".encode(), b"\x00", b"\n", b" " * 60),
]
