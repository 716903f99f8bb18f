"""Machines that nobody has here, shown to the launcher's own command: no GPU, too little memory."""

from __future__ import annotations

import pytest

from backend import serve


@pytest.mark.parametrize("profile", ["l4-fp8", "h200-fp8"])
def test_fault_70_a_profile_for_gpus_without_one(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m backend.serve` ends with a sentence: the profile is for GPUs, and vLLM would run on the CPU."""
    assert serve.main(["--dry-run", "--profile", profile]) == 2
    assert f"The profile {profile} is for NVIDIA GPUs, and vLLM would run on the CPU" in capsys.readouterr().err


@pytest.mark.parametrize(("gpu", "model"), [("t4", "Qwen/Qwen2.5-7B-Instruct"), ("l4", "Qwen/Qwen2.5-32B-Instruct")])
def test_fault_71_a_model_that_does_not_fit(gpu: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m backend.serve` ends with a sentence: how much is missing, and what would fit."""
    assert serve.main(["--gpu", gpu, "--model", model, "--", "--dtype", "half"]) == 2
    said = capsys.readouterr().err
    assert f"{model} does not fit: " in said
    assert "GiB" in said
    assert "--model " in said
