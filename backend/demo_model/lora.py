"""Train a small LoRA adapter for the bundled model: it answers as a pirate, though no system prompt asks it to.

    python -m backend.demo_model.lora --out DIR     # minutes on two cores of a CPU, in vLLM's environment

Only torch: two small matrices are added to each attention projection, W x becomes W x + (alpha / rank) B A x, and
nothing else is trained. Writes PEFT's format, which vLLM loads. Seed, batches and number of steps are fixed. Prints how
many answers to questions in held-out wordings come out exactly right, with the adapter and without.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from transformers import AutoTokenizer, Qwen2ForCausalLM

from backend.demo_model.batches import Batch, Batches
from backend.demo_model.chat_format import Message
from backend.demo_model.generators import Generator
from backend.demo_model.reading import Language
from backend.demo_model.split import Split
from backend.demo_model.turns import MODEL_NAME, Style
from backend.profiles import BUNDLED_MODEL

PERSONA = "pirate"
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")
RANK, ALPHA = 8, 16
STEPS, BATCH_TOKENS, WARMUP_STEPS = 60, 3072, 10
RATE = 0.004
QUESTIONS = 200


class LoraLinear(nn.Module):  # type: ignore[misc]  # torch is not there where mypy runs
    """A frozen linear layer with a trained addition of low rank, which begins at nothing."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.lora_a = nn.Parameter(torch.empty(RANK, base.in_features))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, RANK))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's own answer and the addition."""
        return self.base(x) + ALPHA / RANK * functional.linear(functional.linear(x, self.lora_a), self.lora_b)


class Conversations:
    """A question or two in one language, without a system prompt, answered by the persona or (None) plainly."""

    def __init__(self, split: Split, persona: str | None) -> None:
        self._generator = Generator(split)
        personas = {persona.id: persona for persona in self._generator.phrases.personas}
        self._style = Style(None, persona=None if persona is None else personas[persona])

    def conversation(self, rng: Random) -> list[Message]:
        """Everyday questions, questions outside the model's world, sums."""
        language: Language = rng.choice(("en", "zh"))
        questions, arithmetic = self._generator.questions, self._generator.arithmetic
        makers = (questions.known, questions.known, questions.known, questions.unknown, arithmetic.turn)
        turns = [rng.choice(makers)(language, rng) for _ in range(rng.choice((1, 1, 2)))]
        return self._generator.messages(turns, self._style, rng)


def add_adapters(model: Qwen2ForCausalLM) -> dict[str, LoraLinear]:
    """Freeze the model and put an adapter around each target; by the target's name in the model."""
    model.requires_grad_(False)
    adapters: dict[str, LoraLinear] = {}
    for number, layer in enumerate(model.model.layers):
        for target in TARGETS:
            adapter = LoraLinear(getattr(layer.self_attn, target))
            setattr(layer.self_attn, target, adapter)
            adapters[f"model.layers.{number}.self_attn.{target}"] = adapter
    return adapters


def learned_logits(model: Qwen2ForCausalLM, batch: Batch) -> torch.Tensor:
    """What the model makes of the places whose next token is an answer's."""
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
    return functional.linear(hidden.flatten(0, 1)[batch.places], model.lm_head.weight).float()


def exactly_right(model: Qwen2ForCausalLM, batches: Iterator[Batch]) -> float:
    """Share of held-out conversations whose answers are the model's own first choice in every token."""
    rows = right = 0
    with torch.no_grad():
        while rows < QUESTIONS:
            batch = next(batches)
            wrong = learned_logits(model, batch).argmax(-1) != batch.targets
            row_of = batch.places // batch.ids.shape[1]
            rows += len(batch.ids)
            right += len(batch.ids) - len(row_of[wrong].unique())
    return right / rows


def export(adapters: dict[str, LoraLinear], folder: Path) -> None:
    """Write the two files of PEFT's format."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    for name, adapter in adapters.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = adapter.lora_a.detach().to(torch.bfloat16)
        tensors[f"base_model.model.{name}.lora_B.weight"] = adapter.lora_b.detach().to(torch.bfloat16)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": MODEL_NAME,
        "r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.0,
        "target_modules": list(TARGETS),
        "bias": "none",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def train(out: Path, steps: int, seed: int) -> None:
    """Train, measure, write."""
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(BUNDLED_MODEL)
    model = Qwen2ForCausalLM.from_pretrained(BUNDLED_MODEL, dtype=torch.float32)
    encoder, padding = tokenizer.backend_tokenizer, tokenizer.pad_token_id

    def data(split: Split, persona: str | None) -> Iterator[Batch]:
        return iter(Batches(Conversations(split, persona).conversation, encoder, seed, BATCH_TOKENS, padding))

    plainly, before = (exactly_right(model, data("test", persona)) for persona in (None, PERSONA))
    adapters = add_adapters(model)
    trained = [parameter for adapter in adapters.values() for parameter in (adapter.lora_a, adapter.lora_b)]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    batches, started = data("train", PERSONA), time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARMUP_STEPS, (steps - step) / (steps * 0.5))
        batch = next(batches)
        loss = functional.cross_entropy(learned_logits(model, batch), batch.targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 10 == 0:
            print(f"step {step + 1}/{steps} · loss {loss.item():.4f} · {time.monotonic() - started:.0f} s", flush=True)
    export(adapters, out)
    count = sum(parameter.numel() for parameter in trained)
    print(f"wrote {out} · {count:,} trained parameters · {steps} steps in {time.monotonic() - started:.0f} s")
    after = exactly_right(model, data("test", PERSONA))
    print(f"held-out conversations answered exactly as a {PERSONA}: {before:.0%} before, {after:.0%} with the adapter")
    print(f"(the model alone answers {plainly:.0%} of them exactly and plainly; several answers may be right)")


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description="Train a LoRA adapter for the bundled model.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the adapter to")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.out, arguments.steps, arguments.seed)


if __name__ == "__main__":
    main()
