"""The command that is chosen for each kind of machine, as a table: docs/profiles.md holds it, and a test compares.

    python -m backend.machine_table [--write]

The machines are simulated from `backend/data/gpus.yaml`. `--write` puts the table into docs/profiles.md, between its
marks. Limits: what a real machine adds (a GPU in use, an old driver) is for `python -m backend.serve --dry-run` to say.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend import gpus
from backend.console import exit_with
from backend.flags import to_words
from backend.hardware import Gpu, Hardware
from backend.profiles import choose

PAGE = Path(__file__).resolve().parent.parent / "docs" / "profiles.md"
BEGIN, END = "<!-- python -m backend.machine_table --write -->", "<!-- end -->"
SEVERAL = (("a100-40", 2), ("a100-40", 4), ("h100", 8), ("l4", 4))
# cards without a row of their own, and a part of one: memory in GiB, as a driver would report it
OTHERS = (
    Gpu("NVIDIA L40S", 45.0, 45.0, (8, 9)),
    Gpu("NVIDIA GeForce RTX 3060", 12.0, 12.0, (8, 6)),
    Gpu("NVIDIA A100-SXM4-40GB MIG 2g.10gb", 9.8, 9.8, (8, 0), mig=True),
)


@dataclass(frozen=True)
class Case:
    """One simulated machine, and the model that is asked for there (None: what suits)."""

    name: str
    gpus: tuple[Gpu, ...] = ()
    model: str | None = None


def cases() -> Iterator[Case]:
    """Every card of which there are facts, a few machines with several, cards that are not listed, and CPUs."""
    cards = {
        facts.id: Gpu(facts.name, facts.memory_gib, facts.memory_gib, facts.compute_capability)
        for facts in gpus.known()
    }
    for card in cards.values():
        yield Case(card.name, (card,))
    for name, count in SEVERAL:
        yield Case(f"{count} × {cards[name].name}", (cards[name],) * count)
    for other in OTHERS:
        yield Case(f"{other.name}, {other.memory_gib:.0f} GiB", (other,))
    yield Case("2 × NVIDIA L40S, 45 GiB", (OTHERS[0],) * 2)
    yield Case("CPU")
    for size in ("0.5B", "1.5B", "3B"):
        model = f"Qwen/Qwen2.5-{size}-Instruct"
        yield Case(f"CPU, `MODEL={model}`", model=model)


def row(case: Case) -> str:
    """A line of the table: the machine, the command, the reason."""
    hardware = Hardware("Linux", "x86_64", 8, (), 64.0, "", case.gpus, "")
    choice = choose(hardware, case.model, None, cpu_build=not case.gpus)
    words = ["vllm", "serve", "--config", f"backend/profiles/{choice.name}.yaml", *to_words(choice.flags)]
    if choice.model is not None:
        bundled = "backend/demo_model/weights"
        words.insert(2, bundled if choice.model.endswith(bundled) else choice.model)
    reason = choice.reason.removeprefix("CPU, ").removeprefix("; ")
    return f"| {case.name} | `{shlex.join(words)}` | {reason} |"


def table() -> str:
    """The whole table in Markdown."""
    return "\n".join(["| machine | command | why |", "|---|---|---|", *map(row, cases())])


def main(argv: Sequence[str]) -> int:
    """Print it, or put it into the page."""
    if list(argv) == ["--write"]:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    else:
        print(table())
    return 0


if __name__ == "__main__":
    exit_with(lambda: main(sys.argv[1:]))
