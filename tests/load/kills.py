"""vLLM killed again and again under users who ask all the time: each keeps the conversation, and is answered again?

    python -m tests.load.kills [--kills 100] [--users 20] [--seed 1] [--out kills.json]

The real vLLM (bundled model, the launcher), the real app, and users over its socket. SIGKILL comes at a random moment,
by turns to the engine alone, after which the API server ends by itself, and to all of vLLM's processes at once. Then
vLLM is started again, and everybody has to have an answer. A conversation is intact if vLLM, by its own count, was sent
as many tokens as there are in all that the page shows of it. A line for each kill; `--out` has the summary after each;
the exit code is 1 if anything was lost. Limits: nobody reloads the page; a conversation ends after some turns, as the
model has room for 2,048 tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.fake_vllm import free_port
from tests.load.talker import Asked, Talker
from tests.processes import Service, app_service, engine_of, vllm_service

LONGEST_S = 300  # for everybody to be answered after a restart
ENDS_BY_ITSELF_S = 60
BAD = ("lost", "unanswered_after_a_restart", "pages_hung", "pages_dropped", "unforeseen_errors", "errors_in_the_log")
QUESTIONS = (
    "What is vLLM?",
    "My name is {name}. What is Pagoda?",
    "What is my name?",
    "What is 12 plus 7?",
    "What is the capital of France?",
    "How does Pagoda start vLLM, and what does it do when there is no GPU?",
)
NAMES = ("Ada", "Alan", "Grace", "Edsger", "Barbara", "Donald", "Leslie", "Frances")


class Run:
    """All users, and what has been seen so far."""

    def __init__(self, backend_url: str, app_url: str, dice: random.Random) -> None:
        self.backend_url, self.app_url, self.dice = backend_url, app_url, dice
        self.kills = self.answers = self.intact = self.unchecked = self.hung = self.dropped = 0
        self.conversations = self.carried = 0  # how many began, and how often one went on after a kill, intact
        self.sentences: Counter[str] = Counter()
        self.lost: list[str] = []
        self.answered_at: dict[int, float] = {}  # by user: when the question was sent that was answered last
        self.asking: set[int] = set()

    async def user(self, number: int, session: aiohttp.ClientSession) -> None:
        """One who asks for as long as the run goes on."""
        while True:
            talker = Talker(session, self.app_url)
            self.conversations += 1
            try:
                await talker.connect(quiet_after=2)
                await self._converse(number, talker, session)
                await talker.close()
            except TimeoutError:
                self.hung += 1
            except (TypeError, aiohttp.ClientError) as error:  # what aiohttp makes of a socket that is closed
                self.dropped += 1
                print(f"user {number}: the page lost its connection: {error!r}", flush=True)
            await asyncio.sleep(1)

    async def _converse(self, number: int, talker: Talker, session: aiohttp.ClientSession) -> None:
        kills = self.kills
        while not talker.is_full:
            question = self.dice.choice(QUESTIONS).format(name=self.dice.choice(NAMES))
            sent_at = time.monotonic()
            self.asking.add(number)
            try:
                asked = await talker.converse(question)
            finally:
                self.asking.discard(number)
            self.sentences.update(re.sub(r"\d+", "N", sentence) for sentence in asked.sentences)
            if not asked.sentences:
                self.answers += 1
                self.answered_at[number] = sent_at
                if await self._is_intact(number, talker, asked, session) and kills != self.kills:
                    kills, self.carried = self.kills, self.carried + 1
            # As a person would, who is told to wait.
            await asyncio.sleep(self.dice.uniform(*((2, 6) if asked.sentences else (0, 0.5))))

    async def _is_intact(self, number: int, talker: Talker, asked: Asked, session: aiohttp.ClientSession) -> bool:
        try:
            expected = await talker.tokens_of_prompt(session, self.backend_url)
        except (aiohttp.ClientError, TimeoutError):
            self.unchecked += 1  # killed in between
            return False
        if expected == asked.prompt_tokens:
            self.intact += 1
            return True
        self.lost.append(f"user {number}: {asked.prompt_tokens} tokens in place of {expected}: {talker.turns}")
        print(f"LOST {self.lost[-1]}", flush=True)
        return False

    async def everybody_answered(self, users: int, since: float) -> int:
        """Wait until all have an answer to a question sent after `since`; how many have."""
        deadline = time.monotonic() + LONGEST_S
        while True:
            answered = sum(sent_at >= since for sent_at in self.answered_at.values())
            if answered == users or time.monotonic() > deadline:
                return answered
            await asyncio.sleep(0.1)


async def kill(vllm: Service, which: str) -> float | None:
    """End it with SIGKILL; after how many seconds it was gone, None if the API server outlived its engine."""
    before = time.monotonic()
    if which == "all":
        os.killpg(vllm.process.pid, signal.SIGKILL)
    else:
        os.kill(engine_of(vllm), signal.SIGKILL)
    try:
        await asyncio.to_thread(vllm.process.wait, ENDS_BY_ITSELF_S)
        return time.monotonic() - before
    except subprocess.TimeoutExpired:
        return None
    finally:
        await asyncio.to_thread(vllm.__exit__, None, None, None)


async def metrics(app_url: str) -> dict[str, float]:
    """The app's figures by name and labels."""
    async with httpx.AsyncClient(timeout=30) as client:
        told = (await client.get(f"{app_url}/metrics")).raise_for_status().text
    samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All kills; returns the summary."""
    port, app_port = free_port(), free_port()
    app_url, backend_url = f"http://127.0.0.1:{app_port}", f"http://127.0.0.1:{port}"
    dice = random.Random(options.seed)
    seen = Run(backend_url, app_url, dice)
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # vLLM would run on
    summary: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    log = folder / "app.log"
    vllm = vllm_service(port, folder / "vllm-0.log")
    try:
        await asyncio.to_thread(vllm.__enter__)
        with app_service(app_port, f"{backend_url}/v1", log, PAGODA_MAX_TOKENS="200"):
            async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
                users = [group.create_task(seen.user(number, session)) for number in range(options.users)]
                await seen.everybody_answered(options.users, 0)
                for number in range(1, options.kills + 1):
                    await asyncio.sleep(dice.uniform(0, 3))
                    which = ("engine", "all")[number % 2]
                    under_way, killed_at = len(seen.asking), time.monotonic()
                    seen.kills, gone_s = number, await kill(vllm, which)
                    vllm = vllm_service(port, folder / f"vllm-{number}.log")
                    await asyncio.to_thread(vllm.__enter__)
                    up_at = time.monotonic()
                    answered = await seen.everybody_answered(options.users, up_at)
                    figures = await metrics(app_url)
                    row = {"kill": number, "which": which, "under_way": under_way, "answered": answered}
                    row |= {"down_s": round(up_at - killed_at, 1), "all_answered_s": round(time.monotonic() - up_at, 1)}
                    row["gone_s"] = gone_s and round(gone_s, 1)
                    row["app_mb"] = round(figures["process_resident_memory_bytes"] / 1e6, 1)
                    rows.append(row)
                    print(json.dumps(row), flush=True)
                    summary = told(seen, options.users, rows, figures, log)
                    if options.out:
                        options.out.write_text(json.dumps(summary | {"rows": rows}, indent=1))
                for user in users:
                    user.cancel()
    finally:
        vllm.end()  # it may not have been ready yet
    return summary


def told(seen: Run, users: int, rows: list[dict[str, Any]], figures: dict[str, float], log: Path) -> dict[str, Any]:
    """What has been found so far."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return {
        "kills": len(rows),
        "answers": seen.answers,
        "conversations": seen.conversations,
        "conversations_that_went_on_after_a_kill": seen.carried,
        "prompts_checked": seen.intact + len(seen.lost),
        "prompts_unchecked": seen.unchecked,
        "lost": seen.lost,
        "unanswered_after_a_restart": sum(users - row["answered"] for row in rows),
        "pages_hung": seen.hung,
        "pages_dropped": seen.dropped,
        "sentences": dict(seen.sentences.most_common()),
        "unforeseen_errors": round(figures.get("pagoda_errors_total unforeseen", 0)),
        "errors_in_the_log": [line for line in lines if " - ERROR - " in line or line.startswith("Traceback")],
        "app_mb": [row["app_mb"] for row in (rows[0], rows[len(rows) // 2], rows[-1])],
    }


def main() -> int:
    """0 if nothing was lost, and everybody was answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.kills")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    print(f"logs: {folder}", flush=True)
    summary = asyncio.run(run(options, folder))
    print(json.dumps(summary, indent=1, ensure_ascii=False))
    return 1 if any(summary[key] for key in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
