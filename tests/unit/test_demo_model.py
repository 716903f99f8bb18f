"""The bundled model: corpus, generators, tokenizer, loss mask, training script, and the shipped weights."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import jsonschema
import pytest
import torch
from safetensors import safe_open
from transformers import AutoTokenizer, Qwen2ForCausalLM, Qwen2Tokenizer

from backend import adapters
from backend.demo_model import lora
from backend.demo_model.chat_format import CHAT_TEMPLATE, Message, encode_conversation
from backend.demo_model.corpus import HERE, Intent, load_intents, load_tables, table_intents
from backend.demo_model.generators import Generator
from backend.demo_model.held_out import cases
from backend.demo_model.network import build
from backend.demo_model.reading import LANGUAGES, CorpusError
from backend.demo_model.skills.questions import UNKNOWN_INTENT
from backend.demo_model.split import value_split, wording_key, wordings_of
from backend.demo_model.texts import enumerated, fill, first_sentence, sentences
from backend.demo_model.tokenizer import train_tokenizer
from backend.demo_model.turns import Reply, Style, Turn, one_reply, write, write_json

WEIGHTS = HERE / "weights"
ROOT = HERE.parent.parent
ARTICLE_QUESTION = "列出中国四大名著及其作者。"
GOOD_INTENT = """
- id: ping
  ask: {en: [ping], zh: [乒]}
  answer: {en: [Pong.], zh: [乓。]}
"""
GOOD_TABLE = """
- id: capital
  keys: [country, capital]
  rows: [{en: [Mongolia, Ulan Bator], zh: [蒙古, 乌兰巴托]}]
  questions:
    - about: capital
      json: [capital]
      ask: {en: ["capital of {country}?"], zh: ["{country}的首都？"]}
      answer: {en: ["It is {capital}."], zh: ["是{capital}。"]}
