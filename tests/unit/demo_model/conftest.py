"""What all tests of the bundled model take: its generators and a tokenizer."""

from __future__ import annotations

from random import Random

import pytest
from transformers import Qwen2Tokenizer

from backend.demo_model.corpus import Intent
from backend.demo_model.generators import Generator
from backend.demo_model.tokenizer import train_tokenizer


@pytest.fixture(scope="package")
def train() -> Generator:
    return Generator("train")


@pytest.fixture(scope="package")
def test() -> Generator:
    return Generator("test")


@pytest.fixture(scope="package")
def intents(train: Generator) -> tuple[Intent, ...]:
    return tuple(train.questions.intents.values())


@pytest.fixture(scope="package")
def tokenizer(train: Generator) -> Qwen2Tokenizer:
    rng = Random(0)
    return train_tokenizer(message.content for _ in range(300) for message in train.conversation(rng))
