"""vLLM's command line as a mapping, and back."""

from __future__ import annotations

import pytest

from backend.flags import from_words, to_words
from backend.refusal import Refusal


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


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (["--max-model-len", "32k"], {"max-model-len": 32_000}),
        (["--max-model-len", "32K"], {"max-model-len": 32 * 1024}),
        (["--max-model-len", "auto"], {"max-model-len": -1}),
        (["--max-num-batched-tokens", "4k"], {"max-num-batched-tokens": 4000}),
        (["--max-num-batched-tokens", "1.5k"], {"max-num-batched-tokens": 1500}),
        (["--gpu-memory-utilization", "1"], {"gpu-memory-utilization": 1.0}),
        (["--gpu-memory-utilization", "9e-1"], {"gpu-memory-utilization": 0.9}),
        (["--max-num-seqs", "4", "-O3"], {"max-num-seqs": 4, "O3": True}),
    ],
)
def test_numbers_are_read_as_vllm_reads_them(words: list[str], flags: dict[str, object]) -> None:
    assert from_words(words) == flags


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-model-len", "abc"], "--max-model-len abc: give a whole number, such as 32768 or 32k, or auto."),
        (["--max-num-seqs", "x"], "--max-num-seqs x: give a whole number of 1 or more."),
        (["--tensor-parallel-size", "x"], "--tensor-parallel-size x: give a whole number"),
        (["-tp", "0"], "--tensor-parallel-size 0: give a whole number of 1 or more"),
        (["--max-num-seqs"], "--max-num-seqs: give a whole number"),
        (["--gpu-memory-utilization", "1.5"], "--gpu-memory-utilization 1.5: it is not a share between 0 and 1"),
        (["--gpu-memory-utilization", "nan"], "--gpu-memory-utilization nan: it is not a share between 0 and 1"),
        (["--gpu-memory-utilization", "much"], "--gpu-memory-utilization much: it is not a share between 0 and 1"),
        (["--speculative-config", '{"broken'], '--speculative-config {"broken: this is not JSON, such as \'{"method"'),
        (["--hf-overrides", "{bad"], '--hf-overrides {bad: this is not JSON, such as \'{"max_position_embeddings"'),
        (["--hf-overrides", "word"], "--hf-overrides word: this is not JSON"),
    ],
)
def test_what_can_not_be_read_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        from_words(words)
    assert str(refused.value).startswith(said)
