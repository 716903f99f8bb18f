"""What the app adds to the first token: `python -m tests.load.first_token`, for one user.

Each question is asked twice, once straight through the openai client and once through the app's socket, with the same
prompt, in turn which comes first; the difference is what the app adds. In front of a model server that sends its first
token after 2 ms (tests/load/upstream.py), and of the real vLLM with the bundled model (`--backends fake` leaves it
out). Each question is in a new session and new to the server's cache. Prints a table and then one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import openai

from chat.sampling import default_sampling
from chat.settings import Settings
from tests.fake_vllm import free_port
from tests.load.streams import upstream_service
from tests.load.user import User
from tests.processes import app_service, vllm_service

BACKENDS = ("fake", "vllm")
WARM_UP = 5


@contextmanager
def backend_service(kind: str, folder: Path) -> Iterator[str]:
    """A model server; yields its address."""
    port = free_port()
    log = folder / "backend.log"
    with upstream_service(port, 8, 500, log) if kind == "fake" else vllm_service(port, log):
        yield f"http://127.0.0.1:{port}/v1"


async def directly(client: openai.AsyncOpenAI, model: str, system_prompt: str, question: str) -> float:
    """Milliseconds until the first token, without the app."""
    start = time.perf_counter()
    stream = await client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": system_prompt}, {"role": "user", "content": question}],
        stream=True,
        max_tokens=8,
        temperature=0,
    )
    first = 0.0
    async with stream:
        async for chunk in stream:
            if not first and chunk.choices and chunk.choices[0].delta.content:
                first = time.perf_counter() - start
    return first * 1000


async def through_the_app(session: aiohttp.ClientSession, url: str, question: str) -> float:
    """Milliseconds from the question to the first text of its answer, as a browser would see it."""
    user = User(session, url, "Pagoda")
    await user.connect(quiet_after=2)
    times = await user.ask(question)
    await user.close()
    return times.first_s * 1000


async def ask(backend: str, url: str, rounds: int) -> list[tuple[float, float]]:
    """Pairs of both times."""
    client = openai.AsyncOpenAI(base_url=backend, api_key="none", max_retries=0)
    model = (await client.models.list()).data[0].id
    system_prompt = default_sampling(Settings(), "en-US").system_prompt
    pairs = []
    async with aiohttp.ClientSession() as session:
        for number in range(rounds + WARM_UP):
            # Not "first asked, then asked again": the server would find the whole prompt in its cache.
            one, other = f"{number}: What is vLLM?", f"{number + 500}: What is vLLM?"
            if number % 2:
                direct = await directly(client, model, system_prompt, one)
                app = await through_the_app(session, url, other)
            else:
                app = await through_the_app(session, url, one)
                direct = await directly(client, model, system_prompt, other)
            pairs.append((direct, app))
    return pairs[WARM_UP:]


async def measure(kind: str, rounds: int) -> dict[str, Any]:
    """One model server."""
    with tempfile.TemporaryDirectory() as name, backend_service(kind, Path(name)) as backend:
        port = free_port()
        limits = {"PAGODA_MAX_TOKENS": "8", "PAGODA_TEMPERATURE": "0"}
        with app_service(port, backend, Path(name) / "app.log", **limits):
            pairs = await ask(backend, f"http://127.0.0.1:{port}", rounds)
    added = sorted(app - direct for direct, app in pairs)
    return {
        "backend": kind,
        "direct_median_ms": round(statistics.median(direct for direct, _ in pairs), 1),
        "app_median_ms": round(statistics.median(app for _, app in pairs), 1),
        "added_median_ms": round(statistics.median(added), 1),
        "added_p95_ms": round(added[int(0.95 * len(added))], 1),
    }


async def main(wanted: argparse.Namespace) -> None:
    """Each model server, one after the other."""
    print(f"{wanted.rounds} questions each way, {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}")
    print("backend  direct ms  app ms  added ms     p95")
    rows = []
    for kind in wanted.backends:
        rows.append(result := await measure(kind, wanted.rounds))
        print(
            f"{kind:7}{result['direct_median_ms']:11}{result['app_median_ms']:8}{result['added_median_ms']:10}"
            f"{result['added_p95_ms']:8}",
            flush=True,
        )
    print(json.dumps({"rounds": wanted.rounds, "cpu_count": os.cpu_count(), "backends": rows}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the app adds to the first token.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    asyncio.run(main(parser.parse_args()))
