"""What is asked: scenarios are JSON Lines files in `scenarios/`, loaded strictly.

The first line is the head: `scenario` (the name), `description`, `max_tokens` and, where wanted, `system_prompt` and
`texts_from` (another file whose texts are used). Each other line is one of

    {"text": ID, "content": "…"}             a text that prompts can quote as $ID (a dollar sign itself is $$)
    {"schema": ID, "content": {…}}           a JSON Schema
    {"prompt": ID, "turns": ["…", …]}        a conversation; "response_format": "json_object" or a schema's ID,
                                             "max_tokens": another than the head's

Whatever is wrong is told with file, line and reason.
"""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.benchmark.problems import Problem

FOLDER = Path(__file__).resolve().parent / "scenarios"
HEAD = {"scenario": str, "description": str, "max_tokens": int}
KINDS: Mapping[str, Mapping[str, type]] = {
    "scenario": {**HEAD, "system_prompt": str, "texts_from": str},
    "text": {"text": str, "content": str},
    "schema": {"schema": str, "content": dict},
    "prompt": {"prompt": str, "turns": list, "response_format": str, "max_tokens": int},
}
OPTIONAL = {"system_prompt", "texts_from", "response_format", "max_tokens"}


@dataclass(frozen=True)
class Prompt:
    """One conversation: what the user says in turn, and what is asked of the answers."""

    id: str
    turns: tuple[str, ...]
    max_tokens: int
    response_format: dict[str, Any] | None = None

    def messages(self, system_prompt: str | None, answers: list[str]) -> list[dict[str, str]]:
        """The request after `answers`: everything said so far and the next turn."""
        messages = [{"role": "system", "content": system_prompt}] if system_prompt else []
        for turn, answer in zip(self.turns, [*answers, None], strict=False):
            messages.append({"role": "user", "content": turn})
            if answer is not None:
                messages.append({"role": "assistant", "content": answer})
        return messages


