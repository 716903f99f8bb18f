"""What a measurement is asked to do; written into the result as it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.benchmark.load import Point
from backend.benchmark.problems import Problem


@dataclass(frozen=True)
class Settings:
    """The options of `run`. `requests` counts prompts (conversations, where a prompt has several turns)."""

    url: str
    model: str | None
    scenario: str
    concurrency: tuple[int, ...]
    rate: tuple[float, ...]
    repeats: int
    requests: int | None
    duration_s: float | None
    warmup: int
    max_tokens: int | None
    temperature: float
    ignore_eos: bool
    seed: int
    skip_too_long: bool
    goodput_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        most = max(self.concurrency, default=0)
        if self.requests is not None and most > self.requests:
            raise Problem(
                f"With --requests {self.requests} no more than {self.requests} users can ask at once, and {most} are "
                f"wanted: give at least {most} requests, or fewer users with --concurrency."
            )

    @property
    def points(self) -> list[Point]:
        closed = [Point("concurrency", users) for users in self.concurrency]
        return closed + [Point("rate", rate) for rate in self.rate]

    def prompts_at(self, point: Point, available: int) -> int:
        """How many prompts a run asks: those asked for, or all of the scenario and four for each user."""
        if self.duration_s is not None:
            # Without end in a closed loop; there the number only serves the progress line.
            return max(1, round(self.duration_s * point.value)) if point.kind == "rate" else available
        if self.requests is not None:
            return self.requests
        return max(available, 4 * int(point.value)) if point.kind == "concurrency" else available
