"""One run at one load: the requests, their outcomes, and what is written of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from backend.benchmark.endpoint import Endpoint
from backend.benchmark.figures import errors, figures
from backend.benchmark.load import Load, Point, arrivals, numbered
from backend.benchmark.progress import Progress
from backend.benchmark.scenario import Prompt, Scenario
from backend.benchmark.server_metrics import Sampler
from backend.benchmark.settings import Settings
from backend.benchmark.stream import Outcome, ask


class Measure:
    """Measures runs of one scenario against one endpoint. `stop()` ends the present one with what it has."""

    def __init__(
        self, endpoint: Endpoint, scenario: Scenario, settings: Settings, progress: Progress, has_metrics: bool
    ) -> None:
        self._endpoint, self._scenario, self._settings = endpoint, scenario, settings
        self._progress, self._has_metrics = progress, has_metrics
        self._id = uuid.uuid4().hex
        self._load: Load | None = None
        self._is_stopped = False

    def is_stopped(self) -> bool:
        return self._is_stopped

    def stop(self) -> None:
        self._is_stopped = True
        if self._load:
            self._load.stop()

    async def warm_up(self, point: Point) -> list[Outcome]:
        """A few requests that do not count, in a cache of their own."""
        outcomes: list[Outcome] = []
        users = min(self._settings.warmup, int(point.value) if point.kind == "concurrency" else 1) or 1
        load = self._new_load(outcomes, "warm-up")
        await load.closed(numbered(self._scenario.prompts, self._settings.warmup), users, None)
        return outcomes

    async def run(self, point: Point, repeat: int) -> tuple[list[Outcome], dict[str, Any]]:
        """One repeat: the outcomes, and its part of the result."""
        settings, available = self._settings, len(self._scenario.prompts)
        outcomes: list[Outcome] = []
        load = self._new_load(outcomes, f"{point}/{repeat}")
        count = settings.prompts_at(point, available)
        clock = self._endpoint.wire.clock
        async with Sampler(self._endpoint, self._has_metrics, self._progress.show) as sampler:
            cpu, start = time.process_time(), clock()
            if point.kind == "concurrency":
                ends = settings.duration_s is None
                jobs = numbered(self._scenario.prompts, count if ends else None)
                await load.closed(jobs, int(point.value), settings.duration_s)
            else:
                times = arrivals(count, point.value, settings.seed + repeat)
                await load.open(numbered(self._scenario.prompts, count), times)
            duration_s, cpu = clock() - start, time.process_time() - cpu
        return outcomes, {
            "complete": not load.is_stopped,
            "figures": figures(outcomes, duration_s, settings.goodput_ms),
            "errors": errors(outcomes),
            "not_counted_by_server": sum(not (one.is_counted_by_server or one.error) for one in outcomes),
            "server": sampler.figures(),
            "client": {
                "cpu_percent": 100 * cpu / duration_s,
                "mean_streams": sum(one.e2el_s for one in outcomes) / duration_s,
                "latest_start_ms": load.latest_s * 1000,
            },
            "requests": [record(one, start) for one in sorted(outcomes, key=lambda one: one.start_s)],
        }

    def _new_load(self, outcomes: list[Outcome], run: str) -> Load:
        async def converse(number: int, prompt: Prompt) -> None:
            # A repeat must not find the last one's prompts in the server's cache, but its own it may.
            salt = f"{self._id}-{run}-{number // len(self._scenario.prompts)}".replace("/", "-")  # vLLM takes no slash
            answers: list[str] = []
            for turn in range(len(prompt.turns)):
                outcome = await ask(
                    self._endpoint.wire, f"{self._endpoint.path}/chat/completions", self._body(prompt, answers, salt),
                    prompt.id, turn,
                )  # fmt: skip
                outcomes.append(outcome)
                answers.append(outcome.text)
                if outcome.error:
                    break
            self._progress.prompt_done()

        self._load = load = Load(converse)
        if self._is_stopped:
            load.stop()
        return load

    def _body(self, prompt: Prompt, answers: list[str], salt: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": prompt.messages(self._scenario.system_prompt, answers),
            "max_tokens": prompt.max_tokens,
            "temperature": self._settings.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if prompt.response_format:
            body["response_format"] = prompt.response_format
        if self._settings.ignore_eos:
            body["ignore_eos"] = True
        if self._endpoint.is_vllm:
            body["cache_salt"] = salt
        return body


def record(outcome: Outcome, start_s: float) -> dict[str, Any]:
    """What the result keeps of a request, in ms."""

    def ms(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds * 1000, 3)

    kept: dict[str, Any] = {
        "prompt": outcome.prompt,
        "turn": outcome.turn,
        "start_ms": ms(outcome.start_s - start_s),
        "ttft_ms": ms(outcome.ttft_s),
        "tpot_ms": ms(outcome.tpot_s),
        "e2el_ms": ms(outcome.e2el_s),
        "max_itl_ms": ms(max(outcome.itls_s, default=None)),
        "prompt_tokens": outcome.prompt_tokens,
        "cached_tokens": outcome.cached_tokens,
        "output_tokens": outcome.output_tokens,
        "finish_reason": outcome.finish_reason,
    }
    return kept | ({"error": outcome.error[0]} if outcome.error else {})


def answers(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The texts, each prompt's once, in order."""
    texts = {(one.prompt, one.turn): one for one in reversed(outcomes) if one.error is None}
    return [
        {"prompt": one.prompt, "turn": one.turn, "text": one.text, "finish_reason": one.finish_reason}
        for _, one in sorted(texts.items())
    ]
