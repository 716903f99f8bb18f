"""The report's section on what is possible: each load against bandwidth, arithmetic and KV cache, and the estimate."""

from __future__ import annotations

from collections.abc import Iterator

from backend.benchmark.cost import Point
from backend.benchmark.judge import Judgement, looked_at, tflops, weights_name
from backend.benchmark.report_blocks import Block, Paragraph, Row, Table
from backend.benchmark.report_measured import Measured, load
from backend.benchmark.report_text import Text, joined, number, percent, plain, say
from backend.measurements import measurements
from backend.planning import WITHIN_ELSEWHERE, WITHIN_MEASURED
from backend.speed import ceiling_tokens_s, read_bytes


def limits(one: Measured) -> Iterator[Block]:
    """What the ceilings are, every load beside them, and what follows."""
    judged = [(point, one.judge(point)) for point in one.points]
    yield from _ceilings(one)
    gpu = one.machine.serving is not None
    head = [say("load"), say("output_s"), *((_gpu_head()) if gpu else ())]
    head += [say("kv_needed"), say("kv_used"), say("waiting")]
    rows = [Row([load(point), plain(number(point["figures"]["output_throughput"], 1)), *_cells(point, found, gpu)])
            for point, found in judged]  # fmt: skip
    yield Table(say("limits_caption"), head, rows)
    yield from _verdicts(one, judged)


def _gpu_head() -> list[Text]:
    return [
        say("least_tpot"),
        say("tpot"),
        say("of_bandwidth"),
        say("of_compute"),
        say("estimated_s"),
        say("estimate_off"),
    ]


def _cells(point: Point, found: Judgement, gpu: bool) -> list[Text]:
    figures = point["figures"]
    cells = []
    if gpu:
        guess = found.estimate.output_throughput if found.estimate else None
        off = f"{round(100 * guess / figures['output_throughput'] - 100) or 0:+d} %" if guess else "–"
        cells += [number(found.least_tpot_ms, 2), number(figures["median_tpot_ms"], 2)]
        cells += [percent(found.bandwidth), percent(found.compute), number(guess), off]
    served = looked_at(point)
    fullest = max((one["max_kv_cache_usage"] for one in served if "max_kv_cache_usage" in one), default=None)
    waiting = max(
        (one["max_num_requests_waiting"] for one in served if "max_num_requests_waiting" in one), default=None
    )
    return [plain(cell) for cell in (*cells, percent(found.kv), percent(fullest), number(waiting))]


def _ceilings(one: Measured) -> Iterator[Block]:
    machine = one.machine
    facts, shape, serving = machine.facts, machine.shape, machine.serving
    if machine.on_cpu:
        yield Paragraph(say("no_ceiling_cpu"))
    elif facts is None:
        yield Paragraph(say("no_ceiling_gpu", machine=machine.name))
    elif shape is None:
        yield Paragraph(say("no_ceiling_model", model=one.model))
    elif serving is None:
        yield Paragraph(say("no_ceiling_flags"))
    else:
        yield Paragraph(
            say(
                "ceiling",
                machine=machine.name,
                bandwidth=number(facts.bandwidth_gb_s * serving.tensor_parallel_size),
                weights=number(read_bytes(shape, serving.quantization) / 1e9, 2),
                kind=weights_name(serving),
                ceiling=number(ceiling_tokens_s(shape, serving, facts)),
                tflops=number(tflops(serving, facts)),
            )
        )
        yield Paragraph(say("facts_from", source=facts.source, date=facts.date), "note")
        if machine.flags is None:
            yield Paragraph(say("flags_assumed"), "warning")
        if machine.speculates:
            yield Paragraph(say("speculates"), "note")
        ours = any(run.gpu == facts.id for run in measurements().ours())
        within = say("estimate_of_other_card", share=percent(WITHIN_ELSEWHERE))
        if ours:
            within = say("estimate_of_measured_card", share=percent(WITHIN_MEASURED))
        yield Paragraph(joined([say("estimate_basis"), within]), "note")


def _verdicts(one: Measured, judged: list[tuple[Point, Judgement]]) -> Iterator[Block]:
    near = [
        (getattr(found, found.nearest), found.nearest, point)
        for point, found in judged
        if found.nearest and not found.impossible
    ]
    if near:
        share, which, point = max(near, key=lambda one: float(one[0]))
        yield Paragraph(say("nearest", load=load(point), share=percent(share), which=say(f"limit_of_{which}")))
    first = judged[0][1]
    if first.kv_tokens is not None:
        key = "kv_reported" if first.kv_reported else "kv_estimated"
        yield Paragraph(say(key, tokens=number(first.kv_tokens)))
    for point, found in judged:
        if found.kv is not None and found.kv > 1:
            yield Paragraph(say("kv_too_small", load=load(point), share=percent(found.kv)))
