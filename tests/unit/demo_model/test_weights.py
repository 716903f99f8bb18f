"""The bundled model's training script, adapters, and the shipped weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import torch
from safetensors import safe_open
from transformers import AutoTokenizer, Qwen2ForCausalLM, Qwen2Tokenizer

from backend import adapters
from backend.demo_model import lora
from backend.demo_model.corpus import HERE
from backend.demo_model.generators import Generator
from backend.demo_model.network import build

WEIGHTS = HERE / "weights"
ROOT = HERE.parent.parent
ARTICLE_QUESTION = "列出中国四大名著及其作者。"


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
