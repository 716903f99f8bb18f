"""Long use of one process: `python -m tests.load.soak --minutes 30`. Does its memory come back, do its tasks end?

Users come and go in front of a stand-in for vLLM: whole answers, stopped ones, connections that break in the middle of
one and come back or don't, reloads, other settings (tests/load/visitor.py). The app keeps the session of a page that is
gone for 20 s here, in place of an hour, so that what it gives back can be seen. Its `/metrics` is read every 10 s.

Writes a JSON file, and a plot of memory and tasks (SVG). After a warm-up the memory must not grow: the slope's 95 %
interval holds zero, or is below it. When all have left, there must be no more sessions, descriptors and tasks than
before they came. The exit code is 1 where that is not so, or where something failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.app_copy import app_in, copy_app
from tests.fake_vllm import free_port
from tests.load.soak_plot import plot
from tests.load.streams import upstream_service
from tests.load.trend import FEWEST, trend
from tests.load.upstream import answer
from tests.load.visitor import visits

SESSION_S = 20
TOKENS, TOKENS_PER_S = 100, 50
GONE_S = 120  # time limit for the app to forget everybody
MIB = 1024**2
NAMES = {
    "memory_mib": "process_resident_memory_bytes",
    "descriptors": "process_open_fds",
    "tasks": "pagoda_tasks",
    "sessions": "pagoda_sessions",
    "objects": "pagoda_objects",
    "pages": "pagoda_pages",
    "answers": "pagoda_active_streams",
}
LEFT_OVER = ("sessions", "pages", "answers", "tasks", "descriptors")
Sample = dict[str, float]


async def sample(http: aiohttp.ClientSession, url: str, start: float) -> Sample:
    """What the app says of itself now, at so many minutes from the start."""
    async with http.get(f"{url}/metrics") as reply:
        families = text_string_to_metric_families(await reply.text())
    told = {one.name: one.value for family in families for one in family.samples if not one.labels}
    found = {name: told[metric] for name, metric in NAMES.items()}
    found["memory_mib"] /= MIB
    return {"minute": (time.monotonic() - start) / 60, **found}


async def soak(url: str, wanted: argparse.Namespace) -> dict[str, Any]:
    """Let users in, watch, and wait until all of them are forgotten."""
    seen: Counter[str] = Counter()
    whole, samples = "".join(answer(TOKENS)).strip(), []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        # One user first: what is made once, is made now.
        await visits(http, url, whole, time.monotonic() + 1, random.Random(0), seen)
        before = await _forgotten(http, url, None)
        start = time.monotonic()
        until = start + wanted.minutes * 60
        users = [
            asyncio.create_task(visits(http, url, whole, until, random.Random(number), seen))
            for number in range(wanted.users)
        ]
        while time.monotonic() < until:
            samples.append(await sample(http, url, start))
            await asyncio.wait(users, timeout=wanted.every_s)
        await asyncio.gather(*users)
        after = await _forgotten(http, url, before)
    return {"before": before, "samples": samples, "after": after, "seen": dict(seen)}


async def _forgotten(http: aiohttp.ClientSession, url: str, before: Sample | None) -> Sample:
    """The sample once nobody is remembered any more and no more is left than `before`, or when it takes too long."""
    start = time.monotonic()
    while True:
        found = await sample(http, url, start)
        if time.monotonic() - start > GONE_S or (not found["sessions"] and not left_over(before, found)):
            return found
        await asyncio.sleep(1)


def left_over(before: Sample | None, after: Sample) -> dict[str, float]:
    """What there is more of than before; without a before, sessions, pages and answers."""
    names = LEFT_OVER if before else LEFT_OVER[:3]
    more = {name: after[name] - (before[name] if before else 0) for name in names}
    return {name: count for name, count in more.items() if count > 0}


def verdict(result: dict[str, Any], warm_up: float) -> dict[str, Any]:
    """What the samples say; `warm_up` is the share of the time that does not count."""
    samples = result["samples"]
    counted = [one for one in samples if one["minute"] >= warm_up * samples[-1]["minute"]]
    minutes = [one["minute"] for one in counted]
    slopes = {name: trend(minutes, [one[name] for one in counted]) for name in ("memory_mib", "tasks", "objects")}
    grows = [name for name, found in slopes.items() if found.slope > found.within]
    left = left_over(result["before"], result["after"])
    told = {name: {"per_minute": round(t.slope, 4), "within": round(t.within, 4)} for name, t in slopes.items()}
    failed = result["seen"].get("failed", 0)
    return {"slopes": told, "grows": grows, "left_over": left, "failed": failed, "ok": not (grows or left or failed)}


async def main(wanted: argparse.Namespace) -> int:
    """The whole run."""
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app_folder = copy_app(folder / "app")
        config = app_folder / ".chainlit" / "config.toml"
        text, count = re.subn(r"(?m)^session_timeout = \d+$", f"session_timeout = {SESSION_S}", config.read_text())
        assert count == 1
        config.write_text(text)
        limits = {"PAGODA_ANSWERS_PER_USER": "5000", "PAGODA_SOCKETS_PER_ADDRESS": "5000"}
        with (
            upstream_service(upstream_port, TOKENS, TOKENS_PER_S, folder / "upstream.log"),
            app_in(app_folder, port, f"http://127.0.0.1:{upstream_port}/v1", folder / "app.log", **limits) as app,
        ):
            result = await soak(f"http://127.0.0.1:{port}", wanted)
            wrong = [line for line in app.log.read_text().splitlines() if " - ERROR - " in line or "Traceback" in line]
    found = verdict(result, wanted.warm_up)
    found["ok"] = found["ok"] and not wrong
    result |= {"minutes": wanted.minutes, "users": wanted.users, "verdict": found, "errors_in_the_log": wrong[:20]}
    wanted.out.with_suffix(".json").write_text(json.dumps(result, indent=1))
    wanted.out.with_suffix(".svg").write_text(plot(result["samples"]))
    print(" · ".join(f"{what} {count}" for what, count in sorted(result["seen"].items())))
    for what, slope in found["slopes"].items():
        print(f"{what:12} {slope['per_minute']:+.4f} a minute, within {slope['within']:.4f}")
    print(json.dumps({"minutes": wanted.minutes, "users": wanted.users, **found, "errors_in_the_log": len(wrong)}))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Users who come and go, for a long time.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--users", type=int, default=20, help="at any time")
    parser.add_argument("--every-s", type=float, default=10, help="between two samples")
    parser.add_argument("--warm-up", type=float, default=1 / 3, help="share of the time that does not count")
    parser.add_argument("--out", type=Path, default=Path("soak"), help="of the JSON file and the plot")
    wanted = parser.parse_args()
    if wanted.minutes * 60 / wanted.every_s * (1 - wanted.warm_up) < 2 * FEWEST:
        parser.error("too few samples for a trend: more minutes, or a shorter time between two")
    raise SystemExit(asyncio.run(main(wanted)))
