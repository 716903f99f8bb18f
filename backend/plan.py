"""Which GPU and which profile, and what will it cost? Estimates with their arithmetic, and a recommendation.

    python -m backend.plan [--gpu NAME | detected] [--gpus N] [--model ID] [--context N] [--users N]
                           [--ttft-ms N] [--tpot-ms N] [--currency CNY] [--json]
    python -m backend.plan --check       # the estimates beside what was measured

Without --gpu, all known GPUs are compared. NAME is an id of `backend/data/gpus.yaml` or what the driver calls the card;
`detected` is the one that is here, with the memory that its driver reports. The workload is 512 tokens in and 512 out.
With --context, each of the users must hold so many tokens at once, and --ttft-ms and --tpot-ms are also judged for one
prompt that fills them, alone. docs/planner.md explains model, calibration and limits. The exit code is 1
where nothing meets what was asked, and 2 where that can't be planned.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from backend import comparison, plan_text
from backend.console import exit_with
from backend.gpus import GpuFacts, UnknownGpu, find, known
from backend.hardware import detect
from backend.models import UnknownModel
from backend.planning import Option, Wish, options, recommended
from backend.prices import currencies
from backend.profiles import NoProfile

DETECTED = "detected"
# The load for which all GPUs are compared where nothing is asked: a small team, with the article's wait for an answer
ASSUMED_USERS, ASSUMED_TTFT_MS, ASSUMED_TPOT_MS = 16, 2000, 50
ALSO = "; with --context, also for a prompt that fills it, alone"


class BadRequest(Exception):
    """What was asked can't be planned; the message is a sentence for the user."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m backend.plan", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gpu", help="a known GPU, or `detected` (default: compare all that are known)")
    parser.add_argument("--gpus", type=positive, metavar="N", help="so many of it (default: 1)")
    parser.add_argument("--model", help="Hugging Face id or local folder (default: each profile's own)")
    parser.add_argument(
        "--context", type=positive, metavar="N", help="tokens that each user's conversation must be able to hold"
    )
    parser.add_argument("--users", type=positive, metavar="N", help="how many ask at once")
    parser.add_argument(
        "--ttft-ms", type=milliseconds, metavar="N", help=f"the longest wait for the first token, median{ALSO}"
    )
    parser.add_argument(
        "--tpot-ms", type=milliseconds, metavar="N", help=f"the longest time for each further token, median{ALSO}"
    )
    parser.add_argument(
        "--currency", type=str.upper, default="CNY", choices=currencies(), help="of the prices (default: CNY)"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--check", action="store_true", help="print the estimates beside what was measured, and stop")
    asked = parser.parse_args(argv)
    if asked.check and asked != parser.parse_args(["--check"]):
        parser.error("--check holds all estimates against measurements, as text: leave out the other options")
    return asked


def positive(text: str) -> int:
    """A whole number above zero."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def milliseconds(text: str) -> float:
    """A time above zero."""
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time above zero")
    return value


def plan(gpu: str | None, gpus: int | None, wish: Wish) -> list[tuple[GpuFacts, list[Option]]]:
    """What was asked: the options of each GPU."""
    if gpu == DETECTED:
        if gpus is not None:
            raise BadRequest("--gpus goes with a GPU that is named; `detected` takes as many as there are.")
        found = detect()
        if not found.gpus:
            names = ", ".join(facts.id for facts in known())
            raise BadRequest(
                f"No NVIDIA GPU to plan for here: {found.gpu_reason}. Name one with --gpu ({names}); "
                "what this machine's CPU would serve is printed by python -m backend.serve --dry-run."
            )
        smallest = min(found.gpus, key=lambda card: card.memory_gib)
        facts = find(smallest.name)
        return [(facts, options(facts, wish, len(found.gpus), smallest.memory_gib))]
    if gpu is not None:
        facts = find(gpu)
        return [(facts, options(facts, wish, gpus or 1))]
    return [(facts, options(facts, wish, gpus)) for facts in known()]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan; 2 where it can't be made."""
    asked = parse(sys.argv[1:] if argv is None else argv)
    if asked.check:
        print(comparison.text())
        return 0
    wish = Wish(asked.model, asked.context, asked.users, asked.ttft_ms, asked.tpot_ms, asked.currency)
    assumed = asked.gpu is None and (wish.context, wish.users, wish.ttft_ms, wish.tpot_ms) == (None,) * 4
    if assumed:
        wish = replace(wish, users=ASSUMED_USERS, ttft_ms=ASSUMED_TTFT_MS, tpot_ms=ASSUMED_TPOT_MS)
    try:
        found = plan(asked.gpu, asked.gpus, wish)
    except (BadRequest, UnknownGpu, UnknownModel, NoProfile) as error:
        print(error, file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(plan_text.as_json(found, wish), indent=2))
    elif asked.gpu is None:
        print(plan_text.compared(found, wish, assumed))
    else:
        print("\n\n".join(plan_text.detailed(facts, each, wish) for facts, each in found))
    return 0 if any(recommended(each) for _, each in found) else 1


if __name__ == "__main__":
    exit_with(main)
