"""The counters: what an answer adds to them, and what stands in the labels."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat.errors import BackendAbsent, ContextOverflow, TurnError
from chat.metrics import REFUSALS, Metrics, Now
from chat.pace import PACE


def told(metrics: Metrics, *, waiting: int | None = 0) -> dict[str, float]:
    """Samples by name and label value; "pagoda_answers_total complete"."""
    text = metrics.told(ready=True, waiting=waiting, now=Now(2, 3, 40, 500)).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def test_an_answer_is_counted_once() -> None:
    metrics = Metrics()
    metrics.answered("complete", None, first_token_s=0.15, prompt_tokens=12, generation_tokens=34)
    metrics.answered("stopped", None, first_token_s=None, prompt_tokens=0, generation_tokens=0)
    seen = told(metrics)
    assert seen["pagoda_answers_total complete"] == seen["pagoda_answers_total stopped"] == 1
    assert (seen["pagoda_prompt_tokens_total"], seen["pagoda_generation_tokens_total"]) == (12, 34)
    assert seen["pagoda_time_to_first_token_seconds_count"] == 1
    assert seen["pagoda_time_to_first_token_seconds_bucket 0.1"] == 0
    assert seen["pagoda_time_to_first_token_seconds_bucket 0.2"] == 1
    assert not any(name.startswith(("pagoda_errors_total", "pagoda_refusals_total")) for name in seen)


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (BackendAbsent("http://secret"), "pagoda_errors_total backend_absent"),
        (ContextOverflow(tokens=3, limit=2), "pagoda_refusals_total context_overflow"),
    ],
)
def test_failures_go_by_kind(error: TurnError, counted: str) -> None:
    metrics = Metrics()
    metrics.answered("broken", error, first_token_s=None, prompt_tokens=0, generation_tokens=0)
    seen = told(metrics)
    assert seen[counted] == seen["pagoda_answers_total broken"] == 1
    assert "secret" not in str(seen)


def test_every_refusal_is_an_error_that_there_is() -> None:
    def below(kind: type[TurnError]) -> list[type[TurnError]]:
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    assert set(REFUSALS) <= {kind.text.removeprefix("error_") for kind in below(TurnError)}


def test_what_is_now() -> None:
    with PACE.stream(), PACE.stream():
        seen = told(Metrics(), waiting=3)
    assert seen["pagoda_active_streams"] == 2
    assert (seen["pagoda_ready"], seen["pagoda_pages"], seen["pagoda_model_server_waiting"]) == (1, 2, 3)
    assert (seen["pagoda_sessions"], seen["pagoda_tasks"], seen["pagoda_objects"]) == (3, 40, 500)
    assert told(Metrics())["pagoda_active_streams"] == 0
    assert math.isnan(told(Metrics(), waiting=None)["pagoda_model_server_waiting"])
    assert told(Metrics())["process_resident_memory_bytes"] > 0