@dataclass(frozen=True)
class Scenario:
    """A scenario and the prompts of it that are used."""

    name: str
    description: str
    system_prompt: str | None
    prompts: tuple[Prompt, ...]
    file: str
    left_out: tuple[str, ...] = field(default=())

    @property
    def sha256(self) -> str:
        """Of what is asked, however the file writes it."""
        asked = [self.system_prompt, [asdict(prompt) for prompt in self.prompts]]
        return hashlib.sha256(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    def limited(self, max_tokens: int | None) -> Scenario:
        """With another limit for every answer."""
        if max_tokens is None:
            return self
        return replace(self, prompts=tuple(replace(prompt, max_tokens=max_tokens) for prompt in self.prompts))


def names() -> list[str]:
    """The scenarios that come with the repository."""
    return sorted(file.stem for file in FOLDER.glob("*.jsonl"))


def load(name: str) -> Scenario:
    """One of ours by its name, or a file."""
    file = FOLDER / f"{name}.jsonl" if name in names() else Path(name)
    if not file.is_file():
        raise Problem(f"There is no scenario {name!r}: there are {', '.join(names())}, or name a .jsonl file.")
    return _Reader(file).scenario()


class _Reader:
    """Reads one file line by line; knows where it is."""

    def __init__(self, file: Path, readers: tuple[Path, ...] = ()) -> None:
        self._file = file
        self._files = (*readers, file.resolve())  # those that wait for this one's texts, and itself
        self._line = 0
        self._head: dict[str, Any] | None = None
        self._texts: dict[str, str] = {}
        self._schemas: dict[str, dict[str, Any]] = {}
        self._prompts: dict[str, Prompt] = {}

    def scenario(self) -> Scenario:
        self._read()
        if not self._prompts:
            raise self._wrong("there is no prompt in it")
        assert self._head is not None
        head = self._head
        prompts = tuple(self._prompts.values())
        return Scenario(head["scenario"], head["description"], head.get("system_prompt"), prompts, self._file.name)

    def _wrong(self, reason: str) -> Problem:
        return Problem(f"{self._file}, line {self._line}: {reason}.")

    def _read(self) -> None:
        try:
            text = self._file.read_text(encoding="utf-8-sig")  # some editors begin with a mark
        except UnicodeDecodeError as error:
            raise Problem(f"{self._file}, byte {error.start}: not UTF-8.") from None
        for line in text.split("\n"):
            self._line += 1
            if line.strip():
                self._take(line)
        if self._head is None:
            raise self._wrong("the file is empty; the first line is the head, with the key scenario")

    def _take(self, text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError as error:
            raise self._wrong(f"not JSON: {error}") from None
        if not isinstance(line, dict):
            raise self._wrong("not a JSON object")
        kind = next((kind for kind in KINDS if kind in line), None)
        if kind is None:
            raise self._wrong(f"it has none of the keys {', '.join(KINDS)}")
        self._check(line, KINDS[kind], OPTIONAL - ({"max_tokens"} if kind == "scenario" else set()))
        if (self._head is None) != (kind == "scenario"):
            raise self._wrong("the head, with the key scenario, is the first line and the only one of its kind")
        {"scenario": self._take_head, "text": self._take_text, "schema": self._take_schema}.get(
            kind, self._take_prompt
        )(line)

    def _check(self, line: dict[str, Any], keys: Mapping[str, type], optional: set[str]) -> None:
        for key, value in line.items():
            if key not in keys:
                raise self._wrong(f"unknown key {key!r}; known are {', '.join(keys)}")
            fits = isinstance(value, keys[key]) and not isinstance(value, bool)
            if not fits or value in ("", []) or (isinstance(value, int) and value < 1):
                raise self._wrong(f"{key} is {json.dumps(value, ensure_ascii=False)[:60]}, not a {_KIND[keys[key]]}")
        if missing := [key for key in keys if key not in line and key not in optional]:
            raise self._wrong(f"the key {missing[0]} is missing")

    def _take_head(self, line: dict[str, Any]) -> None:
        self._head = line
        if other := line.get("texts_from"):
            file = self._file.parent / other
            if not file.is_file():
                raise self._wrong(f"texts_from names {other}, which is not beside it")
            if file.resolve() in self._files:
                raise self._wrong(f"texts_from names {other}, which takes its texts from here")
            reader = _Reader(file, self._files)
            reader._read()
            self._texts |= reader._texts

    def _take_text(self, line: dict[str, Any]) -> None:
        if not _Quoting.is_id(line["text"]):
            raise self._wrong(f"text {line['text']!r} is no name: letters, digits and _ only")
        self._new(self._texts, line["text"], line["content"])

    def _take_schema(self, line: dict[str, Any]) -> None:
        self._new(self._schemas, line["schema"], line["content"])

    def _take_prompt(self, line: dict[str, Any]) -> None:
        assert self._head is not None
        turns = [self._quoted(turn) for turn in line["turns"]]
        max_tokens = line.get("max_tokens", self._head["max_tokens"])
        wanted = self._format(line["response_format"]) if "response_format" in line else None
        self._new(self._prompts, line["prompt"], Prompt(line["prompt"], tuple(turns), max_tokens, wanted))

    def _quoted(self, turn: object) -> str:
        if not isinstance(turn, str) or not turn.strip():
            raise self._wrong("a turn is not a text")
        try:
            return _Quoting(turn).substitute(self._texts)
        except KeyError as error:
            raise self._wrong(f"there is no text {error.args[0]!r} before it; a dollar sign itself is $$") from None
        except ValueError:
            raise self._wrong("a lone dollar sign; write $$ for one") from None

    def _format(self, name: str) -> dict[str, Any]:
        if name == "json_object":
            return {"type": "json_object"}
        if name not in self._schemas:
            raise self._wrong(f"response_format {name!r} is neither json_object nor a schema before it")
        return {"type": "json_schema", "json_schema": {"name": name, "schema": self._schemas[name], "strict": True}}

    def _new(self, known: dict[str, Any], key: str, value: object) -> None:
        if key in known:
            raise self._wrong(f"{key!r} is there twice")
        known[key] = value


_KIND = {str: "text that says something", int: "number above 0", list: "list with something in it", dict: "JSON object"}


class _Quoting(string.Template):
    idpattern = "[a-z0-9_]+"
    flags = re.NOFLAG  # names are as written

    @classmethod
    def is_id(cls, name: str) -> bool:
        return bool(name) and set(name) <= set(string.ascii_lowercase + string.digits + "_")
