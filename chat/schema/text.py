"""The text of a JSON Schema read strictly: what its value is, and where each part of it stands.

Linear in the text, never recursive, and no deeper than `MAX_NESTING`: `json.loads` only gets to see what it survives.
Strict means no duplicate keys, no NaN, no halves of surrogate pairs and no number beyond a double's range.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 64 * 1024
# brackets within brackets; vLLM 0.32 refuses more
MAX_NESTING = 64
# a number's characters; Python refuses whole numbers of more than 4,300
LONGEST_NUMBER = 400

Path = tuple[str | int, ...]

# Strings (one without its end, too), brackets, and words: numbers, true, false, null and what has no place in JSON.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]},:]|[^\s"\[{\]},:]+', re.DOTALL)
# what a parser reads of a word that begins as a number; what follows it is a fault, but comes after it
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_CONSTANTS = ("NaN", "Infinity", "-Infinity")
# the beginning of Python's messages, and the end of our key
_FAULTS = {
    "Expecting property name": "name",
    "Expecting ':'": "colon",
    "Expecting ','": "comma",
    "Illegal trailing comma": "trailing",
    "Unterminated string": "unterminated",
    "Invalid control character": "control",
    "Invalid \\": "escape",
    "Extra data": "extra",
}


@dataclass
class TextFault(Exception):
    """What is wrong with a text: the sentence's key and values, and the offset where."""

    key: str
    offset: int
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a text, and the offset of each part: of its key in an object, else of the value itself."""

    value: Any
    offsets: dict[Path, int]


def read(text: str) -> Document:
    """Raises `TextFault` for what is too long, too deep or not strict JSON."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise TextFault("schema_too_long", 0, {"size": size // 1024, "limit": MAX_BYTES // 1024})
    if not text.strip():
        raise TextFault("schema_empty", 0)
    tokens = list(_TOKEN.finditer(text))
    _check_tokens(tokens)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        fault = next((key for start, key in _FAULTS.items() if error.msg.startswith(start)), "value")
        before = text[: error.pos].rstrip()
        if before.endswith(",") and text[error.pos : error.pos + 1] in ("]", "}"):  # Python 3.13 says so itself
            raise TextFault("schema_json_trailing", len(before) - 1) from None
        raise TextFault(f"schema_json_{fault}", error.pos) from None
    return Document(value, dict(_offsets(tokens)))


def _check_tokens(tokens: list[re.Match[str]]) -> None:
    depth = 0
    for token in tokens:
        word = token[0]
        if word in "[{":
            depth += 1
            if depth > MAX_NESTING:
                raise TextFault("schema_too_nested", token.start(), {"limit": MAX_NESTING})
        elif word in "]}":
            depth -= 1
        elif word in _CONSTANTS:
            raise TextFault("schema_json_value", token.start())
        elif (number := _NUMBER.match(word)) and (len(number[0]) > LONGEST_NUMBER or math.isinf(float(number[0]))):
            raise TextFault("schema_number_too_large", token.start())


def _offsets(tokens: list[re.Match[str]]) -> Iterator[tuple[Path, int]]:
    """The offset of each part of a text that is JSON; raises `TextFault` where a key stands twice."""
    path: list[str | int] = []
    keys: list[set[str]] = []  # of the objects that are open; none for a list
    expects_key = False
    for token in tokens:
        word = token[0]
        if word == ":":
            expects_key = False
        elif word in "]}":
            path.pop()
            keys.pop()
            expects_key = False
        elif word == ",":
            expects_key = isinstance(path[-1], str)
            if isinstance(path[-1], int):
                path[-1] += 1
        elif expects_key:
            key = _string(token)
            if key in keys[-1]:
                raise TextFault("schema_duplicate_key", token.start(), {"name": key})
            keys[-1].add(key)
            path[-1] = key
            yield tuple(path), token.start()
        else:
            if word[0] == '"':
                _string(token)
            if not path or isinstance(path[-1], int):
                yield tuple(path), token.start()
            if word in "[{":
                path.append(0 if word == "[" else "")
                keys.append(set())
                expects_key = word == "{"


def _string(token: re.Match[str]) -> str:
    string: str = json.loads(token[0])
    if any("\ud800" <= character <= "\udfff" for character in string):
        raise TextFault("schema_lone_surrogate", token.start())
    return string


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both from 1, in characters; an offset at the end of the text is its last place."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1
