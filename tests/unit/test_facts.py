"""The line under an answer: its figures, what they cost, and where the time went by whose clock."""

from __future__ import annotations

import pytest

from chat.completion import Completion
from chat.errors import BackendBroke
from chat.price import Price, amount
from chat.sampling import Sampling
from chat.server_metrics import ServerMetrics
from chat.texts import Language, text
from chat.turn import Answer
from chat.ui import facts
from chat.ui.figures import duration, rate, share

METRICS = ServerMetrics(queue_ms=5, prompt_ms=25, decode_ms=950, itl_ms=9.5)


def sampling() -> Sampling:
    return Sampling(preset="none", system_prompt="", temperature=0, top_p=1, max_tokens=500)


def ended(language: Language = "en-US", *, metrics: ServerMetrics | None = METRICS) -> Answer:
    """An answer of 101 tokens to a prompt of 57, 50 ms to the first and 1 s to the last."""
    answer = Answer(sampling(), language, None)
    answer.text, answer.ending = "An answer.", "complete"
    answer.prompt_tokens, answer.max_model_len = 57, 2048
    done = answer.completion = Completion()
    done.finish_reason = "stop"
    done.ttft_ms, done.e2el_ms = 50.0, 1000.0
    done.prompt_tokens, done.completion_tokens, done.cached_tokens = 57, 101, 48
    done.metrics = metrics
    return answer


def stopped() -> Answer:
    answer = ended()
    answer.ending = "stopped"
    answer.completion = Completion()
    answer.completion.ttft_ms, answer.completion.e2el_ms = 50.0, 400.0
    return answer


def figures(answer: Answer, price: Price | None = None) -> dict[str, str]:
    return {figure["id"]: figure["text"] for figure in facts.line(answer, price)}


def rows(answer: Answer) -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["group"], row["value"]) for row in facts.details(answer)}


def test_the_line_of_an_answer() -> None:
    assert figures(ended(), Price(7.2, "CNY")) == {
        "ttft": "TTFT 50 ms",
        "rate": "105 tokens/s",
        "tokens": "57 → 101 tokens",
        "context": "8% of context",
        "cost": "0.0020 CNY",
    }
    titles = {figure["id"]: figure["title"] for figure in facts.line(ended(), Price(7.2, "CNY"))}
    assert "158" in titles["context"]
    assert "2,048" in titles["context"]
    assert "7.20 CNY" in titles["cost"]
    assert "cost" not in figures(ended())
    assert figures(ended("zh-CN"))["tokens"] == "57 → 101 个 token"


def test_where_nothing_was_read_nothing_is_counted() -> None:
    answer = Answer(sampling(), "en-US", None)
    answer.prompt_tokens, answer.max_model_len, answer.error = 89, 2048, BackendBroke()
    assert figures(answer) == {}


def test_of_a_stopped_answer_only_what_is_known() -> None:
    assert figures(stopped(), Price(9, "USD")) == {
        "ttft": "TTFT 50 ms",
        "tokens": "57 tokens in",
        "cost": "0.0010 USD",
    }
    assert set(rows(stopped())) == {"ttft", "e2el"}
    assert facts.server_note(stopped()) == text("en-US", "fact_server_not_asked")


def test_nothing_is_said_of_an_answer_that_never_began() -> None:
    answer = Answer(sampling(), "en-US", None)
    answer.error = BackendBroke("x")
    assert facts.line(answer, Price(9, "USD")) == []
    assert facts.details(answer) == []


def test_a_continued_answer_counts_as_one() -> None:
    answer = ended()
    answer.earlier_tokens, answer.earlier_ms = 40, 600.0
    answer.completion.prompt_tokens = 57 + 40
    shown = figures(answer, Price(3600, "USD"))
    assert shown["tokens"] == "57 → 141 tokens"
    assert shown["cost"] == "1.60 USD"
    context = next(figure for figure in facts.line(answer, None) if figure["id"] == "context")
    assert "198" in context["title"]


def test_the_servers_account_beside_what_was_measured_here() -> None:
    assert rows(ended()) == {
        "queue": ("server", "5.0 ms"),
        "prompt": ("server", "25 ms"),
        "decode": ("server", "950 ms"),
        "itl": ("server", "9.5 ms"),
        "cached": ("server", "48 of 57"),
        "ttft": ("browser", "50 ms"),
        "e2el": ("browser", "1.00 s"),
        "network": ("browser", "20 ms"),
    }
    assert facts.server_note(ended()) == ""
    # The parts make up the whole.
    assert sum(row["ms"] for row in facts.details(ended()) if "ms" in row) == pytest.approx(1000)


def test_without_the_servers_account_the_apps_clock_speaks_and_that_is_said() -> None:
    answer = ended(metrics=None)
    answer.completion.cached_tokens = None
    assert set(rows(answer)) == {"ttft", "e2el"}
    assert {group for group, _ in rows(answer).values()} == {"browser"}
    assert facts.server_note(answer) == text("en-US", "fact_server_silent")


def test_clocks_that_disagree_make_no_negative_network() -> None:
    answer = ended(metrics=ServerMetrics(queue_ms=0, prompt_ms=60, decode_ms=950, itl_ms=None))
    assert answer.completion.network_ms == 0
    assert ended(metrics=ServerMetrics(None, 60, 950, 9)).completion.network_ms is None


def test_questions_left_out_are_named() -> None:
    answer = ended()
    answer.left_out_questions = ["My name is Ada.", "What is vLLM?"]
    [fact] = facts.status(answer)
    assert fact["text"] == text("en-US", "status_left_out", count=2)
    assert fact["names"] == ["My name is Ada.", "What is vLLM?"]


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0.0 ms"),
        (0.42, "0.4 ms"),
        (4.567, "4.6 ms"),
        (9.96, "10 ms"),
        (45.6, "46 ms"),
        (456.7, "457 ms"),
        (999.6, "1.00 s"),
        (2310, "2.31 s"),
        (9996, "10.0 s"),
        (12345, "12.3 s"),
        (59_600, "1 min 0 s"),
        (185_000, "3 min 5 s"),
    ],
)
def test_durations(ms: float, shown: str) -> None:
    assert duration("en-US", ms) == shown


def test_rates_shares_and_amounts() -> None:
    assert (rate(3.14), rate(9.96), rate(118.4), rate(1234)) == ("3.1", "10", "118", "1,234")
    assert (share(1, 2048), share(0, 2048), share(2048, 2048), share(512, 2048)) == ("<1%", "0%", "100%", "25%")
    assert [amount(value) for value in (0, 0.0000123, 0.0064, 0.5, 1.234, 1234.5)] == [
        "0",
        "0.000012",
        "0.0064",
        "0.50",
        "1.23",
        "1,234.50",
    ]
