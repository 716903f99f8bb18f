"""LoRA adapters in PEFT's format, read without torch: the one that ships, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.adapters import Adapter, BadAdapter, rank_for, read, same_family

PIRATE = Path(__file__).resolve().parents[2] / "backend/demo_model/adapters/pirate"


def adapter(rank: int) -> Adapter:
    return Adapter("it", "folder", "base", rank, 1, {}, {})


def test_the_adapter_that_ships() -> None:
    shipped = read("pirate", str(PIRATE))
    assert (shipped.base, shipped.rank, shipped.layers) == ("pagoda-demo", 8, 6)
    assert shipped.inputs == {"q_proj": 384, "k_proj": 384, "v_proj": 384, "o_proj": 384}
    assert shipped.outputs == {"q_proj": 384, "k_proj": 128, "v_proj": 128, "o_proj": 384}
    assert sum(file.stat().st_size for file in PIRATE.iterdir()) < 300_000


@pytest.mark.parametrize(("ranks", "expected"), [((8,), 8), ((4, 16), 16), ((33,), 64)])
def test_the_smallest_rank_that_vllm_takes(ranks: tuple[int, ...], expected: int) -> None:
    assert rank_for([adapter(rank) for rank in ranks]) == expected


def test_a_rank_that_vllm_does_not_take() -> None:
    with pytest.raises(BadAdapter, match="rank 1000; vLLM takes at most 512"):
        rank_for([adapter(1000)])


@pytest.mark.parametrize(
    ("config", "tensors", "complaint"),
    [
        (None, b"", "can't be read \\(No such file or directory: .*adapter_config.json"),
        ("{", b"", "holds no LoRA adapter in PEFT's format \\(JSONDecodeError"),
        ("{}", b"\x02\0\0\0\0\0\0\0{}", "KeyError: 'r'"),
        ('{"r": 8}', b"PK\x03\x04 a zip file", "not a safetensors file"),
        ('{"r": 8}', b"", "not a safetensors file"),
    ],
)
def test_what_is_no_adapter(tmp_path: Path, config: str | None, tensors: bytes, complaint: str) -> None:
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(config)
    (tmp_path / "adapter_model.safetensors").write_bytes(tensors)
    with pytest.raises(BadAdapter, match=complaint):
        read("it", str(tmp_path))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", True),
        ("qwen/qwen2.5-7b-instruct", "/models/Qwen2.5-7B-Instruct-AWQ", True),
        ("unsloth/Qwen2.5-7B-Instruct-bnb-4bit", "Qwen/Qwen2.5-7B-Instruct", True),
        ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B-Instruct", False),
        ("Qwen/Qwen2.5-14B-Instruct", "Qwen/Qwen2.5-7B-Instruct", False),
    ],
)
def test_quantized_copies_are_the_same_model(one: str, other: str, same: bool) -> None:
    assert same_family(one, other) is same


def test_a_header_of_an_absurd_length_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 8}))
    (tmp_path / "adapter_model.safetensors").write_bytes((2**62).to_bytes(8, "little"))
    with pytest.raises(BadAdapter, match="not a safetensors file"):
        read("it", str(tmp_path))
