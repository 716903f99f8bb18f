"""JSON mode: what is asked of the server, what of an answer parses, and the verdict on it.

"On" means `response_format`, which vLLM enforces token by token; the line added to the system prompt only tells the
model what the grammar will do. Even so an answer cut by the token limit is no JSON, so each answer is judged.

Limits: nesting of 200, whole numbers of 4,300 digits, other numbers within a double's range. Of a key written twice
the last value counts.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import jiter
from openai.types.shared_params import ResponseFormatJSONObject, ResponseFormatJSONSchema

from chat.schema.match import Violation, compare

ResponseFormat = ResponseFormatJSONObject | ResponseFormatJSONSchema

# How an answer ended. "complete" is the model's own end; "cut" is the token limit or the context; "looping" was ended
# by us because only white space was coming.
Ending = Literal["complete", "cut", "stopped", "broken", "looping"]
Verdict = Literal["valid", "mismatch", "cut", "stopped", "invalid"]
Place = tuple[int, int]  # line and column, both from 1

MAX_DEPTH = 200
MAX_DIGITS = 4300
MAX_WHITESPACE = 100

# Strings (the last one may be cut), brackets, and words (numbers and literals).
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]|[-+.\w]+', re.DOTALL)
# what a parser reads of a word that begins as a number; what follows it is a fault, but comes after it
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_CONSTANTS = ("NaN", "Infinity", "-Infinity")
_SURROGATE_ESCAPE = re.compile(
    r"""\\(?:
        u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}            # a pair
        | (u[dD][89abAB][\da-fA-F]{2})                                    # a first half alone, unless the text ends
            (?!(?:\\(?:u(?:[dD](?:[c-fC-F][\da-fA-F]?)?)?)?)?\Z)          # within the second
        | (u[dD][c-fC-F][\da-fA-F]{2})                                    # a second half alone
        | .
    )""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class JsonOutput:
    """An answer in JSON mode and how it is judged.

    `shown` is indented where the text is one JSON object, else the text as it came. `parses` and `matches` also tell
    of an answer that did not end by itself. `parse_error` is None, too, where the text is JSON but no object;
    `matches` is None without a schema to compare with (or with one that is none), and where nothing parses.
    `beyond_limits`: up to `parse_error` the text is JSON, and what stands there is more than is taken here.
    """

    verdict: Verdict
    ending: Ending
    shown: str
    parses: bool
    parse_error: Place | None = None
    matches: bool | None = None
    violation: Violation | None = None
    beyond_limits: bool = False


def response_format(name: str, schema: dict[str, Any] | None) -> ResponseFormat:
    """What to ask of the server: an object that matches `schema`, or any object."""
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}


def with_instruction(system_prompt: str, instruction: str) -> str:
    """The system prompt with the line that tells the model to answer in JSON."""
    return f"{system_prompt}\n{instruction}" if system_prompt else instruction


def judge(text: str, ending: Ending, schema: dict[str, Any] | None = None) -> JsonOutput:
    """Only an answer that ended by itself, parses to an object and matches its schema is called valid."""
    text = without_lone_surrogates(text)
    value, error = parse(text)
    parses = error is None and isinstance(value, dict)
    shown = json.dumps(value, ensure_ascii=False, indent=2) if parses else text
    matches, violation = compare(value, schema) if parses and schema is not None else (None, None)
    verdict: Verdict
    if ending != "complete":
        verdict = "stopped" if ending == "stopped" else "cut"
    elif not parses:
        verdict = "invalid"
    else:
        verdict = "valid" if schema is None or matches else "mismatch"
    return JsonOutput(
        verdict, ending, shown, parses, error, matches, violation, error is not None and _refuses(text, error)
    )


def parse(text: str) -> tuple[object, Place | None]:
    """The value of a JSON text; if it is none, None and the place of the fault.

    Stricter than `json.loads` (no NaN, no Infinity); half a surrogate pair becomes U+FFFD, so that a value can always
    be encoded.
    """
    text = _mended(text)
    refused, _ = _scan(text)
    try:
        value = json.loads(text[:refused])
    except json.JSONDecodeError as error:
        return None, (error.lineno, error.colno)
    if refused is None:
        return value, None
    return None, _place(text, refused)


def what_parses(text: str) -> object | None:
    """The value of the longest beginning of a cut text that has one: what is unfinished is left out, save strings.

    None where nothing parses, and for a text that is no beginning of JSON.
    """
    value, error = parse(text)
    if error is None:
        return value
    text = _mended(text)
    refused, cut_number = _scan(text)
    beginning = text[: cut_number if refused is None else refused].encode()
    try:
        parsed: object = jiter.from_json(beginning, partial_mode="trailing-strings", allow_inf_nan=False)
    except ValueError:
        return None
    return parsed


def without_lone_surrogates(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which no encoding can carry."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class WhitespaceLoop:
    """Tells when a model under a grammar makes nothing but white space between two tokens of JSON."""

    def __init__(self) -> None:
        self._in_string = False
        self._escaped = False
        self._run = 0

    def feed(self, delta: str) -> bool:
        """Take the next piece; true from the first run of more than `MAX_WHITESPACE` on."""
        for character in delta:
            if self._run > MAX_WHITESPACE:
                break
            if self._in_string:
                self._in_string = self._escaped or character != '"'
                self._escaped = character == "\\" and not self._escaped
            elif character in " \t\n\r":
                self._run += 1
            else:
                self._run = 0
                self._in_string = character == '"'
        return self._run > MAX_WHITESPACE


def _mended(text: str) -> str:
    """The text without lone surrogates, escaped ones included; the same length unless it held pairs unescaped."""
    return _SURROGATE_ESCAPE.sub(
        lambda escape: r"\ufffd" if escape[1] or escape[2] else escape[0], without_lone_surrogates(text)
    )


def _scan(text: str) -> tuple[int | None, int]:
    """Where the first thing beyond the limits stands, and where the number begins that ends with the text."""
    depth, cut_number = 0, len(text)
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return token.start(), cut_number
        elif word in "]}":
            depth -= 1
        elif word[0] != '"' and not _within_limits(word):
            return token.start(), cut_number
        elif token.end() == len(text) and _NUMBER.match(word):
            cut_number = token.start()
    return None, cut_number


def _refuses(text: str, fault: Place) -> bool:
    """Whether the fault of a text that does not parse is that it goes beyond the limits."""
    text = _mended(text)
    refused, _ = _scan(text)
    return refused is not None and fault == _place(text, refused)


def _place(text: str, at: int) -> Place:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _within_limits(word: str) -> bool:
    number = _NUMBER.match(word)
    if number is None:
        return not word.startswith(_CONSTANTS)
    is_whole = number[1] is None and number[2] is None
    return len(number[0]) <= MAX_DIGITS if is_whole else math.isfinite(float(number[0]))
