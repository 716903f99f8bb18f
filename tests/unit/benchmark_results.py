"""Results as `run` writes them, for tests of what reads them: figures given, the rest filled in."""

from __future__ import annotations

from typing import Any

H200 = {
    "name": "NVIDIA H200",
    "memory_gib": 140.401,
    "free_gib": 140.0,
    "compute_capability": [9, 0],
}
SEVEN = "Qwen/Qwen2.5-7B-Instruct"
VLLM = ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", SEVEN]
# measured on one H200 with BF16 (backend/data/measurements.yaml): users, tokens/s, TTFT, TPOT
MEASURED = ((1, 207, 20, 4.8), (8, 1564, 80, 5.0), (64, 9015, 464, 6.1), (256, 14679, 1700, 14.1))


def point(
    value: float,
    tokens_s: float,
    ttft_ms: float,
    tpot_ms: float | None,
    *,
    kind: str = "concurrency",
    tokens: tuple[int, int] = (512, 512),
    count: int = 20,
    slow: int = 0,
    failed: int = 0,
    server: dict[str, float] | None = None,
) -> dict[str, Any]:
    """One load: `count` answers, of which `slow` waited ten times as long for the first token, and `failed` more."""
    duration = count * tokens[1] / tokens_s if tokens_s else 1.0
    figures: dict[str, float | None] = {
        "duration": duration,
        "completed": count,
        "failed": failed,
        "total_input_tokens": count * tokens[0],
        "total_output_tokens": count * tokens[1],
        "request_throughput": count / duration,
        "output_throughput": tokens_s,
        "max_concurrent_requests": value,
    }
    for name, ms in (("ttft", ttft_ms), ("tpot", tpot_ms), ("e2el", ttft_ms + (tpot_ms or 0) * (tokens[1] - 1))):
        figures |= {f"median_{name}_ms": ms, f"p95_{name}_ms": ms, f"p99_{name}_ms": ms}
    request = {"ttft_ms": ttft_ms, "tpot_ms": tpot_ms, "e2el_ms": figures["median_e2el_ms"]}
    requests: list[dict[str, Any]] = [dict(request) for _ in range(count - slow)]
    requests += [request | {"ttft_ms": 10 * ttft_ms} for _ in range(slow)]
    requests += [{"ttft_ms": None, "tpot_ms": None, "e2el_ms": 1.0, "error": "timeout"} for _ in range(failed)]
    part = {
        "complete": True,
        "figures": figures,
        "errors": {},
        "server": server,
        "client": {"cpu_percent": 1.0, "mean_streams": float(value), "latest_start_ms": 0.0},
        "requests": requests,
    }
    return {"kind": kind, "value": value, "figures": dict(figures), "spread": {}, "repeats": [part]}


def result(
    points: list[dict[str, Any]] | None = None,
    *,
    gpus: list[dict[str, Any]] | None = None,
    command_line: list[str] | None = None,
    model: str = SEVEN,
    local: bool = True,
    goodput_ms: dict[str, float] | None = None,
    cache_config: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Of an H200 unless `gpus` says otherwise (an empty list: of a CPU; `local`: whether the server was there)."""
    cards = [H200] if gpus is None else gpus
    hardware: dict[str, Any] = {"system": "Linux", "machine": "x86_64", "cores": 2, "gpus": cards}
    if not local:
        hardware.pop("gpus")
    return {
        "format": "pagoda-benchmark",
        "version": 1,
        "complete": True,
        "stopped": None,
        "started": "2026-11-25T00:00:00+00:00",
        "finished": "2026-11-25T00:01:00+00:00",
        "command": "python -m backend.benchmark run --out a|b.json",
        "settings": {"repeats": 3, "goodput_ms": {} if goodput_ms is None else goodput_ms},
        "scenario": {
            "name": "article",
            "sha256": "0123456789abcdef",
            "prompts": 100,
            "left_out": [],
            "prompt_tokens": {"least": 500, "median": 512.0, "most": 530},
        },
        "server": {
            "url": "http://127.0.0.1:8000/v1",
            "model": model,
            "card": {"id": model, "root": model},
            "version": "0.32.0",
            "max_model_len": 32768,
            "cache_config": cache_config or {},
            "command_line": VLLM if command_line is None else command_line or None,
        },
        "client": {
            "python": "3.11.7",
            "platform": "Linux",
            "cpu": "AMD EPYC",
            "pagoda_commit": None,
            "hardware": hardware,
        },
        "points": [point(*figures) for figures in MEASURED] if points is None else points,
        "answers": [],
    }
