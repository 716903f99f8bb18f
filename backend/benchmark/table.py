"""A result as a table for the terminal."""

from __future__ import annotations

from typing import Any

from backend.benchmark.cost import repeats

COLUMNS = (
    ("output tok/s", "output_throughput", "{:.1f}"),
    ("req/s", "request_throughput", "{:.2f}"),
    ("goodput/s", "request_goodput", "{:.2f}"),
    ("TTFT ms", "median_ttft_ms", "{:.1f}"),
    ("p95", "p95_ttft_ms", "{:.1f}"),
    ("p99", "p99_ttft_ms", "{:.1f}"),
    ("TPOT ms", "median_tpot_ms", "{:.2f}"),
    ("p95", "p95_tpot_ms", "{:.2f}"),
    ("p99", "p99_tpot_ms", "{:.2f}"),
    ("ITL ms", "median_itl_ms", "{:.2f}"),
    ("p99", "p99_itl_ms", "{:.1f}"),
    ("E2EL ms", "median_e2el_ms", "{:.0f}"),
    ("p99", "p99_e2el_ms", "{:.0f}"),
    ("failed", "failed", "{:.0f}"),
)

GAUGES = (
    ("most running {:.0f}", "max_num_requests_running"),
    ("most waiting {:.0f}", "max_num_requests_waiting"),
    ("KV cache at most {:.1%} full", "max_kv_cache_usage"),
)


def aligned(rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell, the first to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) if number else cell.ljust(width) for number, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    )


def load_name(point: dict[str, Any]) -> str:
    """8 at once, or 2/s."""
    return f"{point['value']:g} at once" if point["kind"] == "concurrency" else f"{point['value']:g}/s"


def table(result: dict[str, Any]) -> str:
    """All loads, with a line above that says of what and lines below that say what stands out."""
    settings, scenario = result["settings"], result["scenario"]
    rows = [["load", *(title for title, _, _ in COLUMNS)]]
    notes: list[str] = []
    for point in result["points"]:
        values = [(point["figures"].get(key), form) for _, key, form in COLUMNS]
        rows.append([load_name(point), *("–" if value is None else form.format(value) for value, form in values)])
        notes += _notes(point)
    head = (
        f"{scenario['name']}, {scenario['prompts']} prompts, {settings['model']} at {settings['url']}; "
        f"{_medians(result['points'])}"
    )
    if left := scenario["left_out"]:
        head += f"; {len(left)} prompts left out that do not fit the context"
    return "\n".join([head, "", aligned(rows), "", *notes, *_failed(result["points"])])


def _medians(points: list[dict[str, Any]]) -> str:
    """Of what there is: fewer repeats than were wanted where it was stopped, and then some loads with one more."""
    counts = sorted({len(repeats(point)) for point in points})
    if counts == [1]:
        return "one repeat"
    return f"medians of {' or '.join(map(str, counts))} repeats"


def _failed(points: list[dict[str, Any]]) -> list[str]:
    """The sentence that a reader must not miss: such figures may be of a server that died."""
    figures = [part["figures"] for point in points for part in point["repeats"]]
    failed, answered = (sum(one[name] for one in figures) for name in ("failed", "completed"))
    if not failed:
        return []
    return [
        "",
        f"{failed} of {failed + answered} requests failed: the figures are of the {answered} that were answered alone. "
        "Why they failed stands above; put it right and measure again.",
    ]


def _notes(point: dict[str, Any]) -> list[str]:
    notes = []
    name = load_name(point)
    parts = point["repeats"]
    for part in parts:
        notes += [f"{name}: {told['count']} × {kind}: {told['first']}" for kind, told in part["errors"].items()]
    served = [part["server"] for part in parts if part["server"]]
    if served:
        seen = [
            form.format(max(values)) for form, key in GAUGES if (values := [one[key] for one in served if key in one])
        ]
        told = seen or ["each run was over before its queue was looked at, which is once a second"]
        rates = [one["prefix_cache_hit_rate"] for one in served if "prefix_cache_hit_rate" in one]
        told += [f"{rates[0]:.0%} of prompt tokens found in its cache"] if rates else []
        notes.append(f"{name}: the server: {', '.join(told)}")
    if uncounted := sum(part.get("not_counted_by_server", 0) for part in parts):
        notes.append(
            f"{name}: the server counted no tokens of {uncounted} answers: each of their chunks is taken for one, "
            "which may be fewer than there were, and their prompts for none"
        )
    late = max(part["client"]["latest_start_ms"] for part in parts)
    cpu = max(part["client"]["cpu_percent"] for part in parts)
    notes.append(f"{name}: the client: {cpu:.1f} % of a core" + (f", latest start {late:.1f} ms" if late else ""))
    return notes
