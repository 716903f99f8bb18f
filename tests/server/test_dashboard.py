"""Every figure that the dashboard and the alerts ask for is told by the real app or the real vLLM."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy/monitoring"
DASHBOARD = json.loads((MONITORING / "grafana/dashboards/pagoda.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((MONITORING / "prometheus/alerts.yml").read_text(encoding="utf-8"))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES += [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
WRITTEN_BY_PROMETHEUS = {"up"}
ENDINGS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def asked(query: str) -> set[str]:
    """The names of metrics in PromQL: what is left without strings, labels, times, functions and words."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)', " ", query)
    return set(re.findall(r"\b[a-z_:][a-z0-9_:]*\b(?! *\()", bare))


def told(url: str) -> set[str]:
    """The names that a /metrics declares."""
    text = httpx.get(url, timeout=30).raise_for_status().text
    kinds = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    return {name + ending for name, kind in kinds for ending in ENDINGS[kind]}


def test_names_are_found_in_queries() -> None:
    query = 'histogram_quantile(0.5, sum by (le) (rate(a:b_bucket{job="x"}[5m]))) > 2 * c_total'
    assert asked(query) == {"a:b_bucket", "c_total"}


@pytest.mark.parametrize("query", QUERIES)
def test_the_figure_is_told(query: str, app_url: str, vllm_url: str) -> None:
    names = asked(query) - WRITTEN_BY_PROMETHEUS
    assert names or "up{" in query
    assert names <= told(f"{app_url}/metrics") | told(vllm_url.removesuffix("/v1") + "/metrics")
