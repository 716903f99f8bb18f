"""Answers in JSON as files to take away, and the request behind one as a command or a program.

A program never holds the API key, only the name of the variable to put it in.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pprint import pformat
from typing import Any

from chat.json_output import parse, without_lone_surrogates

KEY_VARIABLE = "VLLM_API_KEY"
# A spreadsheet program takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads Chinese as something else


@dataclass(frozen=True, slots=True)
class Taken:
    """A file to save, or a text to copy."""

    name: str
    mime: str
    text: str


def as_json(value: object) -> Taken:
    """A value as indented JSON."""
    return Taken("answer.json", "application/json", json.dumps(value, ensure_ascii=False, indent=2))


def table_of(value: object) -> list[dict[str, Any]] | None:
    """The rows of a value: it is a list of objects itself, or an object that holds exactly one such list."""
    if isinstance(value, dict):
        tables = [rows for rows in map(_rows, value.values()) if rows]
        return tables[0] if len(tables) == 1 else None
    return _rows(value)


def as_csv(value: object) -> Taken | None:
    """A value's table (RFC 4180, UTF-8 with byte order mark); None where it has none.

    A column for each key in the order of first appearance; what is no text stands as JSON, null as nothing.
    """
    rows = table_of(value)
    if rows is None:
        return None
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.writer(text)  # ends lines with \r\n
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return Taken("answer.csv", "text/csv", BYTE_ORDER_MARK + text.getvalue())


def as_json_lines(turns: Iterable[tuple[str, str]]) -> Taken | None:
    """A line for each question and answer, of which those are left out that do not parse; None where none does."""
    lines = []
    for question, text in turns:
        answer, fault = parse(text)
        if fault is None:
            line = {"question": without_lone_surrogates(question), "answer": answer}
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return Taken("conversation.jsonl", "application/jsonl", "".join(lines)) if lines else None


def as_curl(request: Mapping[str, Any], base_url: str, needs_key: bool) -> Taken:
    """A request as a command for bash."""
    body = without_lone_surrogates(json.dumps(request, ensure_ascii=False, indent=2))
    lines = [
        f"curl -sS {shlex.quote(_url(base_url) + '/chat/completions')}",
        "-H 'Content-Type: application/json'",
        *([f'-H "Authorization: Bearer ${KEY_VARIABLE}"'] if needs_key else []),
        # Quoted, so that the shell leaves the body alone; no line of JSON can be the one that ends it.
        f"--data-binary @- <<'END'\n{body}\nEND\n",
    ]
    return Taken("request.sh", "text/x-shellscript", " \\\n  ".join(lines))


def as_python(request: Mapping[str, Any], base_url: str, needs_key: bool) -> Taken:
    """A request as a program for OpenAI's Python library; it prints the answer."""
    key = f'os.environ["{KEY_VARIABLE}"]' if needs_key else '"none"'
    arguments = "".join(f"    {name}={_literal(value, len(name))},\n" for name, value in request.items())
    text = (
        ("import os\n\n" if needs_key else "") + "from openai import OpenAI\n\n"
        f"client = OpenAI(base_url={_url(base_url)!r}, api_key={key})\n"
        f"completion = client.chat.completions.create(\n{arguments})\n"
        "print(completion.choices[0].message.content)\n"
    )
    return Taken("request.py", "text/x-python", text)


def _rows(value: object) -> list[dict[str, Any]] | None:
    return value if isinstance(value, list) and value and all(isinstance(row, dict) for row in value) else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return json.dumps(value, ensure_ascii=False)


def _url(base_url: str) -> str:
    return base_url.rstrip("/")


def _literal(value: object, indent: int) -> str:
    """A value as Python, its lines below the first as far to the right as the argument begins."""
    return pformat(value, width=100, sort_dicts=False).replace("\n", "\n" + " " * (indent + 5))
