"""`run`: warm up, measure every load `repeats` times in turn, and put the result together.

The repeats go round (all loads, then all again), so that a machine that grows warm or busy shows as spread and not as
an effect of the load.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TextIO

from backend.benchmark import result as results
from backend.benchmark import server_metrics, surroundings
from backend.benchmark.endpoint import connect
from backend.benchmark.figures import over_repeats
from backend.benchmark.fitting import fit
from backend.benchmark.load import Point
from backend.benchmark.measure import Measure, answers
from backend.benchmark.problems import AllFailed, Stopped
from backend.benchmark.progress import Progress
from backend.benchmark.scenario import load
from backend.benchmark.settings import Settings
from backend.benchmark.stream import Outcome
from backend.benchmark.wire import Clock


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


async def measure(
    settings: Settings, command: Sequence[str], output: TextIO = sys.stderr, clock: Clock = time.perf_counter
) -> results.Result:
    """Everything from looking at the server to the whole result. Raises Problem."""
    started = now()
    scenario = load(settings.scenario).limited(settings.max_tokens)
    endpoint = await connect(settings.url, settings.model, clock)
    scenario, sizes = await fit(endpoint, scenario, settings.skip_too_long)
    metrics = await server_metrics.page(endpoint)
    server, client = surroundings.server(endpoint, metrics), surroundings.client(endpoint)

    runs = [point for _ in range(settings.repeats) for point in settings.points]
    counts = {point: settings.prompts_at(point, len(scenario.prompts)) for point in settings.points}
    progress = Progress(runs, counts, output, settings.duration_s)
    measuring = Measure(endpoint, scenario, settings, progress, bool(metrics))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, measuring.stop)
    repeats: dict[Point, list[dict[str, Any]]] = {}
    texts: list[Outcome] = []
    finished = 0
    try:
        for number, point in enumerate(runs):
            if number < len(settings.points) and settings.warmup:
                _check_warm_up(await measuring.warm_up(point), measuring.is_stopped())
            if measuring.is_stopped():
                break
            progress.begin()
            outcomes, part = await measuring.run(point, number // len(settings.points))
            progress.end()
            if outcomes:
                repeats.setdefault(point, []).append(part)
                texts = texts or outcomes
            if measuring.is_stopped():
                break
            finished += 1
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        endpoint.wire.close()
    if output.isatty():
        progress.say("")
    stopped = f"stopped by Ctrl-C after {finished} of {len(runs)} runs" if measuring.is_stopped() else None
    _check_any(repeats, stopped)
    return {
        "format": results.FORMAT,
        "version": results.VERSION,
        "complete": stopped is None,
        "stopped": stopped,
        "started": started,
        "finished": now(),
        "command": shlex.join(surroundings.without_keys(list(command))),
        "settings": asdict(settings) | {"url": server["url"], "model": endpoint.model},
        "scenario": {
            "name": scenario.name,
            "file": scenario.file,
            "sha256": scenario.sha256,
            "description": scenario.description,
            "prompts": len(scenario.prompts),
            "left_out": list(scenario.left_out),
            "prompt_tokens": asdict(sizes),
            "repeats_are_apart_in_cache": endpoint.is_vllm,
        },
        "server": server,
        "client": client,
        "points": [_point(point, parts) for point, parts in repeats.items()],
        "answers": answers(texts),
    }


def _point(point: Point, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """A load's figures over its repeats; one that was cut off counts only where there is no whole one."""
    whole = [part for part in parts if part["complete"]] or parts
    medians, spread = over_repeats([part["figures"] for part in whole])
    return {"kind": point.kind, "value": point.value, "figures": medians, "spread": spread, "repeats": parts}


def _check_warm_up(outcomes: list[Outcome], is_stopped: bool) -> None:
    """What fails here would fail a thousand times."""
    if outcomes and not is_stopped and all(one.error for one in outcomes):
        kind, message = outcomes[0].error or ("", "")
        raise AllFailed(f"Every warm-up request failed ({kind}: {message}): nothing was measured or written.")


def _check_any(repeats: dict[Point, list[dict[str, Any]]], stopped: str | None) -> None:
    parts = [part for parts in repeats.values() for part in parts]
    if not parts and stopped:
        raise Stopped(f"{stopped[0].upper()}{stopped[1:]}, before any answer was complete: nothing was written.")
    if not any(part["figures"]["completed"] for part in parts):
        failed = sum(len(part["requests"]) for part in parts)
        kind, told = next(iter(parts[0]["errors"].items()))
        raise AllFailed(f"All {failed} requests failed, the first with {kind}: {told['first']}. Nothing was written.")
