"""Small sums and unit conversions, worked out in steps short enough for a small network, and where they end.

Taught: sums and differences of numbers up to 200, products of a number up to 99 and a digit, or of two numbers up to
20, quotients that come out even with a divisor and a result up to 12, conversions between common units. Others are
declined. Pairs of numbers belong to one split by their hash, but for what is taught in full as a table: products of
numbers up to 10 or from 11 to 20, and all quotients; of those, wordings alone are held out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from backend.demo_model.noise import Noise
from backend.demo_model.phrases import Phrases
from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.split import Split, value_split, wordings_of
from backend.demo_model.texts import fill
from backend.demo_model.turns import Reply, Turn, one_reply

OPERATIONS = ("add", "subtract", "multiply", "divide", "convert")
_LARGEST = 200


@dataclass(frozen=True)
class Conversion:
    """`factor` smaller units make one larger unit; names by language, plural in English."""

    larger: dict[Language, str]
    smaller: dict[Language, str]
    factor: int
    most: int


def _conversion(larger: str, larger_zh: str, smaller: str, smaller_zh: str, factor: int, most: int = 99) -> Conversion:
    return Conversion({"en": larger, "zh": larger_zh}, {"en": smaller, "zh": smaller_zh}, factor, most)


CONVERSIONS = (
    _conversion("hours", "小时", "minutes", "分钟", 60),
    _conversion("minutes", "分钟", "seconds", "秒", 60),
    _conversion("days", "天", "hours", "小时", 24, 20),
    _conversion("weeks", "周", "days", "天", 7),
    _conversion("years", "年", "months", "个月", 12, 20),
    _conversion("kilometres", "公里", "metres", "米", 1000),
    _conversion("metres", "米", "centimetres", "厘米", 100),
    _conversion("centimetres", "厘米", "millimetres", "毫米", 10),
    _conversion("kilograms", "千克", "grams", "克", 1000),
    _conversion("tonnes", "吨", "kilograms", "千克", 1000),
    _conversion("litres", "升", "millilitres", "毫升", 1000),
    _conversion("gigabytes", "GB", "megabytes", "MB", 1000),
)


class Arithmetic:
    """Turns that ask for a small calculation."""

    def __init__(
        self, phrases: Phrases, noise: Noise, split: Split, too_hard: dict[Language, tuple[Reply, ...]]
    ) -> None:
        self._tasks = phrases.tasks
        self._noise = noise
        self._split = split
        self._too_hard = too_hard
        self._conversions = [
            (conversion, count)
            for conversion in CONVERSIONS
            for count in range(2, conversion.most + 1)
            if value_split(f"{count} {conversion.larger['en']}") == split
        ]

    def turn(self, language: Language, rng: Random) -> Turn:
        """One of the calculations taught."""
        return self.of(rng.choices(OPERATIONS, (24, 24, 20, 12, 20))[0], language, rng)

    def of(self, operation: str, language: Language, rng: Random) -> Turn:
        """A calculation of one kind."""
        if operation == "convert":
            return self._convert(language, rng)
        a, b = self._pair(operation, rng)
        template = self._template(operation, language, rng)
        ask = self._asked(template, rng, a=str(a), b=str(b))
        if operation == "add" and template.index("{b}") < template.index("{a}"):
            a, b = b, a  # "add 3 to 4": in the order of the question
        text, as_json = _SOLVE[operation](a, b)
        return Turn(ask, language, one_reply(_with_stop(text), {"en": as_json, "zh": as_json}))

    def too_large(self, language: Language, rng: Random) -> Turn:
        """A calculation beyond what was taught."""
        operation = rng.choice(OPERATIONS[:4])
        a, b = self._split_pair(lambda: (rng.randint(300, rng.choice((999, 99999))), rng.randint(21, 9999)))
        if operation == "multiply" and rng.random() < 0.4:
            a, b = self._split_pair(lambda: (rng.randint(21, 999), rng.randint(21, 999)))
        if operation == "divide" and rng.random() < 0.6:
            b = rng.randint(2, 9)
            a, b = self._split_pair(lambda: (rng.randint(1, 12) * b + rng.randint(1, b - 1), b))
        return Turn(self._ask(operation, language, rng, a=str(a), b=str(b)), language, self._too_hard)

    def _convert(self, language: Language, rng: Random) -> Turn:
        conversion, count = rng.choice(self._conversions)
        down = rng.random() < 0.65 or conversion.factor in (7, 12, 24)
        given, wanted = (conversion.larger, conversion.smaller) if down else (conversion.smaller, conversion.larger)
        n = count if down else count * conversion.factor
        result = count * conversion.factor if down else count
        steps = _product(count, conversion.factor) if down else f"{n} ÷ {conversion.factor} = {count}"
        texts: dict[Language, str] = {
            "en": f"{n} {given['en']} are {steps} {wanted['en']}.",
            "zh": fill(
                "{n} {given}等于 {steps} {wanted}。", n=str(n), given=given["zh"], steps=steps, wanted=wanted["zh"]
            ),
        }
        ask = self._ask("convert", language, rng, n=str(n), **{"from": given[language], "to": wanted[language]})
        return Turn(
            ask,
            language,
            one_reply(
                texts, {key: {"value": n, "from": given[key], "result": result, "to": wanted[key]} for key in LANGUAGES}
            ),
        )

    def _pair(self, operation: str, rng: Random) -> tuple[int, int]:
        if operation in ("add", "subtract"):
            most = rng.choice((20, 99, 99, _LARGEST))
            a, b = self._split_pair(lambda: (rng.randint(0, most), rng.randint(0, most)))
            return (max(a, b), min(a, b)) if operation == "subtract" and rng.random() < 0.85 else (a, b)
        if operation == "divide":
            b = rng.randint(2, 12)
            return b * rng.randint(1, 12), b
        if self._split == "train" and rng.random() < 0.3:
            return rng.randint(1, 10), rng.randint(1, 10)
        if self._split == "train" and rng.random() < 0.2:
            return rng.randint(11, 20), rng.randint(11, 20)
        a, b = self._split_pair(lambda: (rng.randint(11, 99), rng.randint(2, 9)))
        return (b, a) if rng.random() < 0.3 else (a, b)

    def _split_pair(self, make: Callable[[], tuple[int, int]]) -> tuple[int, int]:
        """A pair of this split, whatever the order of its numbers."""
        while value_split("{},{}".format(*sorted(pair := make()))) != self._split:
            pass
        return pair

    def _ask(self, kind: str, language: Language, rng: Random, **values: str) -> str:
        return self._asked(self._template(kind, language, rng), rng, **values)

    def _template(self, kind: str, language: Language, rng: Random) -> str:
        return rng.choice(wordings_of(self._tasks[kind][language], self._split))

    def _asked(self, template: str, rng: Random, **values: str) -> str:
        ask = fill(template, **values)
        return self._noise.ending(ask, rng) if self._split == "train" else ask


def _add(a: int, b: int) -> tuple[str, dict[str, Any]]:
    return f"{a} + {b} = {a + b}", {"expression": f"{a} + {b}", "result": a + b}


def _subtract(a: int, b: int) -> tuple[str, dict[str, Any]]:
    return f"{a} - {b} = {a - b}", {"expression": f"{a} - {b}", "result": a - b}


def _multiply(a: int, b: int) -> tuple[str, dict[str, Any]]:
    steps = _product(a, b)
    return steps, {"expression": f"{a} × {b}", "steps": steps, "result": a * b}


def _divide(a: int, b: int) -> tuple[str, dict[str, Any]]:
    return f"{a} ÷ {b} = {a // b}", {"expression": f"{a} ÷ {b}", "result": a // b}


_SOLVE = {"add": _add, "subtract": _subtract, "multiply": _multiply, "divide": _divide}


def _product(a: int, b: int) -> str:
    """`17 × 6 = 60 + 42 = 102`: tens and ones of the larger number each times the other."""
    result = a * b
    larger, other = max(a, b), min(a, b)
    if (b % 10 == 0 and b >= 10) or larger <= 10:
        return f"{a} × {b} = {result}"
    tens, ones = larger // 10 * 10, larger % 10
    if not ones:
        return f"{a} × {b} = {result}"
    return f"{a} × {b} = {tens * other} + {ones * other} = {result}"


def _with_stop(text: str) -> dict[Language, str]:
    return {"en": f"{text}.", "zh": f"{text}。"}
