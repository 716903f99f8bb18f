"""Who asks when: a closed loop of so many users, or an open loop of Poisson arrivals.

Closed loop: each of `concurrency` users asks the next prompt as soon as its last answer is complete, as
`--max-concurrency` does in `vllm bench serve`. Open loop: prompts arrive at random (exponential gaps from a seed,
scaled so that all arrive in prompts ÷ rate seconds, as vLLM's client scales them), however many are under way.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from backend.benchmark.scenario import Prompt

Ask = Callable[[int, Prompt], Awaitable[None]]


@dataclass(frozen=True)
class Point:
    """One load: `concurrency` users or `rate` prompts a second."""

    kind: Literal["concurrency", "rate"]
    value: float

    def __str__(self) -> str:
        return f"{self.value:g} at once" if self.kind == "concurrency" else f"{self.value:g}/s"


def numbered(prompts: tuple[Prompt, ...], count: int | None) -> Iterator[tuple[int, Prompt]]:
    """`count` prompts, from the first again after the last; None: without end."""
    number = 0
    while count is None or number < count:
        yield number, prompts[number % len(prompts)]
        number += 1


def arrivals(count: int, rate: float, seed: int) -> list[float]:
    """Seconds after the start at which each prompt arrives."""
    chance = random.Random(seed)
    at, times = 0.0, []
    for _ in range(count):
        at += chance.expovariate(1.0)
        times.append(at)
    scale = count / rate / at
    return [time * scale for time in times]


class Load:
    """Drives one run; `stop()` ends it early, with what is under way cut off."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tasks: list[asyncio.Task[None]] = []
        self.is_stopped = False
        self.latest_s = 0.0  # how late the client itself was with a prompt of the open loop

    async def closed(self, jobs: Iterator[tuple[int, Prompt]], users: int, duration_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + duration_s if duration_s is not None else None

        async def user() -> None:
            for number, prompt in jobs:
                await self._ask(number, prompt)
                if self.is_stopped or (end is not None and loop.time() >= end):
                    return

        self._tasks = [loop.create_task(user()) for _ in range(users)]
        await self._all()

    async def open(self, jobs: Iterator[tuple[int, Prompt]], times: list[float]) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def one(number: int, prompt: Prompt, at: float) -> None:
            await asyncio.sleep(start + at - loop.time())
            self.latest_s = max(self.latest_s, loop.time() - start - at)
            await self._ask(number, prompt)

        self._tasks = [loop.create_task(one(*job, at)) for job, at in zip(jobs, times, strict=False)]
        await self._all()

    async def _all(self) -> None:
        if self.is_stopped:  # before it began
            self.stop()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def stop(self) -> None:
        self.is_stopped = True
        for task in self._tasks:
            task.cancel()
