"""Known delays come back as TTFT, TPOT, ITL, throughput and goodput: over real sockets, in virtual time."""

from __future__ import annotations

import asyncio
import io
import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark.load import arrivals
from backend.benchmark.run import measure
from backend.benchmark.settings import Settings
from backend.benchmark.table import table
from tests.timed_server import Plan, TimedServer
from tests.virtual_time import run

TTFT_S = [0.05, 0.12, 0.31, 0.08, 0.2, 0.15, 0.4, 0.1]
TPOT_S = [0.01, 0.02, 0.015, 0.04, 0.03, 0.025, 0.02, 0.06]
TOKENS = 12


def plan(question: str) -> Plan:
    number = int(question.split()[-1])
    return Plan(TTFT_S[number], TPOT_S[number], TOKENS)


def e2el_s(number: int) -> float:
    return TTFT_S[number] + (TOKENS - 1) * TPOT_S[number]


def scenario(folder: Path, count: int = 8) -> str:
    lines: list[dict[str, Any]] = [{"scenario": "timed", "description": "known delays", "max_tokens": TOKENS}]
    lines += [{"prompt": f"p{number}", "turns": [f"number {number}"]} for number in range(count)]
    file = folder / "timed.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return str(file)


def settings(url: str, file: str, **changed: Any) -> Settings:
    values: dict[str, Any] = {
        "model": None, "concurrency": (1,), "rate": (), "repeats": 1, "requests": 8, "duration_s": None, "warmup": 0,
        "max_tokens": None, "temperature": 0.0, "ignore_eos": False, "seed": 0, "skip_too_long": False,
        "goodput_ms": {"ttft": 150.5, "tpot": 30.5},
    }  # fmt: skip
    return Settings(url=url, scenario=file, **{**values, **changed})


def measured(server: TimedServer, file: str, **changed: Any) -> dict[str, Any]:
    """A run in virtual time."""

    async def main() -> dict[str, Any]:
        async with server.serve() as url:
            clock = asyncio.get_running_loop().time
            return await measure(settings(url, file, **changed), ["x"], io.StringIO(), clock)

    return run(main())


def near(expected: float) -> object:
    """Within 2 ms or 2 %, in ms."""
    return pytest.approx(expected, abs=2, rel=0.02)


def test_each_requests_times_come_back(tmp_path: Path) -> None:
    result = measured(TimedServer(plan), scenario(tmp_path))
    requests = result["points"][0]["repeats"][0]["requests"]
    assert [one["prompt"] for one in requests] == [f"p{number}" for number in range(8)]
    for number, one in enumerate(requests):
        assert one["ttft_ms"] == near(TTFT_S[number] * 1000)
        assert one["tpot_ms"] == near(TPOT_S[number] * 1000)
        assert one["max_itl_ms"] == near(TPOT_S[number] * 1000)
        assert one["e2el_ms"] == near(e2el_s(number) * 1000)
        assert (one["output_tokens"], one["prompt_tokens"]) == (TOKENS, 7)


def test_the_figures_of_a_closed_loop(tmp_path: Path) -> None:
    point = measured(TimedServer(plan), scenario(tmp_path), goodput_ms={"ttft": 150.5, "tpot": 30.5})["points"][0]
    figures = point["figures"]
    total_s = sum(map(e2el_s, range(8)))
    good = sum(TTFT_S[n] <= 0.1505 and TPOT_S[n] <= 0.0305 for n in range(8))
    assert good == 3
    assert figures["duration"] == pytest.approx(total_s, rel=0.02)
    assert figures["output_throughput"] == pytest.approx(8 * TOKENS / total_s, rel=0.02)
    assert figures["request_goodput"] == pytest.approx(good / total_s, rel=0.02)
    assert figures["median_ttft_ms"] == near(statistics.median(TTFT_S) * 1000)
    assert figures["median_tpot_ms"] == near(statistics.median(TPOT_S) * 1000)
    assert figures["mean_itl_ms"] == near(statistics.fmean(TPOT_S) * 1000)
    assert figures["std_ttft_ms"] == near(statistics.pstdev(TTFT_S) * 1000)
    assert figures["max_concurrent_requests"] == 1


def test_so_many_users_ask_at_once(tmp_path: Path) -> None:
    even = TimedServer(lambda _question: Plan(0.1, 0.02, 11))
    point = measured(even, scenario(tmp_path), concurrency=(4,), requests=20)["points"][0]
    assert point["figures"]["max_concurrent_requests"] == 4
    assert point["figures"]["duration"] == pytest.approx(20 / 4 * 0.3, rel=0.02)  # rounds of 300 ms
    assert point["figures"]["median_ttft_ms"] == near(100)


