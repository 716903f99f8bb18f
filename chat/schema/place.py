"""Where in a value a fault is, of those that jsonschema-rs 0.61 finds.

It takes a property called "0" or "01" for a place in a list, and leaves one out that is called "".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chat.schema.text import Path


def place_of(fault: Sequence[str | int], value: Any) -> Path:
    """The path of a fault with the names of properties as they are in `value`; of "1" and "01" it may be either."""
    return next(_places(fault, value))


def _places(fault: Sequence[str | int], value: Any) -> Iterator[Path]:
    if not fault:
        yield ()
        return
    for step in _steps(fault[0], value):
        yield from ((step, *rest) for rest in _places(fault[1:], value[step]))
    if isinstance(value, dict) and "" in value:
        yield from (("", *rest) for rest in _places(fault, value[""]))


def _steps(step: str | int, value: Any) -> Iterator[str | int]:
    if isinstance(value, list):
        yield from [step] if isinstance(step, int) and step < len(value) else []
    elif isinstance(value, dict):
        written = str(step)
        if written in value:
            yield written
        if isinstance(step, int):
            yield from (name for name in value if name != written and _is_number(name, written))


def _is_number(name: str, written: str) -> bool:
    """Whether a name is that number, with zeros or a sign before it."""
    return name[-1:].isdigit() and (name.removeprefix("+").lstrip("0") or "0") == written
