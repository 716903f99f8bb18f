"""The server under test: its models, what it tells about itself, and how long prompts are in its tokens.

Only `/v1/models` and `/v1/chat/completions` are needed; what vLLM has beyond them (`/version`, `/tokenize`, `/metrics`)
is used where it is there. An API key is read from OPENAI_API_KEY, as `vllm bench serve` does, and written nowhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from backend.benchmark.problems import Problem
from backend.benchmark.wire import Clock, Wire

TOKENIZE_AT_ONCE = 8


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server and the model of it that is measured."""

    url: str
    wire: Wire
    model: str
    card: dict[str, Any]
    version: str | None
    max_model_len: int | None

    @property
    def is_vllm(self) -> bool:
        return self.card.get("owned_by") == "vllm"

    @property
    def path(self) -> str:
        """Of the API, as `/v1`."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def root(self) -> str:
        """Of vLLM's own routes, beside `/v1`."""
        return self.path.removesuffix("/v1")

    async def count(self, messages: list[dict[str, str]]) -> int | None:
        """Tokens of a prompt, the chat template's included; None where the server cannot tell."""
        asked = {"model": self.model, "messages": messages}
        try:
            status, body = await self.wire.fetch("POST", f"{self.root}/tokenize", asked)
            count = json.loads(body)["count"] if status == 200 else None
        except (OSError, ValueError, KeyError, TypeError):  # another server's own idea of this route
            return None
        return count if isinstance(count, int) else None

    async def counts(self, prompts: list[list[dict[str, str]]]) -> list[int | None]:
        """`count` for many, a few at a time; after a first None nothing more is asked."""
        counted: list[int | None] = [None] * len(prompts)
        for at in range(0, len(prompts), TOKENIZE_AT_ONCE):
            some = await asyncio.gather(*(self.count(one) for one in prompts[at : at + TOKENIZE_AT_ONCE]))
            counted[at : at + len(some)] = some
            if None in some:
                break
        return counted


def without_secrets(url: str) -> str:
    """The address without user and password."""
    return re.sub(r"//[^/?#]*@", "//", url, count=1)


def _key() -> str | None:
    """That of OPENAI_API_KEY; raises Problem where it would break the request's head."""
    key = os.environ.get("OPENAI_API_KEY")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise Problem(
            "The variable OPENAI_API_KEY holds a blank, a line break or a letter that no key has: "
            "set it to the key alone."
        )
    return key


async def connect(url: str, model: str | None, clock: Clock = time.perf_counter) -> Endpoint:
    """Find the server and its model, or say in a sentence what is wrong."""
    told = without_secrets(url)
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none, or half a bracket
        is_address = False
    if not is_address:
        raise Problem(f"--url {told} is no address: it looks like http://127.0.0.1:8000/v1.")
    wire = Wire(url, _key(), clock)
    path = parts.path.rstrip("/")
    try:
        status, body = await wire.fetch("GET", f"{path}/models")
    except TimeoutError:
        raise Problem(f"{told} does not answer within 30 s: is the server still loading its model?") from None
    except (OSError, UnicodeError) as error:  # the second: a name that no host can have
        raise Problem(
            f"No server can be reached at {told} ({error}): start one with `make backend`, or name another with --url."
        ) from None
    if status in (401, 403):
        raise Problem(f"{told} wants an API key (HTTP {status}): put it into the variable OPENAI_API_KEY.")
    if status >= 500:
        raise Problem(
            f"{told} has a fault of its own (HTTP {status} for GET {path}/models): see the server's log, or wait if it "
            "is still starting."
        )
    cards = _cards(body) if status == 200 else None
    if not cards:
        what = f"HTTP {status}" if status != 200 else "an answer that lists no models"
        raise Problem(
            f"{told} is not an OpenAI-compatible API: GET {path}/models gave {what}. Its address mostly ends in /v1."
        )
    names = [str(card["id"]) for card in cards]
    if model is not None and model not in names:
        raise Problem(f"{told} does not serve {model!r}; it serves {', '.join(names)}. Choose one with --model.")
    card = cards[names.index(model)] if model is not None else cards[0]
    base = next((other for other in cards if other["id"] == card.get("parent")), card)
    length = card.get("max_model_len") or base.get("max_model_len")
    return Endpoint(url, wire, str(card["id"]), card, await _version(wire, path.removesuffix("/v1")), length)


def _cards(body: bytes) -> list[dict[str, Any]] | None:
    try:
        cards = json.loads(body)["data"]
        return [card for card in cards if "id" in card]
    except (ValueError, KeyError, TypeError):
        return None


async def _version(wire: Wire, root: str) -> str | None:
    """vLLM's version, where `/version` tells one."""
    try:
        status, body = await wire.fetch("GET", f"{root}/version")
        return str(json.loads(body)["version"]) if status == 200 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
