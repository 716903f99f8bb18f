"""A comparison of quality as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backend.benchmark.result import Result
from backend.benchmark.table import aligned

Line = dict[str, Any]
NONE = "–"


def _number(key: str) -> Callable[[Line], str]:
    return lambda line: NONE if line.get(key) is None else f"{line[key]:.1f}"


def _with_interval(key: str) -> Callable[[Line], str]:
    def cell(line: Line) -> str:
        if line.get(key) is None:
            return NONE
        low, high = line[f"{key}_interval"]
        return f"{line[key]:.2f} ({low:.2f} to {high:.2f})"

    return cell


def _changed(line: Line) -> str:
    return f"{line['became_wrong']} / {line['became_right']}" if "became_wrong" in line else NONE


COLUMNS: tuple[tuple[str, Callable[[Line], str]], ...] = (
    ("same answer %", _number("same_percent")),
    ("BLEU-4 to full precision", _with_interval("bleu_to_full")),
    ("right %", _number("right_percent")),
    ("became wrong / right", _changed),
    ("BLEU-4 to right answers", _number("bleu_to_right")),
    ("drop %", _with_interval("bleu_drop_percent")),
    ("JSON valid %, enforced", _number("json_enforced_valid_percent")),
    ("in words", _number("json_in_words_valid_percent")),
    ("cut %", _number("cut_percent")),
)


def table(measured: Result) -> str:
    """What was compared; then, by group, how many answers stayed the same. Columns that say nothing are left out."""
    lines = measured["models"]
    shown = [(title, cell) for title, cell in COLUMNS if any(cell(line) != NONE for line in lines)]
    rows = [["", *(title for title, _ in shown)]]
    rows += [[line["name"], *(cell(line) for _, cell in shown)] for line in lines]
    others = [line for line in lines if "same_percent_by_group" in line]
    groups = list(others[0]["same_percent_by_group"])
    by_group = [["same answer %", *(line["name"] for line in others)]]
    by_group += [[group, *(f"{line['same_percent_by_group'][group]:.1f}" for line in others)] for group in groups]
    head = f"{measured['prompts']['count']} prompts: {measured['prompts']['from']}; temperature 0; in brackets: 95 %"
    return "\n".join([head, "", aligned(rows), *(["", aligned(by_group)] if len(groups) > 1 else [])])
