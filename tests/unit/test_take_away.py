"""Answers as files, and requests as commands and programs."""

from __future__ import annotations

import ast
import csv
import io
import json
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.take_away import as_csv, as_curl, as_json, as_json_lines, as_python, table_of

AWKWARD = 'It\'s \\ "quoted"\nEND\n$HOME `id` $(id) !! %s {x} \x00\t😀 中文\u2028\ud800'
REQUEST: dict[str, Any] = {
    "model": "pagoda",
    "messages": [{"role": "system", "content": AWKWARD}, {"role": "user", "content": "word " * 60}],
    "temperature": 0.7,
    "top_p": 1.0,
    "max_tokens": 100,
    "seed": 5,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "any", "schema": {"type": "object", "additionalProperties": False}, "strict": True},
    },
}
SENT = json.loads(json.dumps(REQUEST).replace("\\ud800", "\\ufffd"))


def cells(value: object) -> list[list[str]]:
    taken = as_csv(value)
    assert taken is not None
    assert taken.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(taken.text[1:], newline=""), strict=True))


def test_json_is_indented_and_readable() -> None:
    taken = as_json({"书": [1, None]})
    assert (taken.name, taken.mime) == ("answer.json", "application/json")
    assert taken.text == '{\n  "书": [\n    1,\n    null\n  ]\n}'


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([{"a": 1}], [{"a": 1}]),
        ({"books": [{"a": 1}], "count": 1, "tags": ["x"], "more": []}, [{"a": 1}]),
        ({"a": [{"a": 1}], "b": [{"b": 1}]}, None),
        ({"a": {"b": [{"c": 1}]}}, None),
        ({"a": [{"a": 1}, 2]}, None),
        ({"a": []}, None),
        ({}, None),
        ([], None),
        (["a"], None),
        ("text", None),
        (None, None),
    ],
)
def test_where_there_is_a_table(value: object, rows: list[dict[str, Any]] | None) -> None:
    assert table_of(value) == rows
    assert (as_csv(value) is None) == (rows is None)


def test_columns_are_all_keys_in_the_order_of_appearance() -> None:
    value = [{"b": 1, "a": "x"}, {"c": True, "b": None}, {"a": {"k": ["中"]}, "b": 1.5}]
    assert cells(value) == [["b", "a", "c"], ["1", "x", ""], ["", "", "true"], ["1.5", '{"k": ["中"]}', ""]]


def test_csv_is_written_as_spreadsheet_programs_read_it() -> None:
    taken = as_csv([{"名": 'a "b", c', "n": "two\nlines"}])
    assert taken is not None
    assert (taken.name, taken.mime) == ("answer.csv", "text/csv")
    assert taken.text == '\ufeff名,n\r\n"a ""b"", c","two\nlines"\r\n'


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_never_becomes_a_formula(begin: str) -> None:
    text = f"{begin}1+cmd|' /C calc'!A0"
    assert cells([{text: text, "n": -1}]) == [["'" + text, "n"], ["'" + text, "-1"]]


@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=9), min_size=1, max_size=3), min_size=1, max_size=3)
)
def test_every_text_survives_csv(rows: list[dict[str, str]]) -> None:
    columns, *lines = cells(rows)
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        read = {key: cell for key, cell in zip(columns, line, strict=True) if cell}
        formulas = tuple("=+-@\t\r")
        written = {key: f"'{text}" if text.startswith(formulas) else text for key, text in row.items() if text}
        assert read == {f"'{key}" if key.startswith(formulas) else key: text for key, text in written.items()}


def test_a_line_for_each_answer_that_parses() -> None:
    taken = as_json_lines(
        [("1\n中", '{"a":\n 1}'), ("2", '{"a": '), ("\ud800", '{"a": NaN}'), ("\ud800", '["\\ud800"]')]
    )
    assert taken is not None
    assert (taken.name, taken.mime) == ("conversation.jsonl", "application/jsonl")
    assert taken.text == '{"question": "1\\n中", "answer": {"a": 1}}\n{"question": "\ufffd", "answer": ["\ufffd"]}\n'
    assert as_json_lines([("1", "no JSON")]) is None
    assert as_json_lines([]) is None


def sent_by_bash(command: str) -> tuple[list[str], str]:
    """What a command would call curl with, and what it would send it on standard input."""
    script = "curl() { printf '%s\\0' \"$@\"; printf '\\0'; cat; }\n" + command
    done = subprocess.run(["bash", "-euc", script], capture_output=True, check=True, env={"VLLM_API_KEY": "secret"})
    arguments, body = done.stdout.decode().split("\0\0", 1)
    return arguments.split("\0"), body


@pytest.mark.parametrize("needs_key", [False, True])
def test_the_command_sends_exactly_the_request(needs_key: bool) -> None:
    taken = as_curl(REQUEST, "http://127.0.0.1:8000/v1/", needs_key)
    arguments, body = sent_by_bash(taken.text)
    assert json.loads(body) == SENT
    assert "http://127.0.0.1:8000/v1/chat/completions" in arguments
    assert ("Authorization: Bearer secret" in arguments) == needs_key
    assert ("VLLM_API_KEY" in taken.text) == needs_key


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_no_text_escapes_from_the_command(text: str) -> None:
    request = {**REQUEST, "messages": [{"role": "user", "content": text}]}
    url = f"http://x/{text}".replace("\0", "").rstrip("/")
    arguments, body = sent_by_bash(as_curl(request, url, False).text)
    assert json.loads(body) == request
    assert f"{url}/chat/completions" in arguments


def call(program: str) -> ast.Call:
    found = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
    return next(node for node in found if ast.unparse(node.func).endswith("completions.create"))


@pytest.mark.parametrize("needs_key", [False, True])
def test_the_program_sends_exactly_the_request(needs_key: bool) -> None:
    program = as_python(REQUEST, "http://127.0.0.1:8000/v1", needs_key).text
    assert {keyword.arg: ast.literal_eval(keyword.value) for keyword in call(program).keywords} == REQUEST
    program.encode()
    assert ("VLLM_API_KEY" in program) == ("import os" in program) == needs_key


@given(st.text())
def test_no_text_escapes_from_the_program(text: str) -> None:
    request = {"model": text, "messages": [{"role": "user", "content": text}]}
    program = as_python(request, "http://x/v1", False).text
    assert {keyword.arg: ast.literal_eval(keyword.value) for keyword in call(program).keywords} == request