def test_an_open_loop_waits_for_nobody(tmp_path: Path) -> None:
    slow = TimedServer(lambda _question: Plan(2.0, 0.1, 11))
    point = measured(slow, scenario(tmp_path), concurrency=(), rate=(4.0,), requests=16)["points"][0]
    starts = [one["start_ms"] / 1000 for one in point["repeats"][0]["requests"]]
    assert starts == pytest.approx(arrivals(16, 4.0, seed=0), abs=0.002)
    assert point["figures"]["max_concurrent_requests"] > 8
    assert point["figures"]["median_e2el_ms"] == near(3000)


def test_arrivals_are_poisson_and_repeat_with_their_seed() -> None:
    times = arrivals(2000, 5.0, seed=3)
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert times == arrivals(2000, 5.0, seed=3) != arrivals(2000, 5.0, seed=4)
    assert times[-1] == pytest.approx(400)
    assert statistics.pstdev(gaps) == pytest.approx(0.2, rel=0.1)  # an exponential's is its mean


def test_a_duration_ends_a_closed_loop(tmp_path: Path) -> None:
    even = TimedServer(lambda _question: Plan(0.1, 0.02, 11))
    point = measured(even, scenario(tmp_path), concurrency=(2,), requests=None, duration_s=2.0)["points"][0]
    assert point["figures"]["duration"] == pytest.approx(2.1, rel=0.02)  # what had begun by 2 s is completed
    assert point["figures"]["completed"] == 14


def test_tokens_are_counted_where_the_server_does_not(tmp_path: Path) -> None:
    silent = TimedServer(lambda _question: Plan(has_usage=False, tokens=9))
    result = measured(silent, scenario(tmp_path))
    assert result["points"][0]["figures"]["total_output_tokens"] == 8 * 9
    assert result["points"][0]["repeats"][0]["not_counted_by_server"] == 8
    assert "1 at once: the server counted no tokens of 8 answers" in table(result)
    assert result["answers"][0]["text"] == "".join(f"字{number}" for number in range(9))


def test_errors_by_kind_and_only_whole_answers_count(tmp_path: Path) -> None:
    plans = [Plan(), Plan(status=503), Plan(cut_after=3), Plan(error_after=2), Plan(tokens=0), Plan(), Plan(), Plan()]
    server = TimedServer(lambda question: plans[int(question.split()[-1])])
    result = measured(server, scenario(tmp_path))
    repeat = result["points"][0]["repeats"][0]
    assert {kind: told["count"] for kind, told in repeat["errors"].items()} == {
        "HTTP 503": 1,
        "connection": 1,
        "error in the stream": 1,
        "no token": 1,
    }
    assert repeat["errors"]["error in the stream"]["first"] == "the engine died"
    assert (repeat["figures"]["completed"], repeat["figures"]["failed"]) == (4, 4)
    assert repeat["figures"]["total_output_tokens"] == 40
    assert repeat["not_counted_by_server"] == 0
    assert "4 of 8 requests failed: the figures are of the 4 that were answered alone." in table(result)


def test_a_conversation_carries_its_answers(tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text(
        '{"scenario": "chat", "description": "x", "max_tokens": 5, "system_prompt": "Be short."}\n'
        '{"prompt": "c", "turns": ["one", "two", "three"]}\n'
    )
    server = TimedServer(lambda _question: Plan(tokens=2))
    result = measured(server, str(file), requests=1)
    assert [len(asked["messages"]) for asked in server.asked] == [2, 4, 6]
    assert server.asked[2]["messages"][:3] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "字0字1"},
    ]
    assert result["points"][0]["figures"]["completed"] == 3


def test_loads_take_turns_over_the_repeats(tmp_path: Path) -> None:
    server = TimedServer(lambda _question: Plan(tokens=2))
    result = measured(server, scenario(tmp_path), concurrency=(1, 2), repeats=3, requests=2, warmup=1)
    assert [len(point["repeats"]) for point in result["points"]] == [3, 3]
    assert len(server.asked) == 2 * 3 * 2 + 2  # and a warm-up before each load
    assert result["complete"] is True
    assert "medians of 3 repeats" in table(result)
    assert "failed:" not in table(result)
