"""Measure the demonstration model through a real vLLM, on wordings and values it was not trained on.

    python -m backend.demo_model.evaluate                                        # starts vLLM with the shipped weights
    python -m backend.demo_model.evaluate --base-url http://127.0.0.1:8000/v1    # asks one that runs

Asks at temperature 0 and prints the scores per skill and language, those the goals are set for, how fast one user is
answered, then one JSON line. An answer counts only if it is exactly one of the corpus's answers (as JSON: equal to the
one right object; recall: it holds the value). A false alarm is a question of its own world answered with a limit.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import jsonschema

from backend.demo_model.generators import Generator
from backend.demo_model.held_out import Case, cases, limits
from backend.demo_model.reading import LANGUAGES
from backend.profiles import BUNDLED_MODEL
from backend.serving import vllm

MAX_TOKENS = 900
CONCURRENCY = 16
# percent right; what a group without a goal reaches is printed all the same
GOALS = {
    "home": 90.0,
    "knowledge": 95.0,
    "extraction": 90.0,
    "schema, valid": 99.0,
    "schema": 85.0,
    "system prompt": 90.0,
    "recall": 90.0,
    "arithmetic": 95.0,
    "limits": 85.0,
}
MOST_FALSE_ALARMS = 3.0
KNOWN_GROUPS = ("home", "knowledge", "small_talk", "lists", "showcase")
_SPEED_TOKENS = 300


def answer(client: httpx.Client, model: str, case: Case) -> str:
    """Hold the conversation of a case with the model and return its last answer."""
    messages: list[dict[str, str]] = []
    if case.system_prompt is not None:
        messages.append({"role": "system", "content": case.system_prompt})
    content = ""
    for ask in case.asks:
        messages.append({"role": "user", "content": ask})
        body: dict[str, Any] = {"model": model, "messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS}
        if case.response_format:
            body["response_format"] = case.response_format
        response = client.post("chat/completions", json=body)
        response.raise_for_status()
        content = response.json()["choices"][0]["message"]["content"]
        messages.append({"role": "assistant", "content": content})
    return content


def valid(given: str, schema: dict[str, Any]) -> bool:
    """Whether an answer is JSON that matches the schema."""
    try:
        jsonschema.validate(json.loads(given), schema)
    except (json.JSONDecodeError, jsonschema.ValidationError):
        return False
    return True


def speed(client: httpx.Client, model: str) -> float:
    """Tokens per second for one user, the median of five answers of 300 tokens."""
    rates: list[float] = []
    body = {"model": model, "prompt": "Hello", "max_tokens": _SPEED_TOKENS, "ignore_eos": True, "temperature": 0}
    for _ in range(5):
        started = time.monotonic()
        client.post("completions", json=body).raise_for_status()
        rates.append(_SPEED_TOKENS / (time.monotonic() - started))
    return sorted(rates)[2]


def main() -> None:
    """Read the arguments, ask, print."""
    parser = argparse.ArgumentParser(description="Measure the bundled demonstration model.")
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL, help="folder to serve (default: the shipped one)")
    parser.add_argument("--base-url", help="API of a vLLM that runs already")
    parser.add_argument("--per-skill", type=int, default=30, help="cases per skill and language (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", action="store_true", help="print every wrong answer")
    arguments = parser.parse_args()

    test = Generator("test")
    asked = cases(test, arguments.per_skill, arguments.seed)
    serving = nullcontext(arguments.base_url) if arguments.base_url else vllm(arguments.model)
    with serving as base_url, httpx.Client(base_url=base_url, timeout=600, trust_env=False) as client:
        model = client.get("models").raise_for_status().json()["data"][0]["id"]
        rate = speed(client, model)
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            answers = list(pool.map(lambda case: answer(client, model, case), asked))

    outcomes: list[tuple[str, str, str, bool]] = []  # group, skill, language, right
    alarms: list[bool] = []
    admitting = limits(test)
    for case, given in zip(asked, answers, strict=True):
        right = case.right(given)
        outcomes.append((case.group, case.skill, case.language, right))
        if case.schema is not None:
            outcomes.append(("schema, valid", "schema, valid", case.language, valid(given, case.schema)))
        if case.group in KNOWN_GROUPS:
            alarms.append(given.strip() in admitting)
        if arguments.failures and not right:
            print(f"{case.skill} · {case.language} · {' | '.join(case.asks)}\n    {case.system_prompt!r}\n    {given}")
    skills = _scores((skill, language, right) for _, skill, language, right in outcomes)
    groups = _scores((group, language, right) for group, _, language, right in outcomes)
    print(f"{'skill, % right (cases)':34}{'en':>14}{'zh':>14}")
    _table(skills, {})
    print(f"\n{'together':34}{'en':>14}{'zh':>14}{'goal':>8}")
    _table(groups, GOALS)
    print(f"{'false alarms':34}{percent(alarms):>14}{'':>14}{MOST_FALSE_ALARMS:>8}")
    print(f"{'tokens/s for one user':34}{rate:>14.0f}")
    print(
        json.dumps(
            {
                "model": model,
                "seed": arguments.seed,
                "cases": len(asked),
                "tokens_per_second": round(rate, 1),
                "false_alarms_percent": percent(alarms),
                "percent": {name: {key: percent(given) for key, given in by.items()} for name, by in groups.items()},
                "skills_percent": {
                    name: {key: percent(given) for key, given in by.items()} for name, by in skills.items()
                },
            }
        )
    )


Scores = dict[str, dict[str, list[bool]]]


def _scores(outcomes: Iterable[tuple[str, str, bool]]) -> Scores:
    scores: defaultdict[str, dict[str, list[bool]]] = defaultdict(lambda: {language: [] for language in LANGUAGES})
    for name, language, right in outcomes:
        scores[name][language].append(right)
    return dict(sorted(scores.items()))


def _table(scores: Scores, goals: dict[str, float]) -> None:
    for name, by_language in scores.items():
        cells = [f"{percent(by_language[language])} ({len(by_language[language])})" for language in LANGUAGES]
        print(f"{name:34}{cells[0]:>14}{cells[1]:>14}{goals.get(name, ''):>8}")


def percent(passed: list[bool]) -> float:
    """Share of true values, in percent with one decimal."""
    return round(100 * sum(passed) / len(passed), 1)


if __name__ == "__main__":
    main()
