"""Measure the demonstration model through a running vLLM, on wordings and names it was not trained on.

    python -m backend.demo_model.evaluate --base-url http://127.0.0.1:8000/v1

Asks at temperature 0 and prints a table of scores per skill and language, then one JSON line. An answer counts only if
it is exactly one of the corpus's answers (as JSON: equal to the corpus's object; recall: holds the name). It measures
what the model was made for, nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from backend.demo_model.corpus import LANGUAGES, load_intents, load_phrases
from backend.demo_model.generators import Generator
from backend.demo_model.held_out import Case, cases

MAX_TOKENS = 900
CONCURRENCY = 8


def answer(client: httpx.Client, model: str, case: Case) -> str:
    """Hold the conversation of a case with the model and return its last answer."""
    messages: list[dict[str, str]] = []
    if case.system_prompt is not None:
        messages.append({"role": "system", "content": case.system_prompt})
    content = ""
    for ask in case.asks:
        messages.append({"role": "user", "content": ask})
        body: dict[str, Any] = {"model": model, "messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS}
        if case.json_mode:
            body["response_format"] = {"type": "json_object"}
        response = client.post("chat/completions", json=body)
        response.raise_for_status()
        content = response.json()["choices"][0]["message"]["content"]
        messages.append({"role": "assistant", "content": content})
    return content


def main() -> None:
    """Read the arguments, ask, print."""
    parser = argparse.ArgumentParser(description="Measure the bundled demonstration model.")
    parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1")
    parser.add_argument("--per-skill", type=int, default=60, help="cases per skill and language (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", action="store_true", help="print every wrong answer")
    arguments = parser.parse_args()

    test = Generator(load_intents(), load_phrases(), "test")
    asked = cases(test, arguments.per_skill, arguments.seed)
    with httpx.Client(base_url=arguments.base_url, timeout=300, trust_env=False) as client:
        model = client.get("models").raise_for_status().json()["data"][0]["id"]
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            answers = list(pool.map(lambda case: answer(client, model, case), asked))

    right: defaultdict[str, defaultdict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for case, given in zip(asked, answers, strict=True):
        passed = case.check(given)
        right[case.skill][case.language].append(passed)
        if arguments.failures and not passed:
            print(f"{case.skill} · {case.language} · {' | '.join(case.asks)}\n    {given}")
    scores = {
        skill: {language: percent(by_language[language]) for language in LANGUAGES}
        for skill, by_language in sorted(right.items())
    }
    print(f"{'skill, % right (cases)':34}{'en':>14}{'zh':>14}")
    for skill, by_language in scores.items():
        cells = [f"{by_language[language]:.1f} ({len(right[skill][language])})" for language in LANGUAGES]
        print(f"{skill:34}{cells[0]:>14}{cells[1]:>14}")
    print(json.dumps({"model": model, "seed": arguments.seed, "cases": len(asked), "scores_percent": scores}))


def percent(passed: list[bool]) -> float:
    """Share of true values, in percent with one decimal."""
    return round(100 * sum(passed) / len(passed), 1)


if __name__ == "__main__":
    main()
