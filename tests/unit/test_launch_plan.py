"""The launcher's plan: which profile and flags, what it says of memory, and what it warns of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend import models
from backend.hardware import Gpu, Hardware
from backend.launch_plan import Wish, plan
from backend.models import UnknownModel
from tests.unit.launcher_plans import CPU, NO_VLLM, PIRATE, ROOT, planned


@pytest.mark.parametrize(
    ("gpu", "gpus", "profile", "words"),
    [
        ("l4", 1, "l4-fp8", ()),
        ("NVIDIA L4", 2, "l4-fp8", ("--data-parallel-size", "2")),
        ("t4", 1, "t4-gptq", ()),
        ("h200", 1, "h200-fp8", ()),
    ],
)
def test_another_machines_command(gpu: str, gpus: int, profile: str, words: tuple[str, ...]) -> None:
    made = planned(gpu=gpu, gpus=gpus)
    assert (made.choice.name, made.words) == (profile, words)
    assert made.warnings == ()
    assert "KV cache" in made.memory
    assert made.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_a_part_of_a_gpu_is_given_to_vllm_by_its_uuid() -> None:
    part = Gpu("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 19.5, 19.5, (8, 0), mig=True, uuid="MIG-large")
    hardware = Hardware("Linux", "x86_64", 8, ("avx2", "fma"), 64.0, "64 GiB free", (part,), "found", "580.1", (13, 0))
    assert plan(Wish(), hardware, NO_VLLM, {}).environment["CUDA_VISIBLE_DEVICES"] == "MIG-large"
    told = plan(Wish(), hardware, NO_VLLM, {"CUDA_VISIBLE_DEVICES": "MIG-large"})
    assert "CUDA_VISIBLE_DEVICES" not in told.environment


def test_an_adapter_takes_the_smallest_rank_that_holds_it() -> None:
    made = planned("--lora", f"pirate={PIRATE}")
    assert made.words[0] == "--enable-lora"
    line = " ".join(made.words)
    assert f"--lora-modules pirate={PIRATE}" in line
    assert "--max-lora-rank 8" in line
    assert line.count("--max-lora-rank") == 1
    assert made.warnings == ()


def test_speculative_decoding_and_an_8_bit_cache_are_asked_for() -> None:
    words = planned("--speculative", "ngram", "--fp8-kv-cache", gpu="h100").words
    assert "--speculative-config" in words
    assert "--kv-cache-dtype" in words


def test_a_model_that_nothing_is_known_of_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(model: str) -> models.ModelShape:
        raise UnknownModel(f"nothing known of {model}")

    monkeypatch.setattr(models, "shape", unknown)
    assert planned("--model", "a/b").warnings == ("not checked whether it fits: nothing known of a/b",)


@pytest.mark.parametrize(
    ("words", "gpus"),
    [
        ("--model Qwen/Qwen2.5-32B-Instruct -- -pp 4", 4),
        ("--model Qwen/Qwen2.5-32B-Instruct --profile l4-bf16 -- --quantization bitsandbytes", 1),
        ("--profile l4-bf16 -- --dtype float32", 1),
    ],
)
def test_what_is_not_reckoned_with_is_neither_refused_nor_praised(words: str, gpus: int) -> None:
    made = planned(*words.split(), gpu="l4", gpus=gpus)
    assert made.memory == "not estimated"
    assert made.warnings[0].startswith("not checked whether it fits: the arithmetic here does not know --")


def test_on_a_cpu_the_named_cache_is_reckoned_with_and_other_numbers_are_not() -> None:
    assert planned().warnings == ()
    (warning,) = planned("--", "--dtype", "float32").warnings
    assert "does not know --dtype float32" in warning


def test_4_bit_weights_of_any_method_are_4_bits(tmp_path: Path) -> None:
    groups = {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}}
    values = models.config("Qwen/Qwen2.5-32B-Instruct")
    values["quantization_config"] = {"quant_method": "compressed-tensors", "config_groups": groups}
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert planned("--model", str(tmp_path), gpu="rtx4090").memory.startswith("weights 18.0 GiB")


@pytest.mark.parametrize("nothing", [None, {}])
def test_weights_that_are_not_quantized_get_no_profile_for_such(nothing: object, tmp_path: Path) -> None:
    values = {**models.config("Qwen/Qwen2.5-7B-Instruct"), "quantization_config": nothing}
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert planned("--model", str(tmp_path), gpu="rtx4090").choice.name == "rtx4090-fp8"


@pytest.mark.parametrize(
    ("gpus", "extra", "reason", "words"),
    [
        (2, "-tp 2", "1 replica on 2 cards", "-tp 2"),
        (4, "--tensor-parallel-size 2", "2 replicas on 4 cards", "--data-parallel-size 2 --tensor-parallel-size 2"),
        (3, "-tp 2", "1 replica on 2 of 3 cards", "-tp 2"),
        (2, "-tp 2 -dp 1", "1 replica on 2 cards", "-tp 2 -dp 1"),
        (2, "--data-parallel-size 1", "1 replica on 1 of 2 cards", "--data-parallel-size 1"),
    ],
)
def test_tensor_parallelism_leaves_the_other_cards_to_replicas(gpus: int, extra: str, reason: str, words: str) -> None:
    made = planned("--", *extra.split(), gpu="h100", gpus=gpus)
    assert made.choice.reason.endswith(f"; {reason}")
    assert " ".join(made.words) == words


def test_its_own_advice_can_be_followed() -> None:
    planned("--model", "Qwen/Qwen2.5-72B-Instruct", "--", "--tensor-parallel-size", "2", gpu="h100", gpus=2)


def test_a_large_model_on_a_small_cpu_is_warned_of() -> None:
    seven = planned("--model", "Qwen/Qwen2.5-7B-Instruct", hardware=replace(CPU, memory_gib=32.0))
    assert any("7.6 billion parameters" in warning for warning in seven.warnings)
    assert planned("--model", "Qwen/Qwen2.5-1.5B-Instruct").warnings == ()


def test_a_little_too_much_is_a_warning_that_names_the_remedy() -> None:
    """The estimate is off by tenths of a GiB (docs/planner.md)."""
    made = planned("--model", "Qwen/Qwen2.5-72B-Instruct", gpu="h100")
    assert any("GiB are missing" in warning for warning in made.warnings), made.warnings
    assert any("-- --gpu-memory-utilization 0.95" in warning for warning in made.warnings)


def test_an_8_bit_cache_without_scales_is_warned_of() -> None:
    assert any("nonsense" in text for text in planned("--", "--kv-cache-dtype", "fp8", gpu="l4").warnings)
    assert planned("--fp8-kv-cache", gpu="l4").warnings == ()


def test_an_unknown_model_on_another_machine_shows_no_memory_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert planned("--model", "foo/bar", gpu="l4").memory == "not estimated"


def test_the_bundled_models_adapter_by_whatever_name_the_folder_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert planned("--model", "backend/demo_model/weights", "--lora", f"pirate={PIRATE}").warnings == ()
    assert (
        planned("--model", "backend/demo_model/weights", "--profile", "cpu", "--lora", f"pirate={PIRATE}").warnings
        == ()
    )
