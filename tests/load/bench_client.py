"""What the benchmark's own client costs: `python -m tests.load.bench_client`, beside aiohttp doing the least it can.

A stand-in for vLLM in a process of its own streams to 100 requests at once; told is the processor time of this process,
in percent of a core, and how far the client's TPOT is from the stand-in's. Prints a table and then one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from backend.benchmark.stream import ask
from backend.benchmark.wire import Wire
from tests.fake_vllm import free_port
from tests.load.streams import upstream_service

BODY: dict[str, Any] = {"model": "load-model", "messages": [{"role": "user", "content": "x"}], "stream": True}
PATH = "/v1/chat/completions"


async def ours(root: str, streams: int, expected_tpot_s: float) -> float:
    """The benchmark's client; returns how far its median TPOT is off, in percent."""
    wire = Wire(root, None)
    outcomes = await asyncio.gather(*(ask(wire, PATH, BODY, "x") for _ in range(streams)))
    wire.close()
    failed = [one.error for one in outcomes if one.error]
    if failed:
        raise SystemExit(f"{len(failed)} requests failed: {failed[0]}")
    return 100 * (statistics.median(one.tpot_s or 0.0 for one in outcomes) / expected_tpot_s - 1)


async def plain(root: str, streams: int, _expected_tpot_s: float) -> float:
    """aiohttp, and each chunk read as JSON: what `vllm bench serve` does, without its bookkeeping."""

    async def one(session: aiohttp.ClientSession) -> None:
        async with session.post(root + PATH, json=BODY) as response:
            async for data in response.content.iter_any():
                for event in data.split(b"\n\n"):
                    if event.startswith(b"data: {"):
                        json.loads(event[6:])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one(session) for _ in range(streams)))
    return float("nan")


Client = Callable[[str, int, float], Awaitable[float]]
CLIENTS: dict[str, Client] = {"ours": ours, "aiohttp": plain}


async def measure(client: Client, root: str, streams: int, tokens_per_s: float) -> dict[str, float]:
    """One round."""
    cpu, start = time.process_time(), time.perf_counter()
    off = await client(root, streams, 1 / tokens_per_s)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"cpu_percent": 100 * cpu / seconds, "tpot_off_percent": off}


def main() -> None:
    """Both clients in turn, at each speed."""
    parser = argparse.ArgumentParser(description="What the benchmark's client costs.")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--tokens-per-s", type=float, nargs="+", default=[20, 50], help="of each stream")
    parser.add_argument("--seconds", type=float, default=10, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    print(f"{wanted.streams} streams       client   % of a core   TPOT off by")
    rows = []
    for tokens_per_s in wanted.tokens_per_s:
        port, tokens = free_port(), round(wanted.seconds * tokens_per_s)
        with (
            tempfile.TemporaryDirectory() as folder,
            upstream_service(port, tokens, tokens_per_s, Path(folder) / "log"),
        ):
            for number in range(wanted.rounds):
                for name, client in CLIENTS.items():
                    root = f"http://127.0.0.1:{port}"
                    told = asyncio.run(measure(client, root, wanted.streams, tokens_per_s))
                    rows.append({"tokens_per_s": tokens_per_s, "client": name, "round": number, **told})
                    off = f"{told['tpot_off_percent']:+.2f} %" if name == "ours" else "–"
                    print(f"{tokens_per_s:>4g} tokens/s {name:>12} {told['cpu_percent']:>13.1f} {off:>13}", flush=True)
    for row in rows:
        row["tpot_off_percent"] = row["tpot_off_percent"] if row["client"] == "ours" else None
    print(json.dumps({"streams": wanted.streams, "rows": rows}))


if __name__ == "__main__":
    main()
