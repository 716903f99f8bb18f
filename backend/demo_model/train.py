"""Train the bundled demonstration model from scratch on the text this folder holds and generates.

    python -m backend.demo_model.train --out DIR                 # one GPU, see MODEL_CARD.md for the time it takes
    python -m backend.demo_model.train --out DIR --smoke         # a tiny model, seconds, to see that all parts work

Uses a CUDA GPU when there is one, the CPU otherwise (too slow for a full run). Seeds, the number of steps and the order
of the batches are fixed, so the same command gives the same scores, up to the rounding of the hardware.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random

import torch
from torch.nn import functional

from backend.demo_model.batches import Batch, Batches, stream
from backend.demo_model.generators import Generator
from backend.demo_model.network import build, export, parameter_count
from backend.demo_model.optimizer import MuonWithAdamW
from backend.demo_model.tokenizer import train_tokenizer

MATRIX_RATE = 0.02
OTHER_RATE = 0.003
WARMUP_STEPS = 100
DECAY_SHARE = 0.6  # of the run, at its end, over which the learning rates fall to nothing
COPYING_SHARE = 0.12  # of the run, at its start, in which every other batch is nothing but copying
TOKENIZER_CONVERSATIONS = 20000


@dataclass(frozen=True)
class Run:
    """How much to train; `workers` processes make the batches, and their number decides the batches' order."""

    steps: int
    batch_tokens: int
    workers: int
    report_every: int
    validation_batches: int


FULL = Run(steps=16000, batch_tokens=65536, workers=14, report_every=100, validation_batches=2)
SMOKE = Run(steps=12, batch_tokens=2048, workers=0, report_every=4, validation_batches=1)


class Training:
    """One training run: data, network and the loop over batches."""

    def __init__(self, out: Path, run: Run, smoke: bool, seed: int) -> None:
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the batches' processes are the parallelism
        torch.manual_seed(seed)
        torch.set_float32_matmul_precision("high")
        self.out = out
        self.run = run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        train = Generator("train")
        self.tokenizer = train_tokenizer(_texts(train, Random(seed), 200 if smoke else TOKENIZER_CONVERSATIONS))
        self.model = build(self.tokenizer, smoke).to(self.device)
        encoder, padding = self.tokenizer.backend_tokenizer, self.tokenizer.pad_token_id

        def data(make: object, offset: int) -> Batches:
            return Batches(make, encoder, seed + offset, run.batch_tokens, padding)  # type: ignore[arg-type]

        self.batches = stream(data(train.conversation, 1), run.workers)
        self.copying = stream(data(train.copying, 2), min(run.workers, 2))
        validation = data(Generator("test").conversation, 3)
        self.validation = list(islice(validation, run.validation_batches))
        self.optimizer = MuonWithAdamW(self.model, MATRIX_RATE, OTHER_RATE)
        print(
            f"device {_device_name(self.device)} · {parameter_count(self.model) / 1e6:.2f}M parameters · "
            f"vocabulary {len(self.tokenizer)} · {len(train.questions.intents)} intents",
            flush=True,
        )

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean cross-entropy over the learned tokens of a batch, in nats."""
        ids = batch.ids.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
            learned = hidden.flatten(0, 1)[batch.places.to(self.device)]
            logits = functional.linear(learned, self.model.lm_head.weight)
        return functional.cross_entropy(logits.float(), batch.targets.to(self.device))

    def validation_loss(self) -> float:
        """Mean loss over conversations of the test split."""
        with torch.no_grad():
            return float(sum(self.loss(batch).item() for batch in self.validation) / len(self.validation))

    def train(self) -> None:
        """Train for the number of steps, reporting on the way, and write the folder."""
        started = reported = time.monotonic()
        tokens, total = 0, 0
        losses: list[torch.Tensor] = []
        for step in range(self.run.steps):
            done = step / self.run.steps
            batch = next(self.copying if done < COPYING_SHARE and step % 2 else self.batches)
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step(min(1.0, (step + 1) / WARMUP_STEPS, (1 - done) / DECAY_SHARE))
            losses.append(loss.detach())
            tokens += batch.ids.numel()
            if (step + 1) % self.run.report_every == 0:
                mean = torch.stack(losses).mean().item()
                now = time.monotonic()
                left = (now - reported) / self.run.report_every * (self.run.steps - step - 1)
                total += tokens
                print(
                    f"step {step + 1}/{self.run.steps} · loss {mean:.4f} · {tokens / (now - reported):.0f} tokens/s"
                    f" · {total / 1e6:.1f}M tokens · {left / 60:.1f} min left",
                    flush=True,
                )
                tokens, losses, reported = 0, [], now
        export(self.model, self.tokenizer, self.out)
        print(
            f"wrote {self.out} · validation loss {self.validation_loss():.4f} · "
            f"{self.run.steps} steps in {(time.monotonic() - started) / 60:.1f} min",
            flush=True,
        )


def _texts(generator: Generator, rng: Random, conversations: int) -> Iterator[str]:
    for _ in range(conversations):
        for message in generator.conversation(rng):
            yield message.content


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description="Train the bundled demonstration model.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--smoke", action="store_true", help="a tiny model and a few steps")
    parser.add_argument("--steps", type=int, default=FULL.steps, help="training steps (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    run = SMOKE if arguments.smoke else replace(FULL, steps=arguments.steps)
    Training(arguments.out, run, arguments.smoke, arguments.seed).train()


if __name__ == "__main__":
    main()
