"""Conversations that the bundled model is trained on and measured with: right, and apart from each other."""

from __future__ import annotations

import json
import re
from random import Random

import jsonschema

from backend.demo_model.chat_format import Message
from backend.demo_model.generators import Generator
from backend.demo_model.held_out import cases
from backend.demo_model.reading import LANGUAGES
from backend.demo_model.split import value_split, wording_key
from backend.demo_model.texts import sentences
from backend.demo_model.turns import Reply, Style, Turn, one_reply, write, write_json

ENUM_VALUES = {
    *("positive", "negative", "neutral", "low", "medium", "high"),
    *("billing", "delivery", "product", "account", "sunny", "cloudy", "rainy", "snowy"),
}


def test_the_same_seed_gives_the_same_conversations(train: Generator) -> None:
    def drawn(seed: int) -> list[list[Message]]:
        rng = Random(seed)
        return [train.conversation(rng) for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_no_test_question_is_ever_trained_on(train: Generator, test: Generator) -> None:
    """What the model is measured with never comes up in training, but for words too short to be otherwise."""

    def key(text: str) -> str:  # "15 * 0" is not "1 + 50"
        return wording_key(re.sub(r"(?<=\d)\s*([-+−×*/÷])\s*(?=\d)", lambda sign: str(ord(sign[1])), text))

    asked = {key(case.asks[-1]) for case in cases(test, 20, 0) if case.group not in ("recall", "follow-up")}
    rng = Random(3)
    trained = {
        key(message.content) for _ in range(20_000) for message in train.conversation(rng) if message.role == "user"
    }
    assert len(asked) > 1000
    assert asked & trained == set()


def test_no_test_system_prompt_is_ever_trained_on(train: Generator, test: Generator) -> None:
    kept = {
        wording_key(case.system_prompt)
        for case in cases(test, 20, 0)
        if case.group == "system prompt" and case.system_prompt
    }
    rng = Random(4)
    drawn = (train.conversation(rng)[0] for _ in range(20_000))
    assert kept & {wording_key(message.content) for message in drawn if message.role == "system"} == set()


def test_held_out_values_are_never_trained_on(train: Generator, test: Generator) -> None:
    rng = Random(4)
    for kind in ("name", "city", "date", "price", "company"):
        for language in LANGUAGES:
            assert all(value_split(train.values.text(kind, language, rng)) == "train" for _ in range(300))
            assert all(value_split(test.values.text(kind, language, rng)) == "test" for _ in range(30))


def test_sums_are_right_and_their_pairs_held_out(train: Generator, test: Generator) -> None:
    rng = Random(5)
    seen: dict[str, set[tuple[str, ...]]] = {}
    for name, generator in (("train", train), ("test", test)):
        pairs: set[tuple[str, ...]] = set()
        for _ in range(2000):
            reply = generator.arithmetic.of(rng.choice(("add", "subtract")), "en", rng).replies["en"][0]
            expression = reply.json["expression"]
            assert reply.json["result"] == eval(expression)
            assert reply.text == f"{expression} = {reply.json['result']}."
            pairs.add(tuple(sorted(re.split(r" [+-] ", expression))))
        seen[name] = pairs
    assert seen["train"] & seen["test"] == set()


def test_the_steps_of_a_product_add_up(train: Generator) -> None:
    rng = Random(6)
    for operation in ("multiply", "divide", "convert"):
        for _ in range(500):
            steps = train.arithmetic.of(operation, "zh", rng).replies["zh"][0].text
            parts = re.findall(r"[\d ×÷+]*\d(?= =)|(?<== )[\d ×÷+]*\d", steps)
            assert len(parts) >= 2
            values = {eval(part.replace("×", "*").replace("÷", "/")) for part in parts}
            assert len(values) == 1, steps


def test_answers_under_a_schema_are_valid(train: Generator) -> None:
    rng = Random(7)
    for number in range(400):
        style, turns = train.extraction.with_schema("en" if number % 2 else "zh", rng, stated=bool(number % 3))
        assert style.schema is not None
        for turn in turns:
            jsonschema.validate(turn.replies["en"][0].json, style.schema)
        assert (json.dumps(style.schema, ensure_ascii=False)[:20] in (style.system_prompt or "")) <= style.json


def test_what_is_extracted_stands_in_the_text(train: Generator) -> None:
    rng = Random(8)
    for _ in range(200):
        document = train.extraction.document("en", rng)
        for value in document.facts.values():
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value not in ENUM_VALUES:
                assert str(value).lower() in document.text.lower()


def test_json_begins_unasked_only_where_it_is_masked(train: Generator) -> None:
    rng = Random(5)
    turns = [train.questions.intent(train.questions.intents["what_is_vllm"], "en", rng)] * 200
    messages = train.messages(turns, Style(system_prompt=None), rng)
    for asked, answered in zip(messages[::2], messages[1::2], strict=True):
        if answered.content.startswith("{"):
            assert answered.forced_json or "json" in asked.content.lower()
            json.loads(answered.content)


def test_forms_of_an_answer(train: Generator) -> None:
    reply = Reply("vLLM 0.32 serves models. It is fast! 它很快。真的。", {"a": [1, "二"], "b": "c"})
    turn = Turn("?", "en", one_reply({"en": reply.text, "zh": reply.text}, {"en": reply.json, "zh": reply.json}))
    assert sentences(reply.text) == ["vLLM 0.32 serves models.", "It is fast! 它很快。", "真的。"]
    assert write(reply, turn, Style(None, form="concise")) == "vLLM 0.32 serves models."
    assert write(reply, turn, Style(None, form="list")).splitlines()[1] == "- It is fast! 它很快。"
    assert write(reply, turn, Style(None, form="table")).splitlines() == [
        "| Item | Value |",
        "|---|---|",
        '| a | [1, "二"] |',
        "| b | c |",
    ]
    pirate = next(persona for persona in train.phrases.personas if persona.id == "pirate")
    assert write(reply, turn, Style(None, persona=pirate)).startswith(pirate.open["en"] + "vLLM")
    assert '{"a":[1, "二"], "b":"c"}' in {write_json(reply, True, Random(seed)) for seed in range(50)}
