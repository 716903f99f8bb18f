"""JSON output measured: 200 prompts under each ready schema, asked of the real vLLM by the app's own code.

    python -m tests.json_showcase                 # starts vLLM with the bundled model
    python -m tests.json_showcase --base-url http://127.0.0.1:8000/v1 --prompts 50

Every answer that ended by itself must parse and match, judged by a second validator (jsonschema), and no other may be
called valid; otherwise it exits with 1. Then what enforcement costs: time per output token (TPOT) of the same prompts
with and without it, one user, taking turns. Prints a table per schema and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import yaml
from pydantic import AnyHttpUrl

from chat.conversation import Conversation
from chat.model_server import ModelServer
from chat.sampling import Sampling
from chat.schema.choice import SchemaChoice
from chat.schema.ready import ready_schemas
from chat.settings import Settings
from chat.texts import LANGUAGES, Language
from chat.turn import Answer
from tests.fake_vllm import free_port
from tests.processes import ROOT, vllm_service

CORPUS = ROOT / "backend" / "demo_model" / "corpus" / "showcase.yaml"
CONCURRENCY = 16
MAX_TOKENS = 400
# of the prompts, what fits no schema: off topic, hostile to JSON, empty of sense
HOSTILE = (
    *("Answer without any JSON.", "Write a poem about the sea.", 'Say "}}}" and nothing else.', "😀", "?"),
    *("不要用 JSON 回答。", "写一首关于大海的诗。", "只说“}}}”。", "1 + 1", "<|im_end|>"),
)
HOSTILE_SHARE = 0.2
TIMED_PROMPTS = 40
SHORTEST_TIMED = 20  # tokens


@dataclass
class Tally:
    """What became of the prompts under one schema."""

    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def prompts(count: int, seed: int) -> list[tuple[Language, str]]:
    """Questions for documents of all forms, whatever the schema at hand, and some that fit none."""
    rng = Random(seed)
    documents = yaml.safe_load(CORPUS.read_text(encoding="utf-8"))
    short: dict[Language, str] = {"en-US": "en", "zh-CN": "zh"}
    made: list[tuple[Language, str]] = []
    for number in range(count):
        language = LANGUAGES[number % 2]
        asks = HOSTILE if rng.random() < HOSTILE_SHARE else rng.choice(documents)["ask"][short[language]]
        made.append((language, rng.choice(asks)))
    return made


async def ask(server: ModelServer, language: Language, prompt: str, schema_id: str, seed: int) -> Answer:
    """One answer under a schema, as the page asks for it."""
    conversation = Conversation()
    conversation.ask("1", prompt)
    sampling = Sampling(temperature=1, top_p=1, max_tokens=MAX_TOKENS, seed=seed)
    answer = Answer(sampling, language, SchemaChoice().format(schema_id, language))
    async for _ in answer.to_question(server, conversation):
        pass
    return answer


def wrong(answer: Answer, schema: dict[str, Any]) -> str | None:
    """Why the verdict on an answer is not what a second validator says, or why it should not have come about."""
    verdict = answer.json_output.verdict
    if answer.ending != "complete":
        return None if verdict in ("cut", "stopped") else f"{answer.ending}, and called {verdict}"
    try:
        jsonschema.validate(json.loads(answer.text), schema, cls=jsonschema.Draft202012Validator)
    except (ValueError, jsonschema.ValidationError) as error:
        return f"complete, but {str(error).splitlines()[0]}"
    return None if verdict == "valid" else f"valid, and called {verdict}"


async def enforced(server: ModelServer, asked: list[tuple[Language, str]], seed: int) -> dict[str, Tally]:
    """All prompts under all ready schemas, `CONCURRENCY` at once."""
    places = asyncio.Semaphore(CONCURRENCY)
    tallies = {schema_id: Tally() for schema_id in ready_schemas()}

    async def one(schema_id: str, number: int) -> None:
        language, prompt = asked[number]
        async with places:
            answer = await ask(server, language, prompt, schema_id, seed + number)
        verdict = str(answer.error or answer.json_output.verdict)
        tallies[schema_id].verdicts[verdict] += 1
        if answer.error or (reason := wrong(answer, ready_schemas()[schema_id].schema)):
            tallies[schema_id].wrong.append(f"{prompt}: {answer.error or reason}: {answer.text[:200]}")

    await asyncio.gather(*(one(schema_id, number) for schema_id in tallies for number in range(len(asked))))
    return tallies


async def cost(server: ModelServer, asked: list[tuple[Language, str]], seed: int) -> tuple[list[float], list[float]]:
    """TPOT in ms of each prompt with enforcement, and without it; the two take turns in going first.

    (end-to-end latency - time to first token) / (output tokens - 1), as vLLM defines it, at the client.
    """
    with_schema: list[float] = []
    without: list[float] = []
    ids = list(ready_schemas())
    for number, (language, prompt) in enumerate(asked):
        answer = await ask(server, language, prompt, ids[number % len(ids)], seed + number)
        plain, pieces = answer.without_enforcement(server)
        async for _ in pieces:
            pass
        again = await ask(server, language, prompt, ids[number % len(ids)], seed + number)
        timed = [answer, again][number % 2]
        both = (timed.completion, plain.completion)
        if min(completion.completion_tokens for completion in both) < SHORTEST_TIMED:
            continue
        for completion, times in zip(both, (with_schema, without), strict=True):
            times.append((completion.e2el_ms - completion.ttft_ms) / (completion.completion_tokens - 1))
    return with_schema, without


async def measure(base_url: str, count: int, seed: int) -> int:
    """Ask, print, and return the number of answers that were wrong."""
    server = ModelServer(Settings(backend_url=AnyHttpUrl(base_url)))
    model = await server.model()
    asked = prompts(count, seed)
    await ask(server, *asked[0], "books", seed)  # the first request of a server is slower
    with_schema, without = await cost(server, asked[:TIMED_PROMPTS], seed)
    tallies = await enforced(server, asked, seed)
    print(f"{'schema':10}{'prompts':>9}{'valid':>7}{'cut':>5}{'wrong':>7}")
    for schema_id, tally in tallies.items():
        told = tally.verdicts
        print(f"{schema_id:10}{told.total():>9}{told['valid']:>7}{told['cut']:>5}{len(tally.wrong):>7}")
        print("".join(f"    {line}\n" for line in tally.wrong[:3]), end="")
    medians = statistics.median(with_schema), statistics.median(without)
    ratio = medians[0] / medians[1]
    print(f"TPOT with schema {medians[0]:.2f} ms, without {medians[1]:.2f} ms: {ratio:.3f} ({len(without)} prompts)")
    total = sum((tally.verdicts for tally in tallies.values()), Counter[str]())
    failed = sum(len(tally.wrong) for tally in tallies.values())
    figures = {
        "model": model.id,
        "seed": seed,
        "prompts": len(asked),
        "answers": total.total(),
        "verdicts": dict(total),
    }
    timings = {"tpot_ms_schema": round(medians[0], 3), "tpot_ms_plain": round(medians[1], 3), "ratio": round(ratio, 3)}
    print(json.dumps({**figures, "wrong": failed, **timings}))
    return failed


def main() -> int:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Measure JSON output under the ready schemas.")
    parser.add_argument("--base-url", help="API of a vLLM that runs already")
    parser.add_argument("--prompts", type=int, default=200, help="prompts per schema (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    port = free_port()
    log = Path(tempfile.mkdtemp()) / "vllm.log"
    serving = nullcontext() if arguments.base_url else vllm_service(port, log)
    with serving:
        base_url = arguments.base_url or f"http://127.0.0.1:{port}/v1"
        failed = asyncio.run(measure(base_url, arguments.prompts, arguments.seed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
