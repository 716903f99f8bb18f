"""What is wrong with a pattern: what the server's grammar cannot express, and what can take forever to match.

A pattern is parsed here, never executed. The syntax is the part of ECMA-262 that xgrammar 0.2.8 converts faithfully:
no look-around, back-references, word boundaries, flags, named groups or Unicode properties, and `^` and `$` at the
ends only. The server writes a pattern's text as it is: `"`, `\\` and control characters would break the JSON.

Forever: a repetition is refused where, after some part of it, the next character does not tell which way to go on, as
in `(a+)+` or `(a|a)*`. That one rule keeps any engine linear there. `(-[a-z]+)*` passes, and a few harmless patterns
do not, such as `(ab|ac)*`: write `(a[bc])*`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from chat.schema.ambiguity import (
    NOTHING,
    Part,
    Ranges,
    character,
    complement,
    either,
    followed_by,
    is_ambiguous_repeated,
    repeated,
    union,
)

LONGEST = 256
# characters with all repetitions written out, as the server does: (a{10}){10} has 100
MOST_REPEATED = 1000
# groups in groups
DEEPEST = 20

_CLASSES: dict[str, Ranges] = {
    "d": [(0x30, 0x39)],
    "w": [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)],
    "s": [
        (9, 13),
        (0x20, 0x20),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF),
    ],
}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_HEX = set("0123456789abcdefABCDEF")
_UNWRITABLE: Ranges = [(0, 31), (0x22, 0x22), (0x5C, 0x5C)]


@dataclass(frozen=True, slots=True)
class Report:
    """The key of a sentence and its values, or no key; and whether the pattern speaks of the whole text.

    The server takes each pattern to do so, as with `^` before and `$` behind it.
    """

    key: str | None = None
    values: dict[str, object] = field(default_factory=dict)
    whole: bool = True


@dataclass
class _Fault(Exception):
    key: str
    part: str


@lru_cache(maxsize=256)
def inspect(pattern: str) -> Report:
    """What the server and whoever matches the pattern make of it."""
    if len(pattern) > LONGEST:
        return Report("schema_pattern_too_long", {"limit": LONGEST})
    if "\0" in pattern:
        return Report("schema_pattern_nul")
    try:
        return Report(whole=_Parser(pattern).parse())
    except _Fault as fault:
        return Report(fault.key, {"part": fault.part})


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.whole = True

    def parse(self) -> bool:
        """Whether each alternative speaks of the whole text."""
        self._choice(0)
        if self.at < len(self.pattern):
            raise _Fault("schema_pattern_syntax", self.pattern[self.at :])
        return self.whole

    def _peek(self, *texts: str) -> bool:
        return self.pattern.startswith(texts, self.at)

    def _take(self, text: str) -> bool:
        found = self._peek(text)
        self.at += len(text) if found else 0
        return found

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise _Fault("schema_pattern_syntax", self.pattern)
        self.at += 1
        return self.pattern[self.at - 1]

    def _choice(self, depth: int) -> Part:
        if depth > DEEPEST:
            raise _Fault("schema_pattern_syntax", self.pattern)
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        return either(parts) if len(parts) > 1 else parts[0]

    def _sequence(self, depth: int) -> Part:
        begins = depth > 0 or self._take("^") or self._peek(".*")
        ends = depth > 0
        whole = NOTHING
        while self.at < len(self.pattern) and not self._peek("|", ")"):
            if depth == 0 and self._peek("$") and self.pattern[self.at + 1 : self.at + 2] in ("", "|"):
                self.at += 1
                ends = True
                break
            ends = depth > 0 or self._peek(".*")
            whole = followed_by(whole, self._repeated(depth))
        self.whole = self.whole and begins and ends
        return whole

    def _repeated(self, depth: int) -> Part:
        start = self.at
        part = self._atom(depth)
        least, most = self._quantifier()
        if (least, most) == (1, 1):
            return part
        self._take("?")  # lazy: the same strings
        text = self.pattern[start : self.at]
        if self._peek("*", "+", "?", "{"):
            raise _Fault("schema_pattern_syntax", self.pattern[start : self.at + 1])
        whole = repeated(part, least, most)
        if whole.times > MOST_REPEATED:
            raise _Fault("schema_pattern_repeats", text)
        if most != 1 and is_ambiguous_repeated(part):
            raise _Fault("schema_pattern_forever", text)
        return whole

    def _quantifier(self) -> tuple[int, int | None]:
        for sign, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self._take(sign):
                return bounds
        if not self._take("{"):
            return 1, 1
        written, brace, rest = self.pattern[self.at :].partition("}")
        least, comma, most = written.partition(",")
        if not brace or not _is_count(least) or (most and not _is_count(most)):
            raise _Fault("schema_pattern_syntax", f"{{{written}{brace}")
        if most and int(most) < int(least):
            raise _Fault("schema_pattern_syntax", f"{{{written}{brace}")
        self.at = len(self.pattern) - len(rest)
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _atom(self, depth: int) -> Part:
        start = self.at
        sign = self._next()
        if sign == "(":
            return self._group(start, depth)
        if sign == "[":
            return character(self._class(start))
        if sign == ".":
            return character(complement([(10, 10), (13, 13)]))
        if sign in "*+?{":
            raise _Fault("schema_pattern_syntax", self.pattern[start:])
        if sign in "^$":
            raise _Fault("schema_pattern_anchor", sign)
        ranges = self._escape(start) if sign == "\\" else [(ord(sign), ord(sign))]
        return character(self._writable(ranges, start))

    def _group(self, start: int, depth: int) -> Part:
        if self._take("?") and not self._take(":"):
            raise _Fault("schema_pattern_group", self.pattern[start : self.at + 1])
        part = self._choice(depth + 1)
        if not self._take(")"):
            raise _Fault("schema_pattern_syntax", self.pattern[start:])
        return part

    def _escape(self, start: int) -> Ranges:
        letter = self._next()
        if letter in "dDwWsS":
            ranges = _CLASSES[letter.lower()]
            return ranges if letter.islower() else complement(ranges)
        if letter in "xu":
            length = 2 if letter == "x" else 4
            digits = self.pattern[self.at : self.at + length]
            if len(digits) < length or not _HEX.issuperset(digits) or 0xD800 <= int(digits, 16) <= 0xDFFF:
                raise _Fault("schema_pattern_syntax", f"\\{letter}{digits}")
            self.at += length
            return [(int(digits, 16), int(digits, 16))]
        if letter.isalnum() and letter not in _CONTROLS:  # \b, \p, \1, \k and those that mean nothing
            raise _Fault("schema_pattern_escape", self.pattern[start : self.at])
        code = _CONTROLS.get(letter, ord(letter))
        return [(code, code)]

    def _class(self, start: int) -> Ranges:
        negated = self._take("^")
        if self._peek("]"):
            raise _Fault("schema_pattern_syntax", self.pattern[start : self.at + 1])
        ranges: Ranges = []
        while not self._take("]"):
            member = self._class_member()
            if self._peek("-") and not self._peek("-]"):
                self.at += 1
                (low, low_end), (high, high_end) = member[0], self._class_member()[0]
                if low != low_end or high != high_end or low > high:
                    raise _Fault("schema_pattern_syntax", self.pattern[start : self.at])
                member = [(low, high)]
            ranges = ranges + member
        ranges = union(ranges)
        return self._writable(complement(ranges) if negated else ranges, start)

    def _class_member(self) -> Ranges:
        start = self.at
        sign = self._next()
        return self._escape(start) if sign == "\\" else [(ord(sign), ord(sign))]

    def _writable(self, ranges: Ranges, start: int) -> Ranges:
        """The ranges, if anything in them can stand in a JSON string as it is."""
        if union(ranges, _UNWRITABLE) == _UNWRITABLE:
            raise _Fault("schema_pattern_unwritable", self.pattern[start : self.at])
        return ranges


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) < 9
