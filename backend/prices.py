"""What an hour of some GPUs costs, from `backend/data/prices.yaml`; and no price where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from backend.data import STRICT, load


@dataclass(frozen=True)
class Price:
    """`per_hour` is for `gpus` of them together."""

    __pydantic_config__ = STRICT

    gpu: str
    gpus: int
    currency: str
    per_hour: float
    source: str
    date: str


@cache
def prices() -> tuple[Price, ...]:
    """Every price there is."""
    return load("prices.yaml", tuple[Price, ...])


def currencies() -> list[str]:
    """In which there are prices."""
    return sorted({price.currency for price in prices()})


def price(gpu: str, currency: str) -> Price | None:
    """The last entry for this GPU: who adds a price of their own puts it at the end. None: there is none."""
    found = [price for price in prices() if (price.gpu, price.currency) == (gpu, currency)]
    return found[-1] if found else None


def per_hour(gpu: str, gpus: int, currency: str) -> float | None:
    """For so many of them, in proportion to the price that is there."""
    found = price(gpu, currency)
    return None if found is None else found.per_hour / found.gpus * gpus


def per_million_tokens(hour: float, tokens_s: float) -> float:
    """An hour's price over the tokens written in an hour, at this speed without a pause."""
    return hour / (tokens_s * 3600) * 1e6
