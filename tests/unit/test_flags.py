"""vLLM's command line as a mapping, and back."""

from __future__ import annotations

import pytest

from backend.flags import from_words, to_words


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (["--max-num-seqs", "4"], {"max-num-seqs": 4}),
        (["--max-num-seqs=4"], {"max-num-seqs": 4}),
        (["--max_model_len", "-1"], {"max-model-len": -1}),
        (["-tp", "2", "-dp=4"], {"tensor-parallel-size": 2, "data-parallel-size": 4}),
        (["--enforce-eager", "--no-enable-prefix-caching"], {"enforce-eager": True, "enable-prefix-caching": False}),
        (["--served-model-name", "a", "b"], {"served-model-name": ["a", "b"]}),
        (["--hf-overrides", '{"a": {"b": 4.0}}'], {"hf-overrides": {"a": {"b": 4.0}}}),
        (
            ["--hf-overrides.rope_parameters.rope_type", "yarn"],
            {"hf-overrides": {"rope_parameters": {"rope_type": "yarn"}}},
        ),
        (["--kv-cache-memory-bytes", "2G"], {"kv-cache-memory-bytes": "2G"}),
        (["--gpu-memory-utilization", "0.5", "--gpu-memory-utilization", "0.6"], {"gpu-memory-utilization": 0.6}),
        ([], {}),
    ],
)
def test_words_become_flags(words: list[str], flags: dict[str, object]) -> None:
    assert from_words(words) == flags


@pytest.mark.parametrize(
    "flags",
    [
        {"enable-lora": True, "max-loras": 2, "enable-prefix-caching": False},
        {"speculative-config": {"method": "ngram", "num_speculative_tokens": 4}},
        {"lora-modules": ["a=b", "c=d"]},
        {"max-model-len": -1, "kv-cache-dtype": "fp8"},
    ],
)
def test_there_and_back(flags: dict[str, object]) -> None:
    assert from_words(to_words(flags)) == flags


def test_a_mapping_is_written_as_json() -> None:
    assert to_words({"speculative-config": {"method": "ngram"}}) == ["--speculative-config", '{"method": "ngram"}']
