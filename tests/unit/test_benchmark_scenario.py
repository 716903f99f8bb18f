"""Scenarios load strictly, and those that ship are what their heads say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.benchmark import scenario
from backend.benchmark.problems import Problem

HEAD = '{"scenario": "s", "description": "d", "max_tokens": 8}'


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        (["nonsense"], 1, "not JSON"),
        (["[]"], 1, "not a JSON object"),
        (['{"prompt": "a", "turns": ["x"]}'], 1, "the head, with the key scenario, is the first line"),
        ([HEAD, HEAD], 2, "the head, with the key scenario, is the first line"),
        ([HEAD, '{"what": 1}'], 2, "it has none of the keys scenario, text, schema, prompt"),
        (['{"scenario": "s", "description": "d"}'], 1, "the key max_tokens is missing"),
        (['{"scenario": "s", "description": "d", "max_tokens": "8"}'], 1, 'max_tokens is "8", not a number above 0'),
        (['{"scenario": "s", "description": "d", "max_tokens": true}'], 1, "max_tokens is true"),
        (['{"scenario": "s", "description": "d", "max_tokens": -8}'], 1, "max_tokens is -8"),
        ([HEAD, '{"prompt": "a", "turns": []}'], 2, "turns is [], not a list with something in it"),
        ([HEAD, '{"prompt": "a", "turns": [1]}'], 2, "a turn is not a text"),
        ([HEAD, '{"prompt": "a", "turns": ["x"], "temperature": 1}'], 2, "unknown key 'temperature'"),
        ([HEAD, "", '{"prompt": "a", "turns": ["$missing"]}'], 3, "there is no text 'missing' before it"),
        (
            [HEAD, '{"prompt": "a", "turns": ["for $5"]}'],
            2,
            "there is no text '5' before it; a dollar sign itself is $$",
        ),
        ([HEAD, '{"prompt": "a", "turns": ["costs 5 $ "]}'], 2, "a lone dollar sign"),
        ([HEAD, '{"prompt": "a", "turns": ["x"]}', '{"prompt": "a", "turns": ["y"]}'], 3, "'a' is there twice"),
        ([HEAD, '{"text": "A b", "content": "x"}'], 2, "text 'A b' is no name"),
        ([HEAD, '{"prompt": "a", "turns": ["x"], "response_format": "json"}'], 2, "response_format 'json' is neither"),
        ([HEAD[:-1] + ', "texts_from": "other.jsonl"}'], 1, "texts_from names other.jsonl"),
        ([HEAD[:-1] + ', "texts_from": "s.jsonl"}'], 1, "texts_from names s.jsonl, which takes its texts from here"),
        ([HEAD, '{"prompt": "a", "turns": ["x"], "max_tokens": 1}', "{}"], 3, "it has none of the keys"),
        ([HEAD], 1, "there is no prompt in it"),
        ([""], 1, "the file is empty"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_reason(
    tmp_path: Path, lines: list[str], line: int, reason: str
) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(Problem) as caught:
        scenario.load(str(file))
    assert str(caught.value).startswith(f"{file}, line {line}: {reason}")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(Problem, match=r"no scenario 'articel': there are article, chat, json, long-context, shared"):
        scenario.load("articel")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_bytes(HEAD.encode() + b"\n\xff")
    with pytest.raises(Problem, match=f"byte {len(HEAD) + 1}: not UTF-8"):
        scenario.load(str(file))


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text(f'{HEAD}\n{{"prompt": "a", "turns": ["x"]}}\n', encoding="utf-8-sig")
    assert scenario.load(str(file)).name == "s"


def test_the_article_is_100_chinese_questions_that_begin_unlike_each_other() -> None:
    article = scenario.load("article")
    turns = [prompt.turns[0] for prompt in article.prompts]
    assert len(turns) == 100
    assert {prompt.max_tokens for prompt in article.prompts} == {512}
    assert len({turn[:14] for turn in turns}) == 100  # a block of 16 tokens is more than 14 of these characters
    for turn in turns:
        assert 640 < len(turn) < 800
        assert sum("\u4e00" <= character <= "\u9fff" for character in turn) > 0.8 * len(turn)


def test_the_other_scenarios() -> None:
    assert all(len(prompt.turns) == 4 for prompt in scenario.load("chat").prompts)
    json_formats = [
        prompt.response_format and prompt.response_format["type"] for prompt in scenario.load("json").prompts
    ]
    assert sorted(set(map(str, json_formats))) == ["None", "json_object", "json_schema"]
    assert len(json_formats) == 60
    shared = scenario.load("shared-prefix")
    assert len(shared.system_prompt or "") > 10 * max(len(prompt.turns[0]) for prompt in shared.prompts)
    lengths = [len(prompt.turns[0]) for prompt in scenario.load("long-context").prompts]
    assert lengths == sorted(lengths, key=lambda length: length // 500)
    assert lengths[-1] > 30 * lengths[0]


def test_the_hash_is_of_what_is_asked(tmp_path: Path) -> None:
    prompts = ['{"prompt": "a", "turns": ["x"]}', '{"turns":  ["x"], "prompt": "a"}', '{"prompt": "a", "turns": ["y"]}']
    hashes = []
    for number, prompt in enumerate(prompts):
        file = tmp_path / f"{number}.jsonl"
        file.write_text(f"{HEAD}\n{prompt}\n")
        hashes.append(scenario.load(str(file)).sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_every_line_of_ours_is_one_json_object() -> None:
    for name in scenario.names():
        for line in (scenario.FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            assert isinstance(json.loads(line), dict)
