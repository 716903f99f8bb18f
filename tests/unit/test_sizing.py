"""The memory arithmetic: against what is known by hand and by measurement, and what flags mean for it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.gpus import find
from backend.measurements import measurements
from backend.models import shape
from backend.profiles import profiles
from backend.sizing import GIB, Fit, Serving, fit, kv_bytes_per_token, not_modelled, serving, weight_bytes

SEVEN = "Qwen/Qwen2.5-7B-Instruct"


def planned(gpu: str, model: str = SEVEN, **flags: Any) -> tuple[Serving, Fit]:
    """For flags with underscores in their names."""
    facts, model_shape = find(gpu), shape(model)
    options = serving({name.replace("_", "-"): value for name, value in flags.items()}, model_shape, facts)
    return options, fit(model_shape, options, facts.memory_gib)


@pytest.mark.parametrize(
    ("model", "quantization", "gigabytes"),
    [  # 15.2 and 5.6 GB are the known sizes; FP8 leaves both tables of words in 16 bits
        (SEVEN, "bf16", 15.2),
        (SEVEN, "fp8", 8.7),
        (f"{SEVEN}-GPTQ-Int4", "gptq", 5.6),
        (f"{SEVEN}-AWQ", "awq", 5.6),
        ("Qwen/Qwen2.5-72B-Instruct", "bf16", 145.4),
    ],
)
def test_weights_take_what_is_known(model: str, quantization: str, gigabytes: float) -> None:
    assert weight_bytes(shape(model), quantization) / 1e9 == pytest.approx(gigabytes, rel=0.01)


def test_a_token_of_the_7b_takes_57344_bytes_and_half_in_8_bits() -> None:
    model = shape(SEVEN)
    assert kv_bytes_per_token(model, planned("l4")[0]) == 57344
    assert kv_bytes_per_token(model, planned("l4", kv_cache_dtype="fp8")[0]) == 57344 // 2
    # a scale of four bytes for each head's key and value
    for kind in ("fp8_per_token_head", "int8_per_token_head"):
        assert kv_bytes_per_token(model, planned("l4", kv_cache_dtype=kind)[0]) == 57344 // 2 * 132 // 128
    # four KV heads on eight cards: each is kept twice
    assert kv_bytes_per_token(model, planned("l4", tensor_parallel_size=8)[0]) == 57344 * 2


def test_one_sequence_of_128k_takes_7_and_a_half_gb() -> None:
    assert 131072 * kv_bytes_per_token(shape(SEVEN), planned("l4")[0]) / 1e9 == pytest.approx(7.5, rel=0.01)


def test_the_kv_cache_measured_on_the_h200_is_met() -> None:
    cache = measurements().kv_cache
    _, found = planned(cache.gpu, cache.model, **cache.flags)
    assert found.kv_tokens == pytest.approx(cache.tokens, rel=0.001)


@pytest.mark.parametrize(
    ("gpu", "model", "flags", "fits"),
    [
        ("t4", SEVEN, {"dtype": "half"}, False),
        ("t4", f"{SEVEN}-GPTQ-Int4", {"dtype": "half"}, True),
        ("l4", SEVEN, {}, True),
        # the article: 128K on a card of 24 GB beside 16-bit weights
        ("l4", SEVEN, {"max-model-len": 131072}, False),
        ("l4", SEVEN, {"max-model-len": 131072, "quantization": "fp8"}, True),
        ("a100-40", "Qwen/Qwen2.5-14B-Instruct", {}, True),
        ("a100-40", "Qwen/Qwen2.5-32B-Instruct", {}, False),
        ("a100-80", "Qwen/Qwen2.5-72B-Instruct", {"tensor-parallel-size": 2}, False),
        ("a100-80", "Qwen/Qwen2.5-72B-Instruct", {"tensor-parallel-size": 2, "max-model-len": -1}, True),
        ("a100-80", "Qwen/Qwen2.5-72B-Instruct", {"tensor-parallel-size": 4}, True),
        ("h200", "Qwen/Qwen2.5-72B-Instruct", {"quantization": "fp8"}, True),
    ],
)
def test_what_fits(gpu: str, model: str, flags: dict[str, Any], fits: bool) -> None:
    _, found = planned(gpu, model, **flags)
    assert found.fits is fits
    assert (found.short_gib == 0) is fits


def test_what_is_missing_is_what_makes_it_fit() -> None:
    facts, model = find("t4"), shape(SEVEN)
    options = serving({"dtype": "half", "max-model-len": 4096}, model, facts)
    short = fit(model, options, facts.memory_gib).short_gib
    enough = facts.memory_gib + short / options.gpu_memory_utilization
    assert not fit(model, options, enough - 0.01).fits
    assert fit(model, options, enough + 0.01).fits
    assert fit(model, options, enough + 0.01).max_model_len == 4096


def test_a_length_of_minus_one_takes_what_there_is_up_to_the_models_own() -> None:
    assert planned("h200", max_model_len=-1)[1].max_model_len == 32768
    little = planned("rtx3090", max_model_len=-1, gpu_memory_utilization=0.72)[1]
    assert little.fits
    assert little.max_model_len == little.kv_tokens < 32768


def test_tensor_parallelism_shares_weights_and_cache() -> None:
    one, two = planned("a100-40")[1], planned("a100-40", tensor_parallel_size=2)[1]
    assert two.weights_gib == pytest.approx(one.weights_gib / 2)
    assert two.kv_tokens > 2.5 * one.kv_tokens


def test_the_steps_can_be_followed() -> None:
    _, found = planned("l4")
    assert found.kv_gib == pytest.approx(22.494 * 0.92 - found.weights_gib - found.overhead_gib, abs=0.001)
    assert found.kv_tokens == int(found.kv_gib * GIB / 57344) // 16 * 16
    assert found.sequences == {length: found.kv_tokens // length for length in (1024, 4096, 32768, 131072)}
    text = "\n".join(found.steps)
    for figure in (
        "22.49 GiB x 0.92 = 20.69",
        "7.62 billion x 2 bytes = 14.19",
        f"= {found.kv_tokens:,}",
        "57,344 bytes",
    ):
        assert figure in text


@pytest.mark.parametrize(
    ("profile", "gpu", "quantization"),
    [("t4-gptq", "t4", "gptq"), ("l4-awq", "l4", "awq"), ("l4-fp8", "l4", "fp8"), ("l4-bf16", "l4", "bf16")],
)
def test_a_profiles_flags_are_understood(profile: str, gpu: str, quantization: str) -> None:
    flags = profiles()[profile].flags
    options = serving(flags, shape(str(flags["model"])), find(gpu))
    assert options.quantization == quantization
    assert options.max_model_len == -1
    assert (options.tensor_parallel_size, options.yarn, options.max_position_embeddings) == (1, False, 32768)


def test_yarn_and_two_cards_are_understood() -> None:
    long = serving(profiles()["long-context"].flags, shape(SEVEN), find("a100-40"))
    assert (long.yarn, long.max_position_embeddings, long.max_model_len) == (True, 131072, 131072)
    two = serving(profiles()["a100-40-tp2"].flags, shape(SEVEN), find("a100-40"))
    assert (two.tensor_parallel_size, two.gpus) == (2, 2)


@pytest.mark.parametrize(("gpu", "limits"), [("l4", (256, 2048)), ("a100-80", (256, 2048)), ("h100", (1024, 8192))])
def test_vllms_defaults_for_batches(gpu: str, limits: tuple[int, int]) -> None:
    options, _ = planned(gpu)
    assert (options.max_num_seqs, options.max_num_batched_tokens) == limits
    assert options.gpu_memory_utilization == 0.92
    own, _ = planned(gpu, max_num_seqs=8, max_num_batched_tokens=512)
    assert (own.max_num_seqs, own.max_num_batched_tokens) == (8, 512)


@pytest.mark.parametrize(
    ("flags", "without"),
    [
        ({"pipeline-parallel-size": 4}, {"pipeline-parallel-size": 1}),
        ({"quantization": "bitsandbytes"}, {"quantization": "fp8_per_tensor"}),
        ({"dtype": "float32"}, {"dtype": "bfloat16"}),
        ({"kv-cache-dtype": "nvfp4"}, {"kv-cache-dtype": "int8_per_token_head"}),
        ({"cpu-offload-gb": 8}, {"cpu-offload-gb": 0}),
        ({"kv-cache-memory-bytes": "2G"}, {"max-model-len": -1}),
    ],
)
def test_a_flag_that_is_not_reckoned_with_is_named(flags: dict[str, Any], without: dict[str, Any]) -> None:
    ((name, value),) = flags.items()
    assert not_modelled(flags, shape(SEVEN)) == f"--{name} {value}"
    assert not_modelled(without, shape(SEVEN)) is None


@pytest.mark.parametrize(
    ("model", "flags", "bits"),
    [
        (SEVEN, {}, 16),
        (SEVEN, {"quantization": "fp8"}, 8),
        (SEVEN, {"quantization": "int8_x"}, 8),
        (f"{SEVEN}-AWQ", {}, 4),
    ],
)
def test_the_bits_of_weights(model: str, flags: dict[str, Any], bits: int) -> None:
    assert planned("l4", model, **flags)[0].weight_bits == bits


def test_kernels_names_are_those_of_their_weights() -> None:
    assert planned("l4", f"{SEVEN}-AWQ", quantization="awq_marlin")[0].quantization == "awq"
    assert planned("t4", dtype="half")[0].quantization == "fp16"