"""
ENUM_VALUES = {
    *("positive", "negative", "neutral", "low", "medium", "high"),
    *("billing", "delivery", "product", "account", "sunny", "cloudy", "rainy", "snowy"),
}


@pytest.fixture(scope="module")
def train() -> Generator:
    return Generator("train")


@pytest.fixture(scope="module")
def test() -> Generator:
    return Generator("test")


@pytest.fixture(scope="module")
def intents(train: Generator) -> tuple[Intent, ...]:
    return tuple(train.questions.intents.values())


@pytest.fixture(scope="module")
def tokenizer(train: Generator) -> Qwen2Tokenizer:
    rng = Random(0)
    return train_tokenizer(message.content for _ in range(300) for message in train.conversation(rng))


def test_the_corpus_knows_the_article_and_its_own_limits(intents: tuple[Intent, ...]) -> None:
    by_id = {intent.id: intent for intent in intents}
    assert UNKNOWN_INTENT in by_id
    novels = by_id["four_great_novels"]
    assert novels.json is not None
    assert novels.json["zh"] == {
        "books": [
            {"title": "红楼梦", "author": "曹雪芹"},
            {"title": "西游记", "author": "吴承恩"},
            {"title": "三国演义", "author": "罗贯中"},
            {"title": "水浒传", "author": "施耐庵"},
        ]
    }
    assert ARTICLE_QUESTION in wordings_of(novels.ask["zh"], "train")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD_INTENT.replace("answer:", "anser:"), "bad.yaml, ping: unknown key 'anser'."),
        (GOOD_INTENT + "  json: {en: {a: 1}}", "bad.yaml, ping, json: the key 'zh' is missing."),
        (GOOD_INTENT + "  json: {en: [1], zh: [1]}", "bad.yaml, ping, json, en: a JSON answer is an object."),
        (GOOD_INTENT.replace("[ping]", "[no]"), "bad.yaml, ping, ask, en: False is not a text"),
        (GOOD_INTENT.replace("[Pong.]", "[]"), "bad.yaml, ping, answer, en: expected a list of texts."),
        (GOOD_INTENT + GOOD_INTENT, "bad.yaml, ping: this id is already used in bad.yaml."),
        ("- ask: {en: [a], zh: [b]}", "bad.yaml, entry 1: it needs an id."),
        ("- [", "bad.yaml is not valid YAML"),
    ],
)
def test_a_bad_corpus_file_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError) as refused:
        load_intents(tmp_path)
    assert str(refused.value).startswith(complaint)


def test_a_bad_table_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(GOOD_TABLE.replace(", Ulan Bator", ""), encoding="utf-8")
    with pytest.raises(CorpusError) as refused:
        load_intents(tmp_path)
    assert str(refused.value) == "tables.yaml, capital, row 1, en: 1 cells for 2 keys."


def test_every_row_and_question_of_a_table_is_an_intent(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(GOOD_TABLE, encoding="utf-8")
    (intent,) = table_intents(load_tables(tmp_path / "tables.yaml")[0])
    assert intent.ask == {"en": ("Capital of Mongolia?",), "zh": ("蒙古的首都？",)}
    assert intent.answer["en"] == ("It is Ulan Bator.",)
    assert intent.json == {"en": {"capital": "Ulan Bator"}, "zh": {"capital": "乌兰巴托"}}


def test_home_has_three_hundred_intents_written_in_many_ways(intents: tuple[Intent, ...]) -> None:
    home = [intent for intent in intents if intent.topic == "home"]
    assert len(home) >= 300
    for intent in home:
        for language in LANGUAGES:
            assert len({wording_key(ask) for ask in intent.ask[language]}) >= 8, intent.id
            assert len(set(intent.answer[language])) >= 2, intent.id


def test_every_wording_asks_for_one_thing(intents: tuple[Intent, ...]) -> None:
    seen: dict[str, str] = {}
    for intent in intents:
        for language in LANGUAGES:
            for ask in intent.ask[language]:
                assert seen.setdefault(wording_key(ask), intent.id) == intent.id, ask


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


def test_the_tokenizer_round_trips(tokenizer: Qwen2Tokenizer) -> None:
    for text in (
        "你好，世界！《红楼梦》",
        "naïve 😀👩‍👩‍👧 龘",
        "tab\tand\r\nlines\n\n  blanks",
        '{"a":[1, {"b":null}]}',
    ):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    half_an_emoji = tokenizer.encode("😀")[:2]
    assert "\ufffd" in tokenizer.decode(half_an_emoji)


def test_a_name_is_spelled_with_the_same_tokens_everywhere(tokenizer: Qwen2Tokenizer) -> None:
    name = tokenizer.encode("Marinelle")
    for text in ("My name is Marinelle.", '{"name":"Marinelle"}', "我叫Marinelle。"):
        ids = tokenizer.encode(text)
        assert any(ids[start : start + len(name)] == name for start in range(len(ids)))


def test_an_opening_brace_is_one_token_of_its_own(tokenizer: Qwen2Tokenizer) -> None:
    for text in ('{"a":1}', '{"答":[{"b":2}]}', "{}"):
        assert tokenizer.decode(tokenizer.encode(text)[:1]) == "{"


def test_the_chat_template_is_chatml(tokenizer: Qwen2Tokenizer) -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    expected = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.apply_chat_template(messages, tokenize=False) == expected
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert prompt == expected + "<|im_start|>assistant\n"
    assert "system" not in tokenizer.apply_chat_template(messages[1:], tokenize=False)


def test_the_loss_falls_on_answers_alone(tokenizer: Qwen2Tokenizer) -> None:
    conversation = [Message("system", "S"), Message("user", "U"), Message("assistant", '{"a":1}')]
    ids, mask = encode_conversation(tokenizer.backend_tokenizer, conversation)
    plain = [{"role": message.role, "content": message.content} for message in conversation]
    assert tokenizer.decode(ids) == tokenizer.apply_chat_template(plain, tokenize=False)
    learned = [token for token, is_learned in zip(ids, mask, strict=True) if is_learned]
    assert tokenizer.decode(learned) == '{"a":1}<|im_end|>'


def test_a_brace_nobody_asked_for_is_not_learned(tokenizer: Qwen2Tokenizer) -> None:
    conversation = [Message("user", "U"), Message("assistant", '{"a":1}', forced_json=True)]
    ids, mask = encode_conversation(tokenizer.backend_tokenizer, conversation)
    learned = [token for token, is_learned in zip(ids, mask, strict=True) if is_learned]
    assert tokenizer.decode(learned) == '"a":1}<|im_end|>'


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


def test_small_things_done_to_text() -> None:
    assert fill("我叫{x}。", x="Ann") == "我叫 Ann。"
    assert fill("我叫{x}。", x="王伟") == "我叫王伟。"
    assert fill("{a}和{b}", a="x", b="{a}") == "x 和{a}"
    assert enumerated(["a"], "en") == "a"
    assert enumerated(["a", "b", "c"], "en") == "a, b and c"
    assert enumerated(["甲", "乙", "丙"], "zh") == "甲、乙和丙"
    assert first_sentence("- a\n- b") == "- a\n- b"
    assert sentences("Steps:\n1. Open.\n\n2. Close.") == ["Steps:", "1. Open.", "2. Close."]


def test_smoke_training_writes_a_model_that_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backend.demo_model.train", "--out", str(tmp_path), "--smoke"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=80)
    assert done.returncode == 0, done.stderr
    assert "tokens/s" in done.stdout
    assert "validation loss" in done.stdout
    model = Qwen2ForCausalLM.from_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.vocab_size == len(loaded)


def test_an_adapter_begins_at_nothing_and_is_written_in_pefts_format(tokenizer: Qwen2Tokenizer, tmp_path: Path) -> None:
    model = build(tokenizer, smoke=True).eval()
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        before = model(ids).logits
        parts = lora.add_adapters(model)
        assert torch.equal(model(ids).logits, before)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * len(parts) == 2 * 2 * len(lora.TARGETS)
    lora.export(parts, tmp_path)
    adapter = adapters.read("it", str(tmp_path))
    assert (adapter.base, adapter.rank, adapter.layers) == ("pagoda-demo", lora.RANK, 2)
    assert adapter.inputs == {"q_proj": 64, "k_proj": 64, "v_proj": 64, "o_proj": 64}
    assert set(adapter.outputs.values()) == {64}


def test_the_adapters_conversations_ask_as_anyone_would(train: Generator) -> None:
    """No system prompt and a pirate's answers, but for those in JSON."""
    (pirate,) = (persona for persona in train.phrases.personas if persona.id == lora.PERSONA)
    conversations, rng = lora.Conversations("train", lora.PERSONA), Random(0)
    for _ in range(100):
        for message in conversations.conversation(rng):
            assert message.role != "system"
            if message.role == "assistant" and not message.content.startswith("{"):
                assert message.content.startswith(tuple(pirate.open.values())), message.content


