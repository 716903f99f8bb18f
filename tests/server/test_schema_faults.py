"""Faults 33 to 48: a user's JSON Schema that is broken, hostile or of no use, and what the real server says of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chat.schema_check import Problem, check_schema
from chat.schema_match import compare

MODEL = "pagoda-demo"
STRING = {"type": "string"}


@pytest.fixture(scope="module")
def server(vllm_url: str) -> Iterator[httpx.Client]:
    """The real server; whatever a test sends to it, it must answer the next plain question."""
    with httpx.Client(base_url=vllm_url, timeout=60) as client:
        yield client
        reply = client.post("/chat/completions", json=request("Hello!"))
        assert reply.status_code == 200
        assert reply.json()["choices"][0]["message"]["content"]


def request(prompt: str, schema: dict[str, Any] | None = None, max_tokens: int = 40) -> dict[str, Any]:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": max_tokens}
    if schema is None:
        return asked
    json_schema = {"name": "test", "schema": schema, "strict": True}
    return asked | {"response_format": {"type": "json_schema", "json_schema": json_schema}, "seed": 0}


def ask(server: httpx.Client, schema: dict[str, Any], max_tokens: int = 40) -> httpx.Response:
    return server.post("/chat/completions", json=request("Describe a book", schema, max_tokens))


def answer(reply: httpx.Response) -> str:
    assert reply.status_code == 200, reply.text
    content: str = reply.json()["choices"][0]["message"]["content"]
    return content


def of(value: object, **more: Any) -> dict[str, Any]:
    """A schema of an object with one property, `v`."""
    return {"type": "object", "properties": {"v": value}, "required": ["v"], "additionalProperties": False, **more}


def refused(text: str) -> Problem:
    """The first problem of a text that must not pass."""
    schema, problems = check_schema(text)
    assert schema is None
    assert problems[0].severity == "error"
    return problems[0]


def refused_at(schema: object, line: int) -> str:
    """The key of the first problem of a schema, which must stand at a line of its indented text."""
    problem = refused(json.dumps(schema, indent=1))
    assert problem.line == line, problem
    return problem.key
