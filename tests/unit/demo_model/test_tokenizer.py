"""The tokenizer of the bundled model, its chat template, and on what the loss falls."""

from __future__ import annotations

from transformers import Qwen2Tokenizer

from backend.demo_model.chat_format import CHAT_TEMPLATE, Message, encode_conversation


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
