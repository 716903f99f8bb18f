"""The bundled model: corpus, generators, tokenizer, loss mask, training script, and the shipped weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from safetensors import safe_open
from transformers import AutoTokenizer, Qwen2ForCausalLM, Qwen2Tokenizer

from backend.demo_model.chat_format import CHAT_TEMPLATE, Message, encode_conversation
from backend.demo_model.corpus import HERE, LANGUAGES, CorpusError, Intent, Phrases, load_intents, load_phrases
from backend.demo_model.generators import UNKNOWN_INTENT, Generator, fill
from backend.demo_model.split import value_split, wording_key, wordings_of
from backend.demo_model.styles import Reply, Style, sentences, write, write_json
from backend.demo_model.tokenizer import train_tokenizer

WEIGHTS = HERE / "weights"
ROOT = HERE.parent.parent
ARTICLE_QUESTION = "列出中国四大名著及其作者。"
GOOD_INTENT = """
- id: ping
  ask: {en: [ping], zh: [乒]}
  answer: {en: [Pong.], zh: [乓。]}
"""


@pytest.fixture(scope="module")
def intents() -> tuple[Intent, ...]:
    return load_intents()


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


@pytest.fixture(scope="module")
def tokenizer(intents: tuple[Intent, ...], phrases: Phrases) -> Qwen2Tokenizer:
    generator, rng = Generator(intents, phrases, "train"), Random(0)
    return train_tokenizer(message.content for _ in range(300) for message in generator.conversation(rng))


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


def test_the_same_seed_gives_the_same_conversations(intents: tuple[Intent, ...], phrases: Phrases) -> None:
    def drawn(seed: int) -> list[list[Message]]:
        generator, rng = Generator(intents, phrases, "train"), Random(seed)
        return [generator.conversation(rng) for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_held_out_wordings_are_never_trained_on(intents: tuple[Intent, ...], phrases: Phrases) -> None:
    generator, rng = Generator(intents, phrases, "train"), Random(3)
    held_out = {
        wording_key(ask)
        for intent in intents
        for language in LANGUAGES
        for ask in wordings_of(intent.ask[language], "test")
    }
    for intent in intents:
        for language in LANGUAGES:
            for _ in range(5):
                assert wording_key(generator.intent_turn(intent, language, rng).ask) not in held_out


def test_held_out_names_are_never_trained_on(intents: tuple[Intent, ...], phrases: Phrases) -> None:
    rng = Random(4)
    train, test = Generator(intents, phrases, "train"), Generator(intents, phrases, "test")
    for language in LANGUAGES:
        trained = {train.values.draw("name", language, rng) for _ in range(500)}
        kept = {test.values.real_name(language, rng) for _ in range(100)}
        assert all(value_split(name) == "train" for name in trained)
        assert all(value_split(name) == "test" for name in kept)
        assert len(kept) > 10


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


def test_json_begins_unasked_only_where_it_is_masked(intents: tuple[Intent, ...], phrases: Phrases) -> None:
    generator, rng = Generator(intents, phrases, "train"), Random(5)
    turns = [generator.intent_turn(intents[0], "en", rng)] * 200
    messages = generator.messages(turns, Style(system_prompt=None), rng)
    for asked, answered in zip(messages[::2], messages[1::2], strict=True):
        if answered.content.startswith("{"):
            assert answered.forced_json or "json" in asked.content.lower()
            json.loads(answered.content)


def test_forms_of_an_answer() -> None:
    reply = Reply("vLLM 0.32 serves models. It is fast! 它很快。真的。", {"a": [1, "二"]})
    assert sentences(reply.text) == ["vLLM 0.32 serves models.", "It is fast! 它很快。", "真的。"]
    assert write(reply, "concise") == "vLLM 0.32 serves models."
    assert write(reply, "list").splitlines()[1] == "- It is fast! 它很快。"
    written = {write_json(reply, True, Random(seed)) for seed in range(50)}
    assert '{"a":[1, "二"]}' in written
    assert fill("我叫{x}。", "Ann") == "我叫 Ann。"
    assert fill("我叫{x}。", "王伟") == "我叫王伟。"


def test_smoke_training_writes_a_model_that_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backend.demo_model.train", "--out", str(tmp_path), "--smoke"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=80)
    assert done.returncode == 0, done.stderr
    assert "tokens/s" in done.stdout
    assert "validation loss" in done.stdout
    model = Qwen2ForCausalLM.from_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.vocab_size == len(loaded)


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
