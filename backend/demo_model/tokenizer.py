"""A byte-level BPE tokenizer, trained on this model's own text and read back as `Qwen2Tokenizer`.

transformers and vLLM give every Qwen2 model the Qwen2 way of cutting text into pieces, so that is what the merges have
to work with. They are learned on finer pieces, across which nothing merges: words without the blank before them, so
that a value is spelled with the same tokens after a blank, a quotation mark or a Chinese character and can be copied
from one to the other, and any other single character. An opening brace is therefore always the one token `{`, which is
what the server's JSON grammar asks for first. The common Chinese characters get a token each, seen in training or
not; a rare one is two or three byte tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

from backend.demo_model.chat_format import CHAT_TEMPLATE, END_OF_TEXT, IM_END, IM_START, SPECIAL_TOKENS

PIECES = r"\":|\",| [\"\[{]|[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]*|[\s\S]"
VOCABULARY_SIZE = 8192
MODEL_MAX_LENGTH = 2048
_CHARACTER_WEIGHT = 20  # times each common Chinese character is shown, so that it is merged before rare words


def common_chinese_characters() -> list[str]:
    """The 3,755 characters of GB 2312's first level, ordered as the standard orders them."""
    characters: list[str] = []
    for row in range(0xB0, 0xD8):
        for cell in range(0xA1, 0xFF):
            try:
                characters.append(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return characters


def train_tokenizer(texts: Iterable[str], vocabulary_size: int = VOCABULARY_SIZE) -> Qwen2Tokenizer:
    """Train on the texts, which count as often as they come, and on every common Chinese character."""
    cut_as_qwen2 = Qwen2Tokenizer().backend_tokenizer.pre_tokenizer
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), behavior="isolated"), cut_as_qwen2]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )

    def everything() -> Iterator[str]:
        for _ in range(_CHARACTER_WEIGHT):
            yield from common_chinese_characters()
        yield from texts

    tokenizer.train_from_iterator(everything(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        unk_token=None,
        eos_token=IM_END,
        pad_token=END_OF_TEXT,
        extra_special_tokens=[IM_START],
        model_max_length=MODEL_MAX_LENGTH,
        chat_template=CHAT_TEMPLATE,
    )
