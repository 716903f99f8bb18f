"""What a measured load costs: per million output tokens, per chat turn, and beside a hosted API's price.

A machine is paid by the hour, busy or not, so everything here is an hour's price over what was done in an hour at that
load without a pause: a server that is half idle costs twice as much for each token. Reading prompts is in that price.
An API is paid by the token, read and written; cheaper rates for prompts in its cache are not reckoned with.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from backend.benchmark.figures import LIMITS
from backend.benchmark.problems import Problem
from backend.data import STRICT, load
from backend.prices import per_million_tokens

CURRENCIES = ("CNY", "USD", "EUR")
PRICES = (0.0001, 1_000_000)  # what lies outside is a slip of the hand
KEPT = 0.95  # a load keeps the limits where so many of its requests kept every one of them

Point = dict[str, Any]
"""One load of a result, as `run` writes it"""


@dataclass(frozen=True)
class ApiPrice:
    """What an API asks for a million tokens."""

    __pydantic_config__ = STRICT

    model: str
    currency: str
    input_per_million: float
    output_per_million: float
    source: str
    date: str

    def turn(self, tokens_in: float, tokens_out: float) -> float:
        """One question and its answer."""
        return (tokens_in * self.input_per_million + tokens_out * self.output_per_million) / 1e6


@cache
def api_prices() -> tuple[ApiPrice, ...]:
    """Every one there is."""
    return load("api_prices.yaml", tuple[ApiPrice, ...])


def api_price(model: str, currency: str) -> ApiPrice | None:
    """The last entry; None: there is none."""
    found = [price for price in api_prices() if (price.model, price.currency) == (model, currency)]
    return found[-1] if found else None


def is_price(number: float) -> bool:
    """Of what anybody pays, in any of the currencies."""
    return PRICES[0] <= number <= PRICES[1]


def parse_api_price(text: str, currency: str) -> ApiPrice:
    """`0.6,1.5`: input and output, per million tokens; one number: the same for both. Raises Problem."""
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not all(number == 0 or is_price(number) for number in numbers) or not any(numbers):
        raise Problem(
            f"--api-price {text}: write the price of a million tokens read and of a million written, as 0.6,1.5; "
            f"each from {PRICES[0]:g} to {PRICES[1]:,}, or 0 for one of them."
        )
    return ApiPrice("", currency, numbers[0], numbers[-1], "--api-price", "")


@dataclass(frozen=True)
class Cost:
    """Of one load, in the currency of `per_hour`."""

    per_hour: float
    output_throughput: float
    request_throughput: float
    tokens_in: float | None
    """Of a turn, on average; None: the server does not count them"""
    tokens_out: float

    @property
    def per_million_output(self) -> float:
        return per_million_tokens(self.per_hour, self.output_throughput)

    @property
    def tokens_s_per_unit(self) -> float:
        """The article's index: tokens/s over the price of an hour."""
        return self.output_throughput / self.per_hour

    @property
    def turns_per_hour(self) -> float:
        return self.request_throughput * 3600

    @property
    def per_turn(self) -> float:
        return self.per_hour / self.turns_per_hour

    def api_turn(self, api: ApiPrice) -> float | None:
        """What an API would ask for a turn."""
        return None if self.tokens_in is None else api.turn(self.tokens_in, self.tokens_out)


def cost(point: Point, per_hour: float) -> Cost | None:
    """None where nothing was answered."""
    figures = point["figures"]
    if not figures["output_throughput"] or not figures["completed"]:
        return None
    return Cost(
        per_hour=per_hour,
        output_throughput=figures["output_throughput"],
        request_throughput=figures["request_throughput"],
        tokens_in=tokens_in(point),
        tokens_out=figures["total_output_tokens"] / figures["completed"],
    )


def tokens_in(point: Point) -> float | None:
    """Of an answered prompt, on average; None: the server does not count them."""
    figures = point["figures"]
    return figures["total_input_tokens"] / figures["completed"] if figures["total_input_tokens"] else None


def repeats(point: Point) -> list[dict[str, Any]]:
    """The whole ones; where there is none, those that were cut off, as in the figures."""
    parts: list[dict[str, Any]] = point["repeats"]
    return [part for part in parts if part["complete"]] or parts


def in_flight(point: Point) -> float:
    """Requests under way at once, on average: the load, whether it came as users or as a rate."""
    streams: list[float] = [part["client"]["mean_streams"] for part in repeats(point)]
    return statistics.median(streams)


def kept(point: Point, limits_ms: Mapping[str, float]) -> float | None:
    """The share of the requests that kept every limit; one that failed kept none. None: there are no limits."""
    return _share(point, limits_ms) if limits_ms else None


def _share(point: Point, limits_ms: Mapping[str, float]) -> float | None:
    """Without limits, of those that were answered. None: nothing was asked."""
    requests = [request for part in repeats(point) for request in part["requests"]]
    return sum(_keeps(request, limits_ms) for request in requests) / len(requests) if requests else None


def _keeps(request: Mapping[str, Any], limits_ms: Mapping[str, float]) -> bool:
    """As vLLM's goodput has it: what a request has no value of (the time per token of a single one) is 0."""
    if "error" in request:
        return False
    return all((request[f"{name}_ms"] or 0.0) <= limits_ms[name] for name in LIMITS if name in limits_ms)


def best(points: Sequence[Point], limits_ms: Mapping[str, float]) -> Point | None:
    """The load with most output of those that keep the limits, which is the cheapest for a token; None: none does.

    Without limits, of those whose requests were answered: what a dying server said before is no load that it bears.
    """
    keeping = [
        point for point in points if point["figures"]["output_throughput"] and (_share(point, limits_ms) or 0) >= KEPT
    ]
    return max(keeping, key=lambda point: float(point["figures"]["output_throughput"]), default=None)
