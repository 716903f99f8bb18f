"""The server's own figures during a run: its queue and its cache, from vLLM's `/metrics`, read once a second.

Gauges (running, waiting, share of the KV cache) are told as mean and maximum of the samples taken while a run went on,
and not at all where it was over before the first; counters as what a run added. Other servers have no such page, and
then there are none.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable

from backend.benchmark.endpoint import Endpoint

EVERY_S = 1.0
# vLLM's name → ours; over several engines the first are added up, of a share the greatest counts
GAUGES = {
    "vllm:num_requests_running": "num_requests_running",
    "vllm:num_requests_waiting": "num_requests_waiting",
    "vllm:kv_cache_usage_perc": "kv_cache_usage",
}
COUNTERS = {
    "vllm:prefix_cache_queries_total": "prefix_cache_queries",
    "vllm:prefix_cache_hits_total": "prefix_cache_hits",
    "vllm:num_preemptions_total": "num_preemptions",
    "vllm:prompt_tokens_total": "prompt_tokens",
    "vllm:generation_tokens_total": "generation_tokens",
    "vllm:request_queue_time_seconds_sum": "queue_time_s",
    "vllm:request_queue_time_seconds_count": "queued_requests",
    "vllm:spec_decode_num_draft_tokens_total": "spec_decode_draft_tokens",
    "vllm:spec_decode_num_accepted_tokens_total": "spec_decode_accepted_tokens",
}
CONFIG = "vllm:cache_config_info"
_LINE = re.compile(r"^(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def read(text: str) -> dict[str, float]:
    """What is of interest on a `/metrics` page, under our names."""
    values: defaultdict[str, float] = defaultdict(float)
    for line in _LINE.finditer(text):
        name, value = line["name"], line["value"]
        if name == "vllm:kv_cache_usage_perc":
            values["kv_cache_usage"] = max(values["kv_cache_usage"], float(value))
        elif ours := GAUGES.get(name) or COUNTERS.get(name):
            values[ours] += float(value)
    return dict(values)


def cache_config(text: str) -> dict[str, str]:
    """The labels of `vllm:cache_config_info`: block size, number of blocks, cache type, prefix caching, …"""
    for line in _LINE.finditer(text):
        if line["name"] == CONFIG:
            return {key: value for key, value in _LABEL.findall(line["labels"] or "") if value != "None"}
    return {}


async def page(endpoint: Endpoint) -> str:
    """The `/metrics` page; empty where there is none."""
    try:
        status, body = await endpoint.wire.fetch("GET", f"{endpoint.root}/metrics", timeout_s=10)
    except OSError:  # TimeoutError is one
        return ""
    return body.decode(errors="replace") if status == 200 else ""


class Sampler:
    """`async with Sampler(endpoint) as sampler:` around a run, then `sampler.figures()`."""

    def __init__(self, endpoint: Endpoint, has_page: bool, on_sample: Callable[[], None] = lambda: None) -> None:
        self._endpoint = endpoint
        self._has_page = has_page
        self._on_sample = on_sample
        self._samples: list[dict[str, float]] = []

    async def __aenter__(self) -> Sampler:
        await self._sample()
        self._task = asyncio.get_running_loop().create_task(self._watch())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._sample()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._sample()
            self._on_sample()

    async def _sample(self) -> None:
        if self._has_page and (values := read(await page(self._endpoint))):
            self._samples.append(values)

    def figures(self) -> dict[str, float] | None:
        """None where the server tells nothing."""
        if len(self._samples) < 2:
            return None
        first, last = self._samples[0], self._samples[-1]
        within = self._samples[1:-1]  # before and after, the server is idle
        told: dict[str, float] = {"samples": len(within)}
        for name in GAUGES.values():
            values = [sample[name] for sample in within if name in sample]
            if values:
                told[f"mean_{name}"] = sum(values) / len(values)
                told[f"max_{name}"] = max(values)
        told |= {name: last[name] - first.get(name, 0.0) for name in COUNTERS.values() if name in last}
        if queries := told.get("prefix_cache_queries"):
            told["prefix_cache_hit_rate"] = told["prefix_cache_hits"] / queries
        if queued := told.get("queued_requests"):
            told["mean_queue_time_ms"] = told["queue_time_s"] / queued * 1000
        return told
