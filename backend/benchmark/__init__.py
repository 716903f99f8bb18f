"""Measure an inference server: scenarios as data, a streaming clock per token, one JSON file as the result.

`python -m backend.benchmark run|compare|agree --help`; docs/benchmark.md says what is measured and how.
Standard library only, so that the same commands run in the app's environment, in `.venv-backend` and in vLLM's images.
"""
