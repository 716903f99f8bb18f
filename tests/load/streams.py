"""Many answers at once through one process of the app: `python -m tests.load.streams --users 1 50 200 800 1000`.

All users ask at the same moment; the model server (tests/load/upstream.py) streams each of them an answer at the same
speed, so that the ideal is known: the first token after 1 / speed, the last after tokens / speed. Side by side with
plain Chainlit (tests/load/plain), in the same run. Model server, app and users are a process each; the processor time
of the app and the users tells which of them was the limit. An answer that does not arrive whole has failed; with one
of Pagoda's the exit code is 1. Prints a table and then one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from tests.fake_vllm import free_port
from tests.load.upstream import answer
from tests.load.user import Times, User
from tests.processes import ROOT, Service, app_service

KINDS = ("pagoda", "plain")


def upstream_service(port: int, tokens: int, tokens_per_s: float, log: Path, *more: str) -> Service:
    """The model server in a process of its own; `more` are options of its command."""
    command = [sys.executable, "-m", "tests.load.upstream", str(port), *more]
    command += ["--tokens", str(tokens), "--tokens-per-s", str(tokens_per_s)]
    return Service(command, {}, f"http://127.0.0.1:{port}/health", log, 30)


def plain_service(port: int, backend_url: str, folder: Path) -> Service:
    """Plain Chainlit in a process of its own; its configuration is what Chainlit writes into an empty folder."""
    url = f"http://127.0.0.1:{port}"
    app = str(ROOT / "tests" / "load" / "plain" / "app.py")
    command = [sys.executable, "-m", "chainlit", "run", app, "--headless"]
    env = {"CHAINLIT_APP_ROOT": str(folder), "CHAINLIT_HOST": "127.0.0.1", "CHAINLIT_PORT": str(port)}
    env |= {"OPENAI_BASE_URL": backend_url, "OPENAI_API_KEY": "none"}
    return Service(command, env, f"{url}/health", folder / "plain.log", 60)


def service_of(kind: str, port: int, backend_url: str, folder: Path) -> Service:
    if kind == "plain":
        return plain_service(port, backend_url, folder)
    return app_service(port, backend_url, folder / "app.log")


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_memory_mib(pid: int) -> float:
    """The most memory that a process had in use so far (its resident set)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


async def ask_all(url: str, kind: str, users: int, pid: int) -> tuple[list[Times], float, float]:
    """Connect, ask at once, and tell each user's times, the app's processor time and that of this process.

    Whoever had no answer, for whatever reason, has no times.
    """
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        everyone = [User(session, url, "Pagoda" if kind == "pagoda" else "") for _ in range(users)]
        for user in everyone:
            await user.connect(quiet_after=2)  # the connection's task, then on_chat_start
        await asyncio.sleep(1)
        before, own = cpu_s(pid), time.process_time()
        questions = (user.ask(f"Question {number}?") for number, user in enumerate(everyone))
        outcomes = await asyncio.gather(*questions, return_exceptions=True)
        used, own = cpu_s(pid) - before, time.process_time() - own
        for user, outcome in zip(everyone, outcomes, strict=True):
            if isinstance(outcome, Times):
                await user.close()
    return [outcome for outcome in outcomes if isinstance(outcome, Times)], used, own


async def late_s(backend: str) -> list[float]:
    """How late the model server has sent its tokens since this was asked last, in seconds."""
    async with httpx.AsyncClient() as client:
        late: list[float] = (await client.get(f"{backend}/late")).json()
        return sorted(late)


async def measure(kind: str, users: int, wanted: argparse.Namespace) -> dict[str, Any]:
    """One kind of app: a small round to warm it up, then the one that counts."""
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backend = f"http://127.0.0.1:{upstream_port}"
        with (
            upstream_service(upstream_port, wanted.tokens, wanted.tokens_per_s, folder / "upstream.log"),
            service_of(kind, port, f"{backend}/v1", folder) as app,
        ):
            url = f"http://127.0.0.1:{port}"
            await ask_all(url, kind, 3, app.process.pid)
            await late_s(backend)
            times, used, own = await ask_all(url, kind, users, app.process.pid)
            late = await late_s(backend)
            memory = most_memory_mib(app.process.pid)
    text = "".join(answer(wanted.tokens)).strip()
    whole = [one for one in times if one.text.strip() == text]
    if not whole:
        raise SystemExit(f"none of {users} answers arrived whole through {kind}")
    return row(kind, users, wanted, whole) | {
        "failed": users - len(whole),
        "app_most_memory_mib": round(memory),
        "app_cpu_s": round(used, 2),
        "users_cpu_s": round(own, 2),
        "upstream_late_p99_ms": round(late[int(0.99 * len(late))] * 1000, 1),
    }


def row(kind: str, users: int, wanted: argparse.Namespace, times: list[Times]) -> dict[str, Any]:
    """The numbers of one kind of app."""
    first = sorted(one.first_s * 1000 for one in times)
    last, ideal = max(one.end_s for one in times), wanted.tokens / wanted.tokens_per_s
    return {
        "users": users,
        "app": kind,
        "first_token_median_ms": round(statistics.median(first)),
        "first_token_p95_ms": round(first[int(0.95 * len(first))]),
        "last_finished_s": round(last, 2),
        "times_ideal": round(last / ideal, 2),
        "flushes_per_answer": round(statistics.mean(one.flushes for one in times), 1),
    }


async def main(wanted: argparse.Namespace) -> None:
    """Each number of users with each kind of app, `rounds` times."""
    ideal = wanted.tokens / wanted.tokens_per_s
    print(f"{wanted.tokens} tokens each at {wanted.tokens_per_s:g}/s (ideal {ideal:.2f} s), ", end="")
    print(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}")
    print("               first token ms   last finished          events/    app  users    app  upstream late")
    print("users app       median    p95        s  × ideal failed  answer  cpu s  cpu s    MiB         p99 ms")
    rows = []
    for users, _, kind in product(wanted.users, range(wanted.rounds), wanted.apps):
        rows.append(result := await measure(kind, users, wanted))
        print(
            f"{users:5} {kind:8}{result['first_token_median_ms']:8}{result['first_token_p95_ms']:7}"
            f"{result['last_finished_s']:9.2f}{result['times_ideal']:9.2f}{result['failed']:7}"
            f"{result['flushes_per_answer']:8.1f}{result['app_cpu_s']:7.2f}{result['users_cpu_s']:7.2f}"
            f"{result['app_most_memory_mib']:7}{result['upstream_late_p99_ms']:15.1f}",
            flush=True,
        )
    shape = {"tokens": wanted.tokens, "tokens_per_s": wanted.tokens_per_s, "cpu_count": os.cpu_count()}
    print(json.dumps(shape | {"rounds": rows}))
    if any(result["failed"] for result in rows if result["app"] == "pagoda"):
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Many answers at once, beside plain Chainlit.")
    parser.add_argument("--users", type=int, nargs="+", default=[200])
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--tokens-per-s", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--apps", nargs="+", choices=KINDS, default=KINDS)
    asyncio.run(main(parser.parse_args()))
