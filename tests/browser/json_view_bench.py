"""What the JSON view costs while a long answer streams: `python -m tests.browser.json_view_bench`.

An answer of 10,000 tokens of 4 characters (an array of objects, then deep trees; the array alone for the table)
arrives at 200 tokens/s in flushes of 40 ms, in real time: the first 5 s of it, and the last 20 s. Timed is what a
flush costs the page's thread: parsing, drawing, and the layout that following the end asks for. A frame is dropped
where 34 ms lie between two. "redraw" is the whole answer drawn anew, as when it has ended.
Prints a table and then one line of JSON. Limits: no painting in the times; the clock's grain is 0.1 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from playwright.async_api import Page

from tests.browser.json_page import json_page
from tests.browser.page import chromium

TOKENS, TOKEN_LENGTH = 10_000, 4
TOKENS_PER_S, FLUSH_MS = 200, 40
START_S, END_S = 5, 20
MODES = ("tree", "table", "raw")

STREAM = """async ({ before, pieces, flush_ms, mode }) => {
    host.textContent = "";
    const view = json.createView(host, { texts, state: { mode } });
    view.replace(before);
    await frame();
    // The view works in the frames it asks for; the bench's own are asked for behind its back.
    const ask = window.requestAnimationFrame;
    const work = [];
    window.requestAnimationFrame = (act) => ask((now) => {
        const start = performance.now();
        act(now);
        work.push(performance.now() - start);
    });
    const gaps = [];
    let last, running = true;
    const tick = (now) => {
        if (last !== undefined) gaps.push(now - last);
        last = now;
        if (running) ask(tick);
    };
    ask(tick);
    const start = performance.now();
    for (const [index, piece] of pieces.entries()) {
        const due = start + index * flush_ms - performance.now();
        await new Promise((resolve) => setTimeout(resolve, Math.max(due, 0)));
        view.feed(piece);
    }
    await new Promise(ask);
    running = false;
    window.requestAnimationFrame = ask;
    view.destroy();
    return { work, gaps };
}"""

REDRAW = """async ({ text, mode }) => {
    const start = performance.now();
    const view = json.createView(host, { texts, state: { mode } });
    view.replace(text);
    host.getBoundingClientRect();
    const took = performance.now() - start;
    view.destroy();
    return took;
}"""


def answer(mode: str) -> str:
    """An answer of TOKENS tokens: rows of a table, then deep trees; rows only where the table is shown."""
    length = TOKENS * TOKEN_LENGTH
    tree: dict[str, Any] = {"name": "leaf", "sizes": [1, 2.5, -3e2], "note": 'escaped: \n "quoted" é 红楼梦'}
    for level in range(8):
        tree = {"level": level, "left": tree, "right": [level, None, True]}
    rows, trees = '{"orders": [', "[" + ", ".join([json.dumps(tree, ensure_ascii=False)] * 40)
    for number in range(length):
        order = {"id": number, "customer": f"Customer number {number}", "total": number * 3.5, "paid": number % 2 == 0}
        rows += json.dumps(order | {"items": [{"sku": f"A-{number}", "count": 2}], "note": None}) + ", "
        if len(rows) >= length * (1 if mode == "table" else 0.6):
            break
    return f'{rows.removesuffix(", ")}], "catalogue": {trees}'[:length]


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def row(name: str, measured: dict[str, list[float]]) -> dict[str, float | int | str]:
    """The numbers of one stretch of the stream, in ms."""
    work, gaps = measured["work"], measured["gaps"]
    return {
        "stretch": name,
        "flushes": len(work),
        "flush_median_ms": round(quantile(work, 0.5), 2),
        "flush_p95_ms": round(quantile(work, 0.95), 2),
        "flush_max_ms": round(max(work), 2),
        "frames": len(gaps),
        "frames_dropped": sum(gap > 34 for gap in gaps),
        "work_total_ms": round(sum(work)),
    }


async def measure(page: Page, mode: str) -> dict[str, Any]:
    text = answer(mode)
    per_flush = TOKENS_PER_S * TOKEN_LENGTH * FLUSH_MS // 1000
    pieces = [text[at : at + per_flush] for at in range(0, len(text), per_flush)]
    first, last = START_S * 1000 // FLUSH_MS, END_S * 1000 // FLUSH_MS
    job = {"flush_ms": FLUSH_MS, "mode": mode}
    start = await page.evaluate(STREAM, job | {"before": "", "pieces": pieces[:first]})
    end = await page.evaluate(STREAM, job | {"before": "".join(pieces[:-last]), "pieces": pieces[-last:]})
    redraw = await page.evaluate(REDRAW, {"text": text, "mode": mode})
    ratio = quantile(end["work"], 0.5) / quantile(start["work"], 0.5)
    rows = {"start": row("start", start), "end": row("end", end)}
    return {"mode": mode, "end_to_start_median": round(ratio, 2), "redraw_ms": round(redraw)} | rows


def print_rows(result: dict[str, Any]) -> None:
    """A mode's two lines of the table."""
    for stretch in (result["start"], result["end"]):
        times = "".join(f"{stretch[f'flush_{name}_ms']:8.2f}" for name in ("median", "p95", "max"))
        whole = f"{result['redraw_ms']:8}{result['end_to_start_median']:11}"
        print(
            f"{result['mode']:6}{stretch['stretch']:7}{times}{stretch['frames']:8}{stretch['frames_dropped']:9}{whole}"
        )


async def main() -> None:
    """Each mode, one after the other."""
    results = []
    print(f"{TOKENS:,} tokens, {os.cpu_count()} cores; times of a flush in ms")
    print("mode  stretch  median     p95     max  frames  dropped  redraw  end/start")
    async with chromium() as browser, json_page(browser) as page:
        for mode in MODES:
            results.append(await measure(page, mode))
            print_rows(results[-1])
    print(json.dumps({"tokens": TOKENS, "tokens_per_s": TOKENS_PER_S, "cpu_count": os.cpu_count(), "modes": results}))


if __name__ == "__main__":
    asyncio.run(main())
