"""`compare A B`: which settings differ between two results, which figures, and whether by more than noise."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.benchmark.noise import Difference, difference
from backend.benchmark.problems import Problem
from backend.benchmark.report_input import checked
from backend.benchmark.result import Result, read
from backend.benchmark.table import aligned, load_name

# figure → whether more of it is better
FIGURES = {
    "output_throughput": True,
    "request_throughput": True,
    "request_goodput": True,
    "median_ttft_ms": False,
    "p99_ttft_ms": False,
    "median_tpot_ms": False,
    "p99_tpot_ms": False,
    "median_itl_ms": False,
    "p99_itl_ms": False,
    "median_e2el_ms": False,
    "p99_e2el_ms": False,
    "failed": False,
}
# what differs between any two runs and says nothing
PASSING = ("client.load_average", "client.hardware.memory_gib", "client.hardware.memory_reason")


def flat(value: object, name: str = "") -> dict[str, object]:
    """Nested settings as `a.b.c`."""
    if isinstance(value, dict):
        parts = [flat(inner, f"{name}.{key}" if name else key) for key, inner in value.items()]
        return {key: inner for part in parts for key, inner in part.items()}
    return {name: value}


def changes(a: Result, b: Result) -> dict[str, tuple[object, object]]:
    """What differs in the settings, the scenario, the server and the machine: (in A, in B)."""
    found: dict[str, tuple[object, object]] = {}
    for part in ("settings", "scenario", "server", "client"):
        left, right = flat(a[part], part), flat(b[part], part)
        for key in {**left, **right}:
            if key not in PASSING and left.get(key) != right.get(key):
                found[key] = left.get(key), right.get(key)
    return found


def figures(a: Result, b: Result) -> list[dict[str, Any]]:
    """Every figure at every load that both have."""
    others = {(point["kind"], point["value"]): point for point in b["points"]}
    rows: list[dict[str, Any]] = []
    for point in a["points"]:
        other = others.get((point["kind"], point["value"]))
        for name, more_is_better in FIGURES.items() if other else ():
            left, right = _values(point, name), _values(other, name)
            if left and right:
                found = difference(left, right)
                rows.append(
                    {"load": load_name(point), "figure": name, "is_better": _is_better(found, more_is_better)}
                    | asdict(found)
                    | {"repeats": [len(left), len(right)]}
                )
    if not rows:
        have = [
            ", ".join(load_name(point) for point in result["points"] if _values(point, "failed")) or "none"
            for result in (a, b)
        ]
        raise Problem(f"The results have no load in common that ran to its end: A has {have[0]}; B has {have[1]}.")
    return rows


def _values(point: dict[str, Any] | None, name: str) -> list[float]:
    parts = [part for part in (point or {})["repeats"] if part["complete"]] if point else []
    return [value for part in parts if (value := part["figures"].get(name)) is not None]


def _is_better(found: Difference, more_is_better: bool) -> bool | None:
    """None where the difference is no more than noise, or nobody knows."""
    if found.verdict != "more than noise":
        return None
    return (found.b > found.a) is more_is_better


def report(a: Result, b: Result) -> str:
    """For the terminal."""
    lines = ["What differs:"]
    differing = changes(a, b)
    lines += [f"  {key}: {_short(left)} → {_short(right)}" for key, (left, right) in differing.items()] or ["  nothing"]
    if "scenario.sha256" in differing:
        lines.append("  So the two were asked different things: their figures are of different work.")
    for name, result in (("A", a), ("B", b)):
        if not result["complete"]:
            lines.append(f"  {name} was {result['stopped']}: only its whole runs count here.")
    rows = [["load", "figure", "A", "B", "change", "99 % interval", ""]]
    found = figures(a, b)
    for row in found:
        if row["a"] or row["b"]:
            rows.append([row["load"], row["figure"], f"{row['a']:.2f}", f"{row['b']:.2f}", *_judged(row)])
    lines += ["", aligned(rows)]
    if any(row["verdict"] == "unknown" for row in found):
        lines.append("One repeat shows nothing of the noise between runs: measure with --repeats 3 or more.")
    return "\n".join(lines)


def _judged(row: dict[str, Any]) -> list[str]:
    change, low, high = row["change_percent"], row["low_percent"], row["high_percent"]
    word = {True: "better", False: "worse", None: row["verdict"]}[row["is_better"]]
    return [
        "–" if change is None else f"{change:+.1f} %",
        "–" if low is None else f"{low:+.1f} to {high:+.1f} %",
        word,
    ]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", type=Path, metavar="A.json")
    parser.add_argument("b", type=Path, metavar="B.json")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print the comparison."""
    a, b = (checked(file, read(file)) for file in (options.a, options.b))
    if options.json:
        print(json.dumps({"changes": changes(a, b), "figures": figures(a, b)}, ensure_ascii=False))
    else:
        print(report(a, b))
    return 0
