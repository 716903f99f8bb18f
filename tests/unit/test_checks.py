"""What is refused before anything is downloaded, on simulated machines: each with the remedy, and by how much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend import models
from backend.build import Build
from backend.checks import Refusal, check, check_build
from backend.fitting import check_cpu_memory, check_gpu_memory, size_bytes
from backend.hardware import Gpu, Hardware
from backend.models import ModelShape
from backend.profiles import FOLDER, profiles
from tests.unit.launcher_plans import A100, CPU, L4, QWEN, T4, YARN, machine, refusal

CUDA_13 = Build("cuda", (13, 0))
SMALL = models.shape("Qwen/Qwen2.5-0.5B-Instruct")


# --- the build of vLLM and the machine


def test_fault_70_a_container_without_nvidias_runtime() -> None:
    """The launcher refuses in a sentence that names what the container lacks, before anything is downloaded."""
    hardware = replace(CPU, driver="570.86", gpu_reason="no NVML, though the kernel runs NVIDIA's driver 570.86")
    with pytest.raises(Refusal, match=r"can reach none: .*driver 570\.86.*NVIDIA Container Toolkit.*--gpus all"):
        check_build(hardware, CUDA_13)
    check_build(hardware, Build("cpu"))


def test_fault_70_a_build_for_gpus_without_one() -> None:
    """vLLM for GPUs on a machine without one is refused in a sentence that names the remedy."""
    with pytest.raises(Refusal, match=r"there is none: no NVIDIA driver\. docker-compose\.cpu\.yml and `make demo`"):
        check_build(CPU, CUDA_13)


def test_a_driver_that_is_too_old() -> None:
    old = machine(L4, driver="550.54.14", cuda=(12, 4))
    with pytest.raises(
        Refusal, match=r"driver 550\.54\.14 is too old: .* up to 12\.4, .* for 13\.0: install driver 580"
    ):
        check_build(old, CUDA_13)
    check_build(old, CUDA_13, forward_compatible=True)
    check_build(old, Build("cuda", (12, 9)))  # minor versions of CUDA run on the driver of their major version
    check_build(machine(L4), CUDA_13)


def test_a_cpu_without_avx2() -> None:
    with pytest.raises(Refusal, match="lacks AVX2, which vLLM needs"):
        check_build(replace(CPU, instruction_sets=("fma", "sse4_2")), Build("cpu"))


# --- the GPUs


def test_bf16_on_a_t4() -> None:
    said = refusal(machine(T4), dtype="bfloat16")
    assert "Tesla T4 (compute capability 7.5) does not compute in BF16" in said
    assert "-- --dtype half" in said
    assert check(machine(T4), {"dtype": "half"}, QWEN) == []
    assert check(machine(A100), {"dtype": "bfloat16"}, QWEN) == []


def test_more_gpus_than_there_are() -> None:
    said = refusal(machine(L4), tensor_parallel_size=2, data_parallel_size=2)
    assert said.startswith("4 GPUs are asked for and 1 can be used here (found: them)")


def test_gpus_unlike_each_other() -> None:
    said = refusal(machine(L4, A100, A100), data_parallel_size=3)
    assert "unlike each other (1 × NVIDIA L4, 2 × NVIDIA A100-SXM4-80GB)" in said
    assert "CUDA_VISIBLE_DEVICES=1,2, and a profile for 2" in said


def test_one_of_unlike_gpus_is_named() -> None:
    (warning,) = check(machine(L4, A100), {}, QWEN)
    assert "NVIDIA L4 is used; CUDA_VISIBLE_DEVICES chooses another" in warning


def test_a_gpu_in_use_by_others() -> None:
    said = refusal(machine(replace(L4, free_gib=12.5, others=1)))
    assert "NVIDIA L4 (number 0) is in use by 1 other process: 12.5 of 22.5 GiB are free" in said
    assert "vLLM would take 20.7, 8.2 GiB more" in said
    assert "`-- --gpu-memory-utilization 0.51`" in said
    assert "CUDA_VISIBLE_DEVICES" not in said


def test_a_gpu_in_use_while_another_is_free() -> None:
    assert "choose another GPU, CUDA_VISIBLE_DEVICES=1" in refusal(machine(replace(L4, free_gib=1.0, others=2), L4))


def test_a_smaller_share_fits_beside_the_others() -> None:
    busy = machine(replace(L4, free_gib=12.5, others=2))
    assert check(busy, {"gpu-memory-utilization": 0.5}, QWEN) == [
        "NVIDIA L4 (number 0) is shared with 2 other processes: it will be slower"
    ]


# --- memory


def too_large(hardware: Hardware, shape: ModelShape, **flags: object) -> str:
    with pytest.raises(Refusal) as refused:
        check_gpu_memory(hardware, {name.replace("_", "-"): value for name, value in flags.items()}, shape)
    return str(refused.value)


def test_fault_71_a_model_that_does_not_fit_a_t4() -> None:
    """The launcher refuses in a sentence with the arithmetic and what would fit, before anything is downloaded."""
    said = too_large(machine(T4), QWEN, dtype="half", max_model_len=-1)
    assert said.startswith("Qwen/Qwen2.5-7B-Instruct does not fit: ")
    missing = float(said.split("does not fit: ")[1].split(" GiB")[0])
    assert 1 < missing < 4, "14.2 GiB of weights and the overhead, in 92 % of 15 GiB"
    assert "`--profile t4-gptq` with the model it names" in said, "4-bit weights of the same model"
    assert "--model Qwen/Qwen2.5-7B-Instruct-" in said
    assert "--model Qwen/Qwen2.5-3B-Instruct" in said
    assert "--quantization fp8" not in said, "a T4 has no use for it"


def test_fault_71_a_context_that_does_not_fit_names_the_one_that_does() -> None:
    """The launcher names the longest context that the memory has room for."""
    flags = {"max-model-len": 131072, "hf-overrides": YARN}
    said = too_large(machine(L4), QWEN, **flags)
    assert "does not fit with 131,072 tokens of context" in said
    length = int(said.split("--max-model-len ")[1].split("`")[0])
    check_gpu_memory(machine(L4), {**flags, "max-model-len": length}, QWEN)
    assert "--quantization fp8" in said
    check_gpu_memory(machine(L4), {**flags, "quantization": "fp8"}, QWEN)


def test_a_smaller_model_is_looked_for_with_the_same_flags() -> None:
    large = models.shape("Qwen/Qwen2.5-32B-Instruct")
    said = too_large(machine(L4), large, quantization="fp8", max_model_len=-1)
    assert "--model Qwen/Qwen2.5-14B-Instruct" in said


def test_a_large_model_is_offered_more_gpus() -> None:
    large = models.shape("Qwen/Qwen2.5-72B-Instruct")
    assert "2 such GPUs, `-- --tensor-parallel-size 2`" in too_large(machine(A100), large, max_model_len=8192)


def test_a_large_model_is_split_among_the_gpus_that_are_here() -> None:
    large, replicas = models.shape("Qwen/Qwen2.5-72B-Instruct"), {"quantization": "fp8", "data-parallel-size": 4}
    said = too_large(machine(*[A100] * 4), large, max_model_len=32768, **replicas)
    assert (
        "What would fit: the model split among the GPUs, `-- --tensor-parallel-size 2 --data-parallel-size 2`" in said
    )
    split = {**replicas, "max-model-len": 32768, "tensor-parallel-size": 2, "data-parallel-size": 2}
    check_gpu_memory(machine(*[A100] * 4), split, large)


def test_a_card_that_nothing_is_known_of_is_judged_by_what_its_driver_says() -> None:
    unknown = Gpu("NVIDIA Something New", 15.0, 15.0, (9, 0))
    assert "NVIDIA Something New (15.0 GiB" in too_large(machine(unknown), QWEN, max_model_len=-1)
    assert check_gpu_memory(machine(replace(unknown, memory_gib=48.0)), {"max-model-len": -1}, QWEN).fits


def test_a_model_that_does_not_fit_the_memory_of_a_container() -> None:
    tight = replace(CPU, memory_gib=4.0, memory_reason="4.0 GiB, the limit of this container or service")
    with pytest.raises(Refusal) as refused:
        check_cpu_memory(tight, {}, QWEN)
    assert "its weights take 14.2 GiB and vLLM itself 1.2" in str(refused.value)
    assert "the limit of this container or service, 11.4 GiB too few" in str(refused.value)
    assert "--model Qwen/Qwen2.5-0.5B-Instruct" in str(refused.value)


def test_a_cache_larger_than_the_memory_is_warned_of() -> None:
    (warning,) = check_cpu_memory(replace(CPU, memory_gib=3.0), {"kv-cache-memory-bytes": "2G"}, SMALL)
    assert "lower it with -- --kv-cache-memory-bytes" in warning
    assert check_cpu_memory(CPU, {"kv-cache-memory-bytes": "2G"}, SMALL) == []


@pytest.mark.parametrize(("text", "size"), [("256M", 256 * 1024**2), ("2G", 2 * 1024**3), ("1.5k", 1500), (4096, 4096)])
def test_sizes_as_vllm_writes_them(text: object, size: float) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("name", [name for name in profiles() if not name.startswith("cpu")])
def test_no_profile_is_refused_on_a_large_machine(name: str) -> None:
    """The checks are about what can't work, not about what is unusual."""
    flags = profiles()[name].flags
    hardware = machine(*[Gpu("NVIDIA H200", 140.0, 139.0, (9, 0))] * 8)
    assert check(hardware, flags, models.shape(str(flags["model"]))) == [], FOLDER / f"{name}.yaml"
