"""The network: a small Qwen2, and the folder it is written to (what transformers and vLLM load)."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from backend.demo_model.tokenizer import MODEL_MAX_LENGTH

# Large enough to learn all of the corpus, small enough for 100 tokens/s on one core: see the model card.
LAYERS, HIDDEN, INTERMEDIATE, HEADS, KEY_VALUE_HEADS = 6, 384, 1216, 6, 2


def build(tokenizer: Qwen2Tokenizer, smoke: bool) -> Qwen2ForCausalLM:
    """A fresh network for this tokenizer; a tiny one for the smoke run."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64 if smoke else HIDDEN,
        num_hidden_layers=2 if smoke else LAYERS,
        intermediate_size=128 if smoke else INTERMEDIATE,
        num_attention_heads=1 if smoke else HEADS,
        num_key_value_heads=1 if smoke else KEY_VALUE_HEADS,
        max_position_embeddings=MODEL_MAX_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def parameter_count(model: torch.nn.Module) -> int:
    """Trained numbers; the tied output matrix counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def export(model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer, folder: Path) -> None:
    """Write weights (bf16 safetensors), configuration, tokenizer and generation defaults."""
    folder.mkdir(parents=True, exist_ok=True)
    shipped = Qwen2ForCausalLM(model.config)
    shipped.load_state_dict(model.state_dict())
    shipped.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    shipped.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
