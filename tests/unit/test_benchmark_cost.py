"""Prices: what a load costs, which one is best, and where a hosted API breaks even."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend import data
from backend.benchmark.cost import (
    CURRENCIES,
    ApiPrice,
    api_price,
    api_prices,
    best,
    cost,
    in_flight,
    kept,
    parse_api_price,
)
from backend.benchmark.problems import Problem
from backend.data import BadData, load
from tests.unit.benchmark_results import SEVEN, point


def test_the_articles_index_and_the_price_of_tokens_and_turns() -> None:
    found = cost(point(4, 180, 320, 20), 1.8)
    assert found is not None
    assert found.tokens_s_per_unit == pytest.approx(100)  # the article's T4: 180 tokens/s at 1.8 CNY an hour
    assert found.per_million_output == pytest.approx(1.8 / (180 * 3600) * 1e6)
    assert found.turns_per_hour == pytest.approx(180 / 512 * 3600)
    assert found.per_turn * found.turns_per_hour == pytest.approx(1.8)


def test_what_answered_nothing_costs_nothing_that_can_be_said() -> None:
    nothing = point(4, 0, 320, 20, count=0, failed=3)
    assert cost(nothing, 1.8) is None
    assert best([nothing], {}) is None


def test_break_even_is_where_both_cost_the_same() -> None:
    found = cost(point(4, 180, 320, 20), 1.8)
    assert found is not None
    api = ApiPrice(SEVEN, "CNY", 0.6, 1.5, "here", "today")
    there = found.api_turn(api)
    assert there == pytest.approx(512 * (0.6 + 1.5) / 1e6)
    assert there is not None
    assert there < found.per_turn  # at these prices the API is cheaper, however busy the T4 is


def test_limits_are_kept_by_single_requests_not_by_medians() -> None:
    slow = point(8, 1000, 100, 10, slow=2)
    assert kept(slow, {"ttft": 100}) == pytest.approx(0.9)
    assert kept(slow, {"ttft": 1000, "tpot": 10}) == 1
    assert kept(slow, {"tpot": 9.9}) == 0
    assert kept(slow, {}) is None
    assert kept(point(8, 1000, 100, 10, count=9, failed=1), {"ttft": 100}) == pytest.approx(0.9)
    assert kept(point(8, 1000, 100, None), {"tpot": 1}) == 1  # answers of one token, as vLLM counts them


def test_the_best_load_has_most_output_of_those_that_keep_the_limits() -> None:
    light, good, slow = point(1, 50, 50, 5), point(8, 300, 90, 5), point(64, 900, 90, 5, slow=2)
    assert best([light, good, slow], {"ttft": 100}) is good
    assert best([light, good, slow], {"ttft": 900}) is slow
    assert best([light, good, slow], {}) is slow
    assert best([light, good, slow], {"ttft": 1}) is None


def test_a_load_whose_requests_failed_is_not_the_best() -> None:
    healthy, dying = point(1, 50, 50, 5), point(2, 96, 50, 5, count=18, failed=2)
    assert best([healthy, dying], {}) is healthy
    assert best([dying], {}) is None
    assert best([point(2, 96, 50, 5, count=19, failed=1)], {}) is not None


def test_only_whole_repeats_count_where_there_is_one() -> None:
    both = point(2, 100, 50, 5)
    cut = point(2, 100, 5000, 5)["repeats"][0] | {"complete": False, "client": {"mean_streams": 1.0}}
    both["repeats"].append(cut)
    assert kept(both, {"ttft": 100}) == 1
    assert in_flight(both) == 2


@pytest.mark.parametrize("text", ["", "x", "1,2,3", "-1,2", "0", "0,0", "inf", "nan"])
def test_a_bad_api_price_is_refused(text: str) -> None:
    with pytest.raises(Problem, match=r"^--api-price .*0\.6,1\.5"):
        parse_api_price(text, "CNY")


def test_an_api_price_is_for_reading_and_writing() -> None:
    both = parse_api_price("0.6,1.5", "EUR")
    assert (both.input_per_million, both.output_per_million, both.currency) == (0.6, 1.5, "EUR")
    assert parse_api_price("2", "CNY").turn(1e6, 1e6) == 4


def test_every_api_price_has_source_date_and_currency() -> None:
    for found in api_prices():
        assert found.source
        assert found.date
        assert found.currency in CURRENCIES
    assert api_price(SEVEN, "CNY") is not None
    assert api_price(SEVEN, "EUR") is None
    assert api_price("pagoda-demo", "CNY") is None


def test_a_key_too_many_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    keys = "model: m, currency: CNY, input_per_million: 1, output_per_million: 2, source: s, date: d"
    (tmp_path / "api_prices.yaml").write_text(f"- {{{keys}, cached: 1}}", encoding="utf-8")
    with pytest.raises(BadData, match=r"api_prices\.yaml: .*cached"):
        load("api_prices.yaml", tuple[ApiPrice, ...])
