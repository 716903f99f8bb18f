"""What an answer costs: the price of the machine for as long as it took."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chat.settings import Settings

MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Price:
    """The price of the whole machine for an hour; `currency` is an ISO 4217 code."""

    per_hour: float
    currency: str

    @classmethod
    def configured(cls, settings: Settings) -> Price | None:
        """None where no price is set: nothing is said about cost then."""
        return None if settings.price_per_hour is None else cls(settings.price_per_hour, settings.currency)

    def of_ms(self, duration_ms: float) -> float:
        """The price of `duration_ms` milliseconds, as if the machine did nothing else meanwhile."""
        return self.per_hour * duration_ms / MS_PER_HOUR


def amount(value: float) -> str:
    """`value` with two decimals, and with more where that would leave fewer than two significant digits."""
    if value <= 0:
        return "0"
    decimals = max(2, 1 - math.floor(math.log10(value)))
    return f"{value:,.{decimals}f}"
