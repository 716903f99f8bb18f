"""Which GPU and which profile, and what will it cost? Estimates with their arithmetic, and a recommendation.

    python -m backend.plan [--gpu NAME | detected] [--model ID] [--context N] [--users N] [--ttft-ms N] [--tpot-ms N]
                           [--currency CNY] [--json]
    python -m backend.plan --check       # the estimates beside what was measured

Without --gpu, all known GPUs are compared. NAME is an id of `backend/data/gpus.yaml` or what the driver calls the card;
`detected` is the one that is here, with the memory that its driver reports. The workload is 512 tokens in and 512 out;
--context adds one prompt of that length. docs/planner.md explains model, calibration and limits.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from backend import comparison, plan_text
from backend.gpus import GpuFacts, UnknownGpu, find, known
from backend.hardware import detect
from backend.machines import table
from backend.models import UnknownModel
from backend.planning import Option, Wish, options
from backend.prices import currencies

DETECTED = "detected"


class BadRequest(Exception):
    """What was asked can't be planned; the message is a sentence for the user."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m backend.plan", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gpu", help="a known GPU, or `detected` (default: compare all that are known)")
    parser.add_argument("--model", help="Hugging Face id or local folder (default: each profile's own)")
    parser.add_argument(
        "--context", type=positive, metavar="N", help="tokens that one conversation must be able to hold"
    )
    parser.add_argument("--users", type=positive, metavar="N", help="how many ask at once")
    parser.add_argument("--ttft-ms", type=positive, metavar="N", help="the longest wait for the first token, median")
    parser.add_argument("--tpot-ms", type=positive, metavar="N", help="the longest time for each further token, median")
    parser.add_argument("--currency", default="CNY", choices=currencies(), help="of the prices (default: CNY)")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--check", action="store_true", help="print the estimates beside what was measured, and stop")
    return parser.parse_args(argv)


def positive(text: str) -> int:
    """A whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return value


def plan(gpu: str | None, wish: Wish) -> list[tuple[GpuFacts, list[Option]]]:
    """What was asked: the options of each GPU."""
    if gpu == DETECTED:
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
    with_profiles = {row.gpu for row in table().machines}
    chosen = [find(gpu)] if gpu is not None else [facts for facts in known() if facts.id in with_profiles]
    return [(facts, options(facts, wish)) for facts in chosen]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan; 2 where it can't be made."""
    asked = parse(sys.argv[1:] if argv is None else argv)
    if asked.check:
        print(comparison.text())
        return 0
    wish = Wish(asked.model, asked.context, asked.users, asked.ttft_ms, asked.tpot_ms, asked.currency)
    try:
        found = plan(asked.gpu, wish)
    except (BadRequest, UnknownGpu, UnknownModel) as error:
        print(error, file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(plan_text.as_json(found, wish), indent=2, ensure_ascii=False))
    elif asked.gpu is None:
        print(plan_text.compared(found, wish))
    else:
        print("\n\n".join(plan_text.detailed(facts, each, wish) for facts, each in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
