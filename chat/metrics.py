"""What the app counts of itself, for Prometheus: `/metrics` (chat/ui/watching.py) shows it.

Nothing is counted per token: an answer is noted once, at its end. Labels are words of this code, never a user's. Of an
answer that was stopped, vLLM tells no tokens, and none are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from chat.errors import TurnError
from chat.json_output import Ending
from chat.pace import PACE

FIRST_TOKEN_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)
# Questions that were not taken as they were; every other failure is an error.
REFUSALS = (
    "context_overflow",
    "too_long",
    "too_many_answers",
    "backend_busy",
    "request_refused",
    "model_gone",
    "shutting_down",
)


@dataclass(frozen=True, slots=True)
class Now:
    """How many there are: pages connected, sessions kept, tasks of the event loop, objects that can be collected."""

    pages: int
    sessions: int
    tasks: int
    objects: int


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._first_token = Histogram(
            "pagoda_time_to_first_token_seconds",
            "From taking up a question to the first piece of its answer, reasoning or text.",
            buckets=FIRST_TOKEN_S,
            registry=registry,
        )
        self._prompt_tokens = Counter("pagoda_prompt_tokens", "Tokens read, as vLLM told.", registry=registry)
        self._generation_tokens = Counter(
            "pagoda_generation_tokens", "Tokens written, as vLLM told.", registry=registry
        )
        self._active = Gauge("pagoda_active_streams", "Answers under way, and those about to begin.", registry=registry)
        self._answers = Counter("pagoda_answers", "Answers that ended, by how.", ["ending"], registry=registry)
        self._refusals = Counter(
            "pagoda_refusals", "Questions and requests that were not taken.", ["kind"], registry=registry
        )
        self._errors = Counter("pagoda_errors", "Failures.", ["kind"], registry=registry)
        self._ready = Gauge("pagoda_ready", "1: a question would be answered now.", registry=registry)
        self._pages = Gauge("pagoda_pages", "Pages that are connected.", registry=registry)
        self._sessions = Gauge(
            "pagoda_sessions", "Sessions that are kept: of pages, and of those that may come back.", registry=registry
        )
        self._tasks = Gauge("pagoda_tasks", "Tasks of the event loop.", registry=registry)
        self._objects = Gauge("pagoda_objects", "Objects that the garbage collector looks at.", registry=registry)
        self._waiting = Gauge(
            "pagoda_model_server_waiting", "Requests in vLLM's queue, NaN where it does not tell.", registry=registry
        )

    def answered(
        self,
        ending: Ending,
        error: TurnError | None,
        *,
        first_token_s: float | None,
        prompt_tokens: int,
        generation_tokens: int,
    ) -> None:
        """An answer has ended, however that is."""
        if first_token_s is not None:
            self._first_token.observe(first_token_s)
        self._prompt_tokens.inc(prompt_tokens)
        self._generation_tokens.inc(generation_tokens)
        self._answers.labels(ending).inc()
        if error is not None:
            self.failed(error.kind)

    def failed(self, kind: str) -> None:
        """Something was refused or went wrong; `kind` is a word of this code."""
        if kind in REFUSALS:
            self.refused(kind)
        else:
            self._errors.labels(kind).inc()

    def refused(self, kind: str) -> None:
        """Something was not taken: a question, or at the gate (chat/ui/gate.py) a request."""
        self._refusals.labels(kind).inc()

    def told(self, *, ready: bool, waiting: int | None, now: Now) -> bytes:
        """All of it, in Prometheus's text format."""
        self._active.set(PACE.running)
        self._ready.set(ready)
        self._waiting.set(float("nan") if waiting is None else waiting)
        self._pages.set(now.pages)
        self._sessions.set(now.sessions)
        self._tasks.set(now.tasks)
        self._objects.set(now.objects)
        return generate_latest(self._registry)


METRICS = Metrics()
