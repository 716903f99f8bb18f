"""Asks a server, or a vLLM started for a model, for all answers, at temperature 0 and a few at a time."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backend.benchmark.endpoint import Endpoint, without_secrets
from backend.benchmark.problems import Problem
from backend.benchmark.progress import words
from backend.benchmark.quality_prompts import Question

AT_ONCE = 16
PATIENCE_S = 1800.0
REASON = re.compile(r"\w+Error: \S|Value error, ")  # in the end of vLLM's log; a refusal of ours is its last line
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
Item = TypeVar("Item")
Given = TypeVar("Given")


@dataclass(frozen=True)
class Prompt:
    """All that is said before the last answer; the same for all that are compared."""

    question: Question
    messages: list[dict[str, str]]


@dataclass(frozen=True)
class Answer:
    """`cut`: it came to the limit of its length."""

    text: str
    cut: bool


def is_url(target: str) -> bool:
    return target.startswith(("http://", "https://"))


def is_folder(target: str) -> bool:
    """Whether it holds a model."""
    return (Path(target) / "config.json").is_file()


def check(target: str) -> None:
    """Refuse what can be neither asked nor served, before anything is started."""
    if not is_url(target) and not is_folder(target) and not HUB_NAME.fullmatch(target):
        raise Problem(
            f"{target} is no server's address (http://…/v1), no folder with a model (it has no config.json) and no "
            "name on the hub (owner/name)."
        )


@contextmanager
def served(target: str, profile: str | None) -> Iterator[str]:
    """The address of a running server, or of one that serves the model meanwhile. Raises Problem."""
    if is_url(target):
        yield target
        return
    from backend.serving import vllm  # httpx, which is where vLLM is

    print(f"starting vLLM with {target}", file=sys.stderr, flush=True)
    with ExitStack() as stack:
        try:
            url = stack.enter_context(vllm(Path(target), profile))
        except RuntimeError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            told = [line for line in lines if REASON.search(line)] or lines
            raise Problem(f"vLLM could not be started with {target}: {told[-1]}") from None
        yield url


async def converse(endpoint: Endpoint, questions: Sequence[Question]) -> list[tuple[Prompt, Answer]]:
    """Hold every conversation to its end: the prompts that come of it, and the last answers."""

    async def one(question: Question) -> tuple[Prompt, Answer]:
        messages = [{"role": "system", "content": question.system_prompt}] if question.system_prompt else []
        for turn in question.turns[:-1]:
            messages.append({"role": "user", "content": turn})
            before = await _ask(endpoint, messages, question)
            messages.append({"role": "assistant", "content": before.text})
        messages.append({"role": "user", "content": question.turns[-1]})
        return Prompt(question, messages), await _ask(endpoint, messages, question)

    return await _all(one, questions)


async def answers(endpoint: Endpoint, prompts: Sequence[Prompt]) -> list[Answer]:
    """The last answers to the very same prompts."""
    return await _all(lambda prompt: _ask(endpoint, prompt.messages, prompt.question), prompts)


async def _ask(endpoint: Endpoint, messages: list[dict[str, str]], question: Question) -> Answer:
    body: dict[str, Any] = {"model": endpoint.model, "messages": messages, "temperature": 0}
    body["max_tokens"] = question.max_tokens
    if question.response_format:
        body["response_format"] = question.response_format
    told = without_secrets(endpoint.url)
    try:
        status, content = await endpoint.wire.fetch("POST", f"{endpoint.path}/chat/completions", body, PATIENCE_S)
    except (OSError, TimeoutError) as error:
        raise Problem(f"{told} stopped answering ({error or 'nothing came for half an hour'}).") from None
    if status != 200:
        said = content.decode(errors="replace")[:300]
        raise Problem(f"{told} refused the prompt {messages[-1]['content'][:60]!r} with HTTP {status}: {said}")
    try:
        choice = json.loads(content)["choices"][0]
        return Answer(choice["message"]["content"] or "", choice["finish_reason"] == "length")
    except (ValueError, LookupError, TypeError):
        raise Problem(f"{told} is not an OpenAI-compatible API: it answered {content[:100]!r}.") from None


async def _all(ask: Callable[[Item], Coroutine[Any, Any, Given]], items: Sequence[Item]) -> list[Given]:
    """In order; `AT_ONCE` at a time; tells after every tenth how far it is. The first failure ends it."""
    free, started, done = asyncio.Semaphore(AT_ONCE), time.monotonic(), 0

    async def one(item: Item) -> Given:
        nonlocal done
        async with free:
            given = await ask(item)
        done += 1
        if done % max(1, len(items) // 10) == 0:
            left = (time.monotonic() - started) / done * (len(items) - done)
            print(f"  {done} of {len(items)} answers, about {words(left)} left", file=sys.stderr, flush=True)
        return given

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
