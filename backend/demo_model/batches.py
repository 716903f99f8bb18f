"""Conversations as batches of token ids, short ones with short ones so that little is padding.

A conversation is one row, starting at position 0 as it does in a chat; rows never share attention. Lengths are rounded
up to a few sizes and every batch holds about the same number of tokens, so the network meets few distinct shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Tokenizer
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from backend.demo_model.chat_format import Message, encode_conversation

LENGTHS = (64, 96, 128, 192, 256, 384, 512, 1024, 2048)
_PREFETCH = 4

Conversations = Callable[[Random], list[Message]]
Row = tuple[list[int], list[bool]]


@dataclass(frozen=True)
class Batch:
    """`ids` is (rows, length); `places` index the flattened ids whose next token is learned, `targets` are those."""

    ids: torch.Tensor
    places: torch.Tensor
    targets: torch.Tensor


class Batches(IterableDataset[Batch]):  # type: ignore[misc]  # torch is not there where mypy runs
    """Endless batches of about `tokens` ids of the conversations that `make` makes, another stream in each worker."""

    def __init__(self, make: Conversations, tokenizer: Tokenizer, seed: int, tokens: int, padding: int) -> None:
        self._make = make
        self._tokenizer = tokenizer
        self._seed = seed
        self._tokens = tokens
        self._padding = padding

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = Random(f"{self._seed}/{0 if worker is None else worker.id}")
        waiting: dict[int, list[Row]] = {length: [] for length in LENGTHS}
        while True:
            ids, mask = encode_conversation(self._tokenizer, self._make(rng))
            ids, mask = ids[: LENGTHS[-1]], mask[: LENGTHS[-1]]
            length = next(size for size in LENGTHS if size >= len(ids))
            rows = waiting[length]
            rows.append((ids, mask))
            if len(rows) == max(1, self._tokens // length):
                yield _batch(rows, length, self._padding)
                waiting[length] = []


def stream(batches: Batches, workers: int) -> Iterator[Batch]:
    """The batches as `workers` processes make them, always in the same order (0: made in this process)."""
    return iter(
        DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=_PREFETCH if workers else None)
    )


def _batch(rows: list[Row], length: int, padding: int) -> Batch:
    ids = torch.full((len(rows), length), padding)
    learned = torch.zeros((len(rows), length), dtype=torch.bool)
    for number, (row, mask) in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        learned[number, : len(row)] = torch.tensor(mask)
    places = learned[:, 1:].nonzero()
    flat = places[:, 0] * length + places[:, 1]
    return Batch(ids, flat, ids[:, 1:][learned[:, 1:]])
