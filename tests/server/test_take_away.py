"""What is taken away works elsewhere: the command and the program ask the real server and get the JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest

from chat.json_output import judge, response_format
from chat.take_away import as_curl, as_python

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "books": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"title": {"type": "string"}, "author": {"type": "string"}},
                "required": ["title", "author"],
                "additionalProperties": False,
            },
            "maxItems": 3,
        }
    },
    "required": ["books"],
    "additionalProperties": False,
}
QUESTIONS = ["List three books by Jane Austen", "列出鲁迅的书", 'It\'s "three" books\\by\nJane Austen, $HOME `id`!']


def request(url: str, question: str) -> dict[str, Any]:
    return {
        "model": httpx.get(f"{url}/models").json()["data"][0]["id"],
        "messages": [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": question}],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 400,
        "seed": 1,
        "response_format": response_format("books", SCHEMA),
    }


def printed(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "VLLM_API_KEY": "any"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("needs_key", [False, True])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_command_gets_an_answer_that_matches(vllm_url: str, question: str, needs_key: bool) -> None:
    completion = json.loads(printed(["bash", "-c", as_curl(request(vllm_url, question), vllm_url, needs_key).text]))
    choice = completion["choices"][0]
    assert choice["finish_reason"] == "stop"
    output = judge(choice["message"]["content"], "complete", SCHEMA)
    assert output.verdict == "valid", output


@pytest.mark.parametrize("needs_key", [False, True])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_program_gets_an_answer_that_matches(vllm_url: str, question: str, needs_key: bool) -> None:
    answer = printed([sys.executable, "-c", as_python(request(vllm_url, question), vllm_url, needs_key).text])
    output = judge(answer, "complete", SCHEMA)
    assert output.verdict == "valid", output
