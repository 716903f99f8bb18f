"""The shape of a model, from its `config.json`: what its weights and its KV cache take.

Looked for in a local folder, among the shapes that ship in `backend/data/models/` (values of the config.json in
Qwen's repositories on Hugging Face, looked up 2026-11-24), in the hub's local cache, and on the hub itself
(HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE hold). Standard library only.
Limits: decoder-only transformers of the usual kind (Llama, Mistral, Qwen2, Qwen3); no mixture of experts, no images.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.quantization import Stored, stored, whole

SHIPPED = Path(__file__).resolve().parent / "data" / "models"
OWNER = "Qwen"  # of the shipped shapes
KINDS = ("qwen2", "qwen3", "llama", "mistral")
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "vocab_size", "max_position_embeddings"),
)
MISTRALS = "params.json"  # in Mistral's own format, which vLLM reads, too
HUB_TIMEOUT_S = 5
REMEDY = "Give a local folder with a config.json, or one of {shipped}."


class UnknownModel(Exception):
    """The shape of this model can't be had; the message says why, and what to do."""


class BrokenModel(UnknownModel):
    """vLLM could not load it either: its config.json is not one, or there is no such folder."""


@dataclass(frozen=True)
class ModelShape:
    """What the arithmetic needs of a model. Parameters are counted from the shapes of its matrices."""

    id: str
    layers: int
    hidden_size: int
    intermediate_size: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    max_position_embeddings: int
    tied_embeddings: bool
    parameters: int
    embedding_parameters: int
    """The table of words: read by rows, and, where tied, also as the output layer"""
    linear_parameters: int
    """The matrices inside the layers: what quantization makes smaller; embeddings and output layer stay in 16 bits"""
    quantization: str | None
    """ "gptq", "awq", "fp8", ... as the checkpoint says; None: 16 bits"""
    bits: int
    bytes_per_weight: float
    """Inside the layers, with the scales that quantization adds"""
    half: bool
    """Whether the checkpoint is in FP16 rather than BF16"""


def shape(model: str) -> ModelShape:
    """The shape of a Hugging Face id or a local folder; raises UnknownModel."""
    return from_config(model, config(model))


def shipped() -> list[str]:
    """The ids whose shapes come with Pagoda."""
    return sorted(f"{OWNER}/{folder.name}" for folder in SHIPPED.iterdir() if folder.is_dir())


def config(model: str) -> dict[str, Any]:
    """The contents of the model's config.json."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _read(folder / "config.json", model)
    if model in shipped():
        return _read(SHIPPED / model.removeprefix(f"{OWNER}/") / "config.json", model)
    cached = sorted(_cache().glob(f"models--{model.replace('/', '--')}/snapshots/*/config.json"))
    if cached:
        return _read(cached[-1], model)
    return _download(model)


def from_config(model: str, values: Mapping[str, Any]) -> ModelShape:
    """Count; raises UnknownModel."""
    try:
        return _count(model, values)
    except (TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        raise BrokenModel(
            f"The config.json of {model} can't be right ({error}): take the one that was published with the model."
        ) from error


def _count(model: str, values: Mapping[str, Any]) -> ModelShape:
    """Biases and norms are counted too: they are few, but the sum then is the published one."""
    kind = values.get("model_type")
    if kind not in KINDS:
        raise UnknownModel(f"{model} is of the kind {kind!r}; the arithmetic here is for {', '.join(KINDS)} only.")
    for key in SIZES:
        if key not in values:
            raise UnknownModel(f"The config.json of {model} has no {key!r}.")
    hidden, layers, heads, inner, vocab, longest = (whole(values, key) for key in SIZES)
    kv_heads = heads if values.get("num_key_value_heads") is None else whole(values, "num_key_value_heads")
    given = values if values.get("head_dim") is not None else {"head_dim": hidden // heads}
    head_dim = whole(given, "head_dim")
    tied = bool(values.get("tie_word_embeddings", False))
    queries, keys = heads * head_dim, kv_heads * head_dim
    linear = layers * (hidden * (2 * queries + 2 * keys) + 3 * hidden * inner)
    biases = layers * (queries + 2 * keys) if kind == "qwen2" or values.get("attention_bias") else 0
    norms = layers * (2 * hidden + (2 * head_dim if kind == "qwen3" else 0)) + hidden
    embedding = vocab * hidden
    quantized = values.get("quantization_config") or {}
    weights = stored(quantized) if quantized else Stored(16, 2.0)
    method = quantized.get("quant_method")
    if weights is None or (quantized and not isinstance(method, str)):
        raise UnknownModel(f"{model} is quantized by {method!r}, and how many bits that takes is not known here.")
    return ModelShape(
        id=model,
        layers=layers,
        hidden_size=hidden,
        intermediate_size=inner,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=vocab,
        max_position_embeddings=longest,
        tied_embeddings=tied,
        parameters=linear + biases + norms + embedding * (1 if tied else 2),
        embedding_parameters=embedding,
        linear_parameters=linear,
        quantization=method,
        bits=weights.bits,
        bytes_per_weight=weights.bytes,
        half=values.get("torch_dtype", values.get("dtype")) == "float16",
    )


def _cache() -> Path:
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    return Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()


def _read(file: Path, model: str) -> dict[str, Any]:
    try:
        return _parse(file.read_bytes(), model)
    except OSError as error:
        kind = UnknownModel if file.with_name(MISTRALS).is_file() else BrokenModel
        raise kind(f"{model} is a folder without a readable config.json. {_remedy()}") from error


def _download(model: str) -> dict[str, Any]:
    if model.startswith((".", "/", "~")) and not Path(model).exists():
        raise BrokenModel(f"There is no folder {model}. {_remedy()}")
    if model.count("/") != 1 or model.startswith((".", "/", "~")):
        raise UnknownModel(f"{model} is neither a folder nor a name on the hub (owner/name). {_remedy()}")
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        raise UnknownModel(f"The shape of {model} is not here, and HF_HUB_OFFLINE forbids asking. {_remedy()}")
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    request = urllib.request.Request(f"{hub}/{model}/resolve/main/config.json")
    if token := os.environ.get("HF_TOKEN"):
        # unlike other headers it does not follow a redirect to another host
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=HUB_TIMEOUT_S) as answer:
            return _parse(answer.read(), model)
    except urllib.error.HTTPError as error:
        raise UnknownModel(
            f"{hub} has no config.json of {model} for you (it answers {error.code}). {_remedy()}"
        ) from error
    except (OSError, ValueError) as error:
        raise UnknownModel(f"The shape of {model} is not here, and {hub} can't be reached. {_remedy()}") from error


def _parse(text: bytes, model: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BrokenModel(f"The config.json of {model} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise BrokenModel(f"The config.json of {model} is not a JSON object.")
    return values


def _remedy() -> str:
    return REMEDY.format(shipped=", ".join(shipped()))
