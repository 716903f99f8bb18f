"""Measure an inference server: scenarios as data, a streaming clock per token, one JSON file as the result.

`python -m backend.benchmark --help`; docs/benchmark.md says what is measured and how. `run` needs the standard library
alone; `report` and `compare` need PyYAML and pydantic, which the app's environment, `.venv-backend` and vLLM's images
have; `flags` and `agree` need vLLM, `quality` also sacrebleu.
"""
