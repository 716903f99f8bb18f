"""Which profile `backend.profiles` chooses, and that the files are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from backend.hardware import Gpu, Hardware
from backend.profiles import BUNDLED_MODEL, ENVIRONMENT, FOLDER, NoProfile, choose, names

CPU = Hardware("Linux", "x86_64", 2, ("avx2", "fma"), 8.0, "8.0 GiB free", (), "no NVIDIA driver")
GPU = Hardware("Linux", "x86_64", 8, ("avx2", "fma"), 64.0, "64.0 GiB free", (Gpu("NVIDIA L4", 22.5),), "found: L4")


def test_a_cpu_gets_the_bundled_model() -> None:
    choice = choose(CPU, None, None, cpu_build=True)
    assert (choice.name, choice.model) == ("cpu-demo", str(BUNDLED_MODEL))
    assert choice.reason == "CPU, no NVIDIA driver; the bundled model"


def test_the_bundled_model_is_known_by_its_path() -> None:
    assert choose(CPU, f"{BUNDLED_MODEL}/", None, cpu_build=True).name == "cpu-demo"


def test_another_model_on_a_cpu() -> None:
    choice = choose(CPU, "Qwen/Qwen2.5-0.5B-Instruct", None, cpu_build=True)
    assert (choice.name, choice.model) == ("cpu", "Qwen/Qwen2.5-0.5B-Instruct")


def test_a_gpu_gets_its_profile_and_that_profiles_model() -> None:
    choice = choose(GPU, None, None, cpu_build=False)
    assert (choice.name, choice.model, choice.reason) == ("gpu", None, "found: L4")


def test_a_gpu_without_a_build_for_it_is_pointed_to_docker() -> None:
    choice = choose(GPU, None, None, cpu_build=True)
    assert choice.name == "cpu-demo"
    assert "NVIDIA L4 found" in choice.reason
    assert "docker compose" in choice.reason


def test_a_profile_asked_for_by_name_wins() -> None:
    assert choose(GPU, "some/model", "cpu", cpu_build=False).name == "cpu"


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NoProfile, match=r"no profile 'cqu'; there are cpu, cpu-demo, gpu"):
        choose(CPU, None, "cqu", cpu_build=True)


def test_only_a_local_model_turns_the_hub_off(tmp_path: Path) -> None:
    assert choose(CPU, str(tmp_path), None, cpu_build=True).environment["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in choose(CPU, "Qwen/Qwen2.5-0.5B", None, cpu_build=True).environment


def test_vllm_reports_nothing_to_its_makers() -> None:
    assert choose(GPU, None, None, cpu_build=False).environment["VLLM_NO_USAGE_STATS"] == "1"


def test_environments_belong_to_profiles() -> None:
    assert set(ENVIRONMENT) <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_file_holds_long_flag_names_and_says_how_it_is_used(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    flags = yaml.safe_load(text)
    assert f"--config backend/profiles/{name}.yaml" in text
    assert all(len(flag) > 1 and flag == flag.lower() and "_" not in flag for flag in flags)
    # the launcher gives these
    assert not {"host", "port", "api-key"} & set(flags)


@pytest.mark.parametrize("name", names())
def test_constrained_decoding_cannot_loop_in_white_space(name: str) -> None:
    flags = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    assert flags["structured-outputs-config"] == {"backend": "xgrammar", "disable_any_whitespace": True}
