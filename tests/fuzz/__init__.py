"""Fuzzing of what strangers and the model write into: `python -m tests.fuzz TARGET [CORPUS] [libFuzzer's options]`.

A target is a module here. Its `one_input(data)` takes any bytes and raises where something is wrong; `SEEDS` are inputs
to begin with, `FOUND` those that once showed a fault; `WORDS` are what to build others of, and `LONGEST` is the most
bytes that are worth trying. tests/unit/test_fuzz_targets.py runs each over its seeds, without a fuzzer.
"""