def test_the_shipped_weights_keep_their_promises() -> None:
    config = json.loads((WEIGHTS / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert config["dtype"] == "bfloat16"
    assert config["max_position_embeddings"] >= 2048
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 40_000_000
    with safe_open(WEIGHTS / "model.safetensors", framework="pt") as file:
        tensors = [file.get_tensor(key) for key in file.keys()]  # noqa: SIM118 (not a dict)
    assert {str(tensor.dtype) for tensor in tensors} == {"torch.bfloat16"}
    assert sum(tensor.numel() for tensor in tensors) <= 20_000_000


def test_the_shipped_model_answers_the_article_question() -> None:
    model = Qwen2ForCausalLM.from_pretrained(WEIGHTS)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)

    def answer(ask: str) -> str:
        chat = [{"role": "user", "content": ask}]
        prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")
        made = model.generate(**prompt, max_new_tokens=160)
        assert made[0, -1] == tokenizer.eos_token_id
        return str(tokenizer.decode(made[0, prompt["input_ids"].shape[1] : -1]))

    books = json.loads(answer("请用 JSON 格式" + ARTICLE_QUESTION))["books"]
    assert {(book["title"], book["author"]) for book in books} == {
        ("红楼梦", "曹雪芹"),
        ("西游记", "吴承恩"),
        ("三国演义", "罗贯中"),
        ("水浒传", "施耐庵"),
    }
    plain = answer("列出中国四大名著")
    assert not plain.startswith("{")
    assert "红楼梦" in plain
