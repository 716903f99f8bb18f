"""What a long Markdown answer costs Chainlit's page while it streams: `python -m tests.browser.markdown_bench`.

An answer of 10,000 tokens of 4 characters (headings, lists, tables, code) arrives at 100 tokens/s through the app: its
first 10 s, and its last 20 s, after the rest has come at once. Counted are frames that were dropped (34 ms and more
between two) and tasks of the page's thread that took 50 ms and more. Prints a table and then one line of JSON.
Limits: model server, app and browser share the machine's cores with each other and with whatever else runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from tests.browser.page import ChatPage, chromium
from tests.fake_vllm import free_port
from tests.load.streams import upstream_service
from tests.processes import app_service

TOKENS, TOKENS_PER_S = 10_000, 100
STRETCHES = {"start": (1_000, 1), "end": (TOKENS, TOKENS - 2_000)}

WATCH = """() => {
    window.watched = { gaps: [], tasks: [], changes: [], running: true };
    let last;
    const tick = (now) => {
        if (last !== undefined) watched.gaps.push(now - last);
        last = now;
        if (watched.running) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    new PerformanceObserver((list) => watched.tasks.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ type: "longtask" });
    let length = 0;
    new MutationObserver(() => {
        const now = document.querySelector(".ai-message .message-content")?.textContent.length ?? 0;
        if (now !== length) watched.changes.push(performance.now());
        length = now;
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""
RESULT = "() => { watched.running = false; return watched; }"


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)] if values else 0.0


async def measure(browser: Browser, stretch: str) -> dict[str, Any]:
    """One stretch of the answer in a fresh page, as far as it streams."""
    tokens, at_once = STRETCHES[stretch]
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ("--long", "--at-once", str(at_once))
        with (
            upstream_service(upstream_port, tokens, TOKENS_PER_S, folder / "upstream.log", *options),
            app_service(port, f"http://127.0.0.1:{upstream_port}/v1", folder / "app.log"),
        ):
            async with ChatPage(browser, f"http://127.0.0.1:{port}") as chat:
                await chat.send("Tell me all of it")
                await chat.answers.last.get_by_text("Chapter").first.wait_for()
                await chat.page.wait_for_timeout(1_000)
                await chat.page.evaluate(WATCH)
                await chat.page.wait_for_timeout((tokens - at_once) / TOKENS_PER_S * 1000 - 2_000)
                watched: dict[str, list[float]] = await chat.page.evaluate(RESULT)
                await chat.ended()
    changes = watched["changes"]
    between = [later - earlier for earlier, later in pairwise(changes)]
    return {
        "stretch": stretch,
        "frames": len(watched["gaps"]),
        "frames_dropped": sum(gap > 34 for gap in watched["gaps"]),
        "frame_p95_ms": round(quantile(watched["gaps"], 0.95), 1),
        "frame_max_ms": round(max(watched["gaps"]), 1),
        "long_tasks": len(watched["tasks"]),
        "long_task_median_ms": round(quantile(watched["tasks"], 0.5)),
        "blocked_percent": round(100 * sum(watched["tasks"]) / sum(watched["gaps"])),
        "changes": len(changes),
        "between_changes_median_ms": round(quantile(between, 0.5)),
    }


async def main() -> None:
    """Both stretches, one after the other."""
    print(f"{TOKENS:,} tokens at {TOKENS_PER_S}/s, {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}")
    print("stretch  frames  dropped  p95 ms  max ms  long tasks  median ms  blocked  changes  every ms")
    async with chromium() as browser:
        results = []
        for stretch in STRETCHES:
            results.append(result := await measure(browser, stretch))
            print(
                f"{stretch:7}{result['frames']:8}{result['frames_dropped']:9}{result['frame_p95_ms']:8}"
                f"{result['frame_max_ms']:8}{result['long_tasks']:12}{result['long_task_median_ms']:11}"
                f"{result['blocked_percent']:8}%{result['changes']:9}{result['between_changes_median_ms']:10}"
            )
    print(json.dumps({"tokens": TOKENS, "tokens_per_s": TOKENS_PER_S, "cpu_count": os.cpu_count(), "rows": results}))


if __name__ == "__main__":
    asyncio.run(main())
