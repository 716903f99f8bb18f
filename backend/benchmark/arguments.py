"""Readers of numbers on the command line, for argparse: a bad one is refused with the option's name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def numbers(kind: Callable[[str], Number]) -> Callable[[str], tuple[Number, ...]]:
    """A reader of `1,8,64`: numbers above 0."""

    def read(text: str) -> tuple[Number, ...]:
        values = tuple(kind(word) for word in text.split(","))
        if not all(0 < value < float("inf") for value in values):
            raise argparse.ArgumentTypeError(f"{text!r}: numbers above 0, with commas between them")
        return tuple(dict.fromkeys(values))

    read.__name__ = "list of numbers"
    return read


def one_number(kind: Callable[[str], Number], least: float) -> Callable[[str], Number]:
    """A reader of a number that is at least so large."""

    def read(text: str) -> Number:
        value = kind(text)
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r}: at least {least:g}")
        return value

    read.__name__ = "number"
    return read
