"""What a model can't do is refused on simulated machines: heads, context, numbers, draft models, adapters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend import models
from backend.checks import check
from backend.hardware import Hardware
from backend.models import ModelShape, UnknownModel
from backend.profiles import BUNDLED_MODEL
from tests.unit.launcher_plans import A100, CPU, QWEN, YARN, machine, refusal

SMALL = models.shape("Qwen/Qwen2.5-0.5B-Instruct")
BUNDLED = models.shape(str(BUNDLED_MODEL))


def test_tensor_parallelism_that_does_not_divide_the_heads() -> None:
    said = refusal(machine(*[A100] * 8), tensor_parallel_size=8)
    assert "8 does not divide the 28 attention heads (4 for keys and values)" in said
    assert "take one of 1, 2, 4;" in said
    assert check(machine(*[A100] * 4), {"tensor-parallel-size": 4}, QWEN) == []


def test_a_context_longer_than_the_model_was_made_for() -> None:
    """The article's command."""
    said = refusal(machine(A100), max_model_len=131072)
    assert "more than the 32,768 tokens that Qwen/Qwen2.5-7B-Instruct was made for, by 98,304" in said
    assert "at most 32768, or --profile long-context, which stretches it to 131,072" in said


@pytest.mark.parametrize(
    ("hardware", "model", "length"),
    [
        (machine(A100), replace(QWEN, max_position_embeddings=8192), 16384),
        (machine(A100), replace(QWEN, id="meta/llama"), 65536),
        (machine(A100), QWEN, 262144),
        (CPU, QWEN, 131072),
    ],
)
def test_a_profile_is_offered_only_where_it_can_serve(hardware: Hardware, model: ModelShape, length: int) -> None:
    said = refusal(hardware, model, max_model_len=length)
    assert said.endswith(f": take at most {model.max_position_embeddings}.")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"max_position_embeddings": "x"}, "--hf-overrides: max_position_embeddings is 'x', not a whole number"),
        ({"rope_parameters": "x"}, "--hf-overrides: rope_parameters is 'x': give an object"),
    ],
)
def test_overrides_that_can_not_be(overrides: object, said: str) -> None:
    assert refusal(machine(A100), hf_overrides=overrides).startswith(said)


def test_a_step_needs_room_for_a_token_of_each_sequence() -> None:
    said = refusal(machine(A100), None, max_num_batched_tokens=64, max_num_seqs=128)
    assert "take at least 128, or `-- --max-num-seqs 64`" in said
    assert check(machine(A100), {"max-num-batched-tokens": 128, "max-num-seqs": 128}, QWEN) == []


def test_a_cpu_is_not_told_to_take_fp8() -> None:
    assert "take fp8, or a copy" in refusal(machine(A100), quantization="awq")
    assert "leave it out, or take a copy" in refusal(CPU, quantization="awq")


@pytest.mark.parametrize("length", [8192, 32768])
def test_yarn_without_need(length: int) -> None:
    said = refusal(machine(A100), hf_overrides=YARN, max_model_len=length)
    assert said.startswith(
        f"YaRN without need: Qwen/Qwen2.5-7B-Instruct reads 32,768 tokens without it, and {length:,}"
    )
    assert "leave out --hf-overrides" in said


def test_yarn_where_it_is_needed() -> None:
    assert check(machine(A100), {"hf-overrides": YARN, "max-model-len": 131072}, QWEN) == []


def test_a_draft_model_of_another_vocabulary() -> None:
    said = refusal(machine(A100), speculative_config={"model": SMALL.id, "num_speculative_tokens": 3})
    assert "another vocabulary (151,936 tokens) than Qwen/Qwen2.5-7B-Instruct (152,064)" in said
    assert "--speculative ngram" in said
    (warning,) = check(machine(A100), {"speculative-config": {"method": "ngram"}}, QWEN)
    assert "JSON switch off" in warning


def test_a_draft_model_that_nothing_is_known_of() -> None:
    def unknown(model: str) -> ModelShape:
        raise UnknownModel(f"no {model}")

    flags = {"speculative-config": {"model": "a/b", "method": "draft_model"}}
    assert check(machine(A100), flags, QWEN, unknown)[1:] == ["the draft model's vocabulary was not checked: no a/b"]


# --- adapters

PIRATE = Path("backend/demo_model/adapters/pirate")


def test_an_adapter_of_another_base_model() -> None:
    said = refusal(CPU, SMALL, lora_modules=[f"pirate={PIRATE}"])
    assert "The adapter pirate belongs to another base model, pagoda-demo: it has hidden size 384" in said
    assert "Qwen/Qwen2.5-0.5B-Instruct has 24 layers, hidden size 896" in said
    assert "serve its base with --model" in said


def test_an_adapter_of_this_model() -> None:
    flags = {"lora-modules": [f"pirate={PIRATE}"], "served-model-name": "pagoda-demo"}
    assert check(CPU, flags, BUNDLED) == []


def test_an_adapter_that_fits_but_names_another_base(tmp_path: Path) -> None:
    for file in PIRATE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "org/other"}))
    (warning,) = check(CPU, {"lora-modules": f"it={tmp_path}"}, BUNDLED)
    assert warning == "the adapter it fits, but was trained for org/other"


def test_an_adapter_of_a_higher_rank_than_allowed(tmp_path: Path) -> None:
    for file in PIRATE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "r": 40}))
    said = refusal(CPU, BUNDLED, lora_modules=f"it={tmp_path}", max_lora_rank=32)
    assert said == "The adapter it has rank 40 and --max-lora-rank is 32: add `-- --max-lora-rank 64`."


def test_a_folder_without_an_adapter(tmp_path: Path) -> None:
    assert "The adapter it can't be read (No such file" in refusal(CPU, BUNDLED, lora_modules=f"it={tmp_path}")
