"""Train the bundled demonstration model from scratch on the text this folder holds and generates.

    python -m backend.demo_model.train --out DIR                 # about an hour on two CPU cores
    python -m backend.demo_model.train --out DIR --minutes 10    # the schedule fits the time
    python -m backend.demo_model.train --out DIR --smoke         # a tiny model, seconds, to see that all parts work

Uses a CUDA GPU when there is one, the CPU otherwise. Writes DIR every few minutes, so a run can be looked at before
its end. Seeds are fixed; as the schedule follows the clock, a faster machine takes more steps and trains better.
`--start-from DIR` trains the model of an earlier run further, on a schedule of its own (`--rates 0.3`: a gentle one).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from random import Random

import torch
from torch.nn import functional
from transformers import Qwen2ForCausalLM, Qwen2Tokenizer

from backend.demo_model.batches import Batch, Conversations, batches
from backend.demo_model.corpus import load_intents, load_phrases
from backend.demo_model.generators import Generator
from backend.demo_model.network import build, export, parameter_count
from backend.demo_model.optimizer import MuonWithAdamW
from backend.demo_model.tokenizer import train_tokenizer

MATRIX_RATE = 0.02
OTHER_RATE = 0.003
WARMUP_STEPS = 50
DECAY_SHARE = 0.6  # of the run, at its end, over which the learning rates fall to nothing
COPYING_SHARE = 0.25  # of a run from scratch, at its start, in which every other batch is nothing but copying
EXPORT_EVERY_S = 300.0
TOKENIZER_CONVERSATIONS = 8000


@dataclass(frozen=True)
class Run:
    """How much to train: time on the clock, or a number of steps; at what share of the learning rates."""

    minutes: float
    rates: float
    max_steps: int | None
    batch_tokens: int
    report_every: int
    validation_batches: int


FULL = Run(minutes=56, rates=1.0, max_steps=None, batch_tokens=3072, report_every=50, validation_batches=8)
SMOKE = Run(minutes=1, rates=1.0, max_steps=12, batch_tokens=2048, report_every=4, validation_batches=1)


class Training:
    """One training run: data, network and the loop over batches."""

    def __init__(self, out: Path, run: Run, smoke: bool, seed: int, start_from: Path | None) -> None:
        torch.manual_seed(seed)
        self.out = out
        self.run = run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        intents, phrases = load_intents(), load_phrases()
        train, test = Generator(intents, phrases, "train"), Generator(intents, phrases, "test")
        self.copying_share = COPYING_SHARE if start_from is None else 0.0
        if start_from is None:
            self.tokenizer = train_tokenizer(_texts(train, Random(seed), 200 if smoke else TOKENIZER_CONVERSATIONS))
            self.model = build(self.tokenizer, smoke).to(self.device)
        else:
            self.tokenizer = Qwen2Tokenizer.from_pretrained(start_from)
            self.model = Qwen2ForCausalLM.from_pretrained(start_from, dtype=torch.float32).to(self.device)
        self.body = self.model.model if smoke else torch.compile(self.model.model, dynamic=True)
        encoder, padding = self.tokenizer.backend_tokenizer, self.tokenizer.pad_token_id

        def endless(make: Conversations, offset: int) -> Iterator[Batch]:
            return batches(make, encoder, Random(seed + offset), run.batch_tokens, padding)

        self.batches = endless(train.conversation, 1)
        self.copying = endless(train.copying, 2)
        self.validation = list(islice(endless(test.conversation, 3), run.validation_batches))
        self.optimizer = MuonWithAdamW(self.model, MATRIX_RATE * run.rates, OTHER_RATE * run.rates)
        print(
            f"device {_device_name(self.device)} · {parameter_count(self.model) / 1e6:.2f}M parameters · "
            f"vocabulary {len(self.tokenizer)} · {len(intents)} intents",
            flush=True,
        )

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean cross-entropy over the learned tokens of a batch, in nats."""
        ids = batch.ids.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            hidden = self.body(input_ids=ids, use_cache=False).last_hidden_state
            learned = hidden.flatten(0, 1)[batch.places.to(self.device)]
            logits = functional.linear(learned, self.model.lm_head.weight)
        return functional.cross_entropy(logits.float(), batch.targets.to(self.device))

    def validation_loss(self) -> float:
        """Mean loss over conversations of the test split."""
        with torch.no_grad():
            return float(sum(self.loss(batch).item() for batch in self.validation) / len(self.validation))

    def train(self) -> None:
        """Train until the time or the steps are over, reporting and exporting on the way."""
        started = reported = exported = time.monotonic()
        tokens, total, losses = 0, 0, []
        for step in count():
            done = self._progress(step, started)
            if done >= 1:
                break
            batch = next(self.copying if done < self.copying_share and step % 2 else self.batches)
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step(min(1.0, (step + 1) / WARMUP_STEPS, (1 - done) / DECAY_SHARE))
            losses.append(loss.item())
            tokens += batch.ids.numel()
            if (step + 1) % self.run.report_every == 0:
                now = time.monotonic()
                left = (now - started) * (1 - done) / max(done, 1e-3)
                total += tokens
                print(
                    f"step {step + 1} · loss {sum(losses) / len(losses):.4f} · {tokens / (now - reported):.0f} tokens/s"
                    f" · {total / 1e6:.2f}M tokens · {left / 60:.1f} min left",
                    flush=True,
                )
                tokens, losses, reported = 0, [], now
            if time.monotonic() - exported > EXPORT_EVERY_S:
                before = time.monotonic()
                self.export()
                exported = time.monotonic()
                reported += exported - before
        self.export()
        print(f"{step} steps in {(time.monotonic() - started) / 60:.1f} min", flush=True)

    def export(self) -> None:
        """Write the folder as it is now."""
        export(self.model, self.tokenizer, self.out)
        print(f"wrote {self.out} · validation loss {self.validation_loss():.4f}", flush=True)

    def _progress(self, step: int, started: float) -> float:
        """From 0 to 1, by whichever limit comes first."""
        by_time = (time.monotonic() - started) / 60 / self.run.minutes
        return by_time if self.run.max_steps is None else max(by_time, step / self.run.max_steps)


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
    parser.add_argument("--minutes", type=float, default=FULL.minutes, help="training time (default %(default)s)")
    parser.add_argument("--start-from", type=Path, help="folder of an earlier run, to train its model further")
    parser.add_argument("--rates", type=float, default=FULL.rates, help="share of the learning rates (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    run = SMOKE if arguments.smoke else replace(FULL, minutes=arguments.minutes, rates=arguments.rates)
    Training(arguments.out, run, arguments.smoke, arguments.seed, arguments.start_from).train()


if __name__ == "__main__":
    main()
