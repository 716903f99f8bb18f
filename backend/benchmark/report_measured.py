"""A measured result with its price, limits and machine: what every part of the report starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from backend.benchmark.cost import ApiPrice, Cost, Point, best, cost
from backend.benchmark.judge import Judgement, judge
from backend.benchmark.report_machine import Machine
from backend.benchmark.report_text import Text, joined_by_comma, number, say
from backend.benchmark.result import Result
from backend.models import ModelShape, shape

ARTICLE_MODEL = "Qwen/Qwen2.5-7B-Instruct"


@dataclass(frozen=True)
class Measured:
    """One result file. `per_hour` is the price of the whole machine."""

    name: str
    result: Result
    machine: Machine
    per_hour: float
    currency: str
    price_source: Text
    limits_ms: Mapping[str, float]
    api: ApiPrice | None

    @property
    def points(self) -> list[Point]:
        points: list[Point] = self.result["points"]
        return points

    @property
    def model(self) -> str:
        return str(self.result["server"]["model"])

    @property
    def scenario(self) -> str:
        return str(self.result["scenario"]["name"])

    @property
    def day(self) -> str:
        return str(self.result["started"])[:10]

    @cached_property
    def best(self) -> Point | None:
        """The load with most output that keeps the limits."""
        return best(self.points, self.limits_ms)

    @cached_property
    def shown(self) -> Point:
        """That one; where none keeps the limits, the load with most output."""
        return self.best or max(self.points, key=lambda point: point["figures"]["output_throughput"] or 0.0)

    def cost(self, point: Point) -> Cost | None:
        return cost(point, self.per_hour)

    def judge(self, point: Point) -> Judgement:
        return judge(point, self.machine)

    @property
    def is_articles_model(self) -> bool:
        return self.machine.shape is not None and is_articles(self.machine.shape)

    @property
    def limits(self) -> Text:
        """first token ≤ 500 ms, ..."""
        return limits_text(self.limits_ms)


def limits_text(limits_ms: Mapping[str, float]) -> Text:
    """The limits as a list."""
    return joined_by_comma([say(f"limit_{name}", ms=f"{limit:g}") for name, limit in limits_ms.items()])


def load(point: Point) -> Text:
    """Four at once, or two a second."""
    return say(f"load_{point['kind']}", value=f"{point['value']:g}")


def short(point: Point) -> str:
    """The same beside a mark of a chart."""
    return f"{point['value']:g}" if point["kind"] == "concurrency" else f"{point['value']:g}/s"


def parameters(model: ModelShape) -> Text:
    """How many weights it has."""
    if model.parameters >= 1e9:
        return say("billions", of_en=number(model.parameters / 1e9, 1), of_zh=number(model.parameters / 1e8))
    return say("millions", of_en=number(model.parameters / 1e6, 1), of_zh=number(model.parameters / 1e4))


@cache
def _article_shape() -> ModelShape:
    return shape(ARTICLE_MODEL)


def is_articles(model: ModelShape) -> bool:
    """Whether it has the matrices of the article's model, however they are quantized."""
    article = _article_shape()
    kept = ("layers", "hidden_size", "intermediate_size", "heads", "kv_heads", "vocab_size")
    return all(getattr(model, name) == getattr(article, name) for name in kept)
