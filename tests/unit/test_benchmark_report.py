"""The report: what it says of a GPU and of a CPU, in both languages, asking no other host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark.__main__ import main
from backend.benchmark.report_text import percent, placeholders, rounded, say, words
from backend.comparison import verdicts
from backend.models import shape
from backend.profiles import BUNDLED_MODEL
from tests.unit.benchmark_results import H200, VLLM, point, result

SOURCES = Path(__file__).resolve().parents[2] / "backend" / "benchmark"
CPU: dict[str, Any] = {"gpus": [], "model": "pagoda-demo", "command_line": ["vllm", "serve", "/gone/weights"]}

Report = Callable[..., tuple[str, str]]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Writes results, makes their report, and returns it as (HTML, Markdown)."""

    def make(*results: dict[str, Any], options: tuple[str, ...] = ("--price", "30")) -> tuple[str, str]:
        files = [tmp_path / f"r{number}.json" for number in range(len(results))]
        for file, one in zip(files, results, strict=True):
            file.write_text(json.dumps(one), encoding="utf-8")
        page, table = tmp_path / "page.html", tmp_path / "table.md"
        words = ["report", *map(str, files), "--out", str(page), "--markdown", str(table), "--force", *options]
        assert main(words) == 0
        return page.read_text(encoding="utf-8"), table.read_text(encoding="utf-8")

    return make


def rows(markdown: str, first: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith(f"| {first}")]


def test_the_articles_table_is_there_row_by_row_with_what_it_says(report: Report) -> None:
    _, table = report(result(goodput_ms={"ttft": 500, "tpot": 50}))
    english = table.partition("\n# ")[0]
    said = [line.split(" | ")[1:] for line in rows(english, "article, users not said")]
    assert said == [
        ["320", "180", "1.8", "100 |"],
        ["180", "320", "4.5", "71.1 |"],
        ["160", "360", "5.2", "69.2 |"],
        ["150", "340", "6", "56.7 |"],
        ["120", "580", "12", "48.3 |"],
    ]
    for verdict in verdicts():
        assert verdict.there is not None
        assert f"estimated, {verdict.users} users: as fast as said | {verdict.there.ttft_ms:,.0f} |" in english
    assert "**Not in the article: NVIDIA H200, " in english
    assert "measured here, 64 at once (BF16) | 464 | 9,015 | 30 | 300 |" in english


def test_a_measurement_of_a_row_of_the_article_stands_in_that_row(report: Report) -> None:
    l4 = H200 | {"name": "NVIDIA L4", "memory_gib": 22.494, "compute_capability": [8, 9]}
    _, table = report(result([point(4, 70, 300, 52)], gpus=[l4]), options=())
    group = table[table.index("**NVIDIA L4, FP16**") : table.index("**2 × NVIDIA A100")]
    assert "measured here, 4 at once (BF16) | 300 | 70 | 6 | 11.7 |" in group
    assert "Not in the article" not in table
    two = l4 | {"name": "NVIDIA L4"}
    _, table = report(result([point(4, 70, 300, 52)], gpus=[two, two], command_line=[*VLLM, "-tp", "2"]), options=())
    assert "**Not in the article: 2 × NVIDIA L4" in table


def test_a_cpu_is_no_gpu(report: Report) -> None:
    page, table = report(result([point(2, 95, 22, 20)], **CPU))
    assert "Measured on a CPU, with pagoda-demo" in page
    measured = table[table.index("## Every load") : table.index("## The article's table")]
    assert "Estimated" not in measured
    assert "TFLOP/s" not in table
    assert "estimated, 2 at once" not in table
    assert "The measurements of pagoda-demo are of another model and play no part here." in table
    assert "No price of a hosted API for pagoda-demo" in table
    assert not rows(table, "measured: ")


def test_a_small_model_is_said_to_be_one(report: Report) -> None:
    small: dict[str, Any] = {"model": "pagoda-demo", "command_line": ["vllm", "serve", str(BUNDLED_MODEL)]}
    page, _ = report(result([point(2, 95, 22, 20)], gpus=[], **small))
    millions = shape(str(BUNDLED_MODEL)).parameters / 1e6
    assert f"a model of {millions:.1f} million parameters. It says what this machine does" in page
    assert f"参数 {millions * 100:,.0f} 万" in page
    page, _ = report(result([point(2, 95, 22, 20)], **small))
    assert "and other shapes than the article" in page


def test_without_a_load_that_keeps_the_limits_it_says_so(report: Report) -> None:
    page, _ = report(result(goodput_ms={"ttft": 1}))
    assert "At no load did 95&nbsp;% of the requests keep the limits (first token within 1 ms)" in page
    page, _ = report(result(goodput_ms={"ttft": 1}), options=("--price", "30", "--goodput", "ttft:100"))
    assert "The best load is 8 at once" in page


def test_what_is_impossible_is_said_to_be_in_the_answer(report: Report) -> None:
    both = [point(1, 1000, 20, 1), point(2, 2000, 20, 1)]
    _, table = report(result([*both, point(4, 100, 20, 20)]))
    answer, _, rest = table.partition("## Every load")
    assert "Impossible on NVIDIA H200: 1 at once, 2 at once. The figures are beyond" in answer
    assert "Closest to a limit came 4 at once" in rest
    _, table = report(result(both, command_line=[]))
    assert "Impossible on NVIDIA H200 with the weights that are assumed: 1 at once, 2 at once." in table
    _, table = report(result())
    assert "Impossible" not in table


def test_failed_requests_are_told_in_the_answer(report: Report) -> None:
    healthy, dying = point(1, 50, 20, 10), point(2, 96, 20, 10, count=2, failed=38)
    _, table = report(result([healthy, dying]))
    answer = table[: table.index("## Every load")]
    assert "38 of 60 requests failed (38 × timeout). All other figures are of those that were answered" in answer
    assert "in which 95 % of the requests were answered: 1 at once." in answer
    _, table = report(result([dying]))
    assert "At no load were 95 % of the requests answered, so none is called the best." in table
    assert "The marked row" not in table
    _, table = report(result([healthy]))
    assert "requests failed" not in table


def test_the_best_load_is_marked_in_markdown_too(report: Report) -> None:
    _, table = report(result())
    assert rows(table, "**256 at once** | **14,679.0** | **0.568** | **0.291** |")
    assert rows(table, "64 at once | 9,015.0 | 0.924 |")


def test_repeats_are_counted_not_what_was_wanted(report: Report) -> None:
    once, twice = point(1, 50, 20, 10), point(2, 96, 20, 10)
    twice["repeats"] *= 2
    for points, said in (
        ([once], "article, measured once. TTFT"),
        ([twice], "article, medians over 2 repeats. TTFT"),
        ([once, twice], "article, medians over 1–2 repeats. TTFT"),
    ):
        _, table = report(result(points))
        assert said in table


def test_a_server_that_counts_no_prompts_is_not_said_to_have_had_none(report: Report) -> None:
    uncounted = result([point(1, 50, 20, 10, tokens=(0, 100)), point(4, 150, 20, 10, tokens=(0, 100))])
    uncounted["scenario"]["prompt_tokens"] = {"least": None, "median": None, "most": None}
    page, table = report(uncounted, options=("--price", "30", "--api-price", "0.6,1.5"))
    assert "The server does not count tokens: each piece of an answer is taken for one" in table
    assert "for 5,400 turns an hour, each of 100 tokens out on average" in table
    assert "which this server does not count: the two can't be compared." in table
    assert "100 prompts, their tokens not counted beforehand, SHA-256" in table
    assert "a hosted API, prompts included" not in page
    judged = rows(table[table.index("## How close") :], "4 at once | ")
    assert judged[0] == f"| 4 at once | 150.0 | 2.95 | 10.00 |{' – |' * 7}"


def test_where_the_server_was_not_looked_at_nothing_is_said_of_its_cache(report: Report) -> None:
    idle = {"max_num_requests_running": 0.0, "max_num_requests_waiting": 0.0, "max_kv_cache_usage": 0.0}
    for server in (idle, {"samples": 0.0}):
        _, table = report(result([point(4, 100, 20, 10, server=server)]))
        assert rows(table, "4 at once | 100.0 | 2.95 |")[0].endswith("| 0.2 % | – | – |")


def test_a_machine_and_a_price_are_named_in_both_languages(report: Report) -> None:
    _, table = report(result([point(2, 95, 22, 20)], **CPU))
    assert "pagoda-demo，运行于 AMD EPYC（CPU，2 核）；" in table
    l4 = H200 | {"name": "NVIDIA L4", "memory_gib": 22.494, "compute_capability": [8, 9]}
    _, table = report(result([point(4, 70, 300, 52)], gpus=[l4]), options=())
    assert "At 6 CNY an hour (the article's table) for" in table
    assert "按每小时 6 CNY（文章中的表格）" in table


def test_break_even_is_told_both_ways(report: Report) -> None:
    page, _ = report(result(goodput_ms={"ttft": 500}))
    assert "breaks even at 27,902 turns an hour, 44&nbsp;% of the 63,387" in page
    assert "wcode.net" in page
    page, _ = report(result(goodput_ms={"ttft": 500}), options=("--price", "30", "--api-price", "0.1"))
    assert "never breaks even" in page
    assert "given with --api-price" in page


def test_several_results_have_a_part_each_and_lines_of_their_own(report: Report) -> None:
    page, _ = report(result(), result([point(4, 100, 20, 5), point(1, 30, 20, 5, kind="rate")]))
    assert page.count("r0: Qwen/Qwen2.5-7B-Instruct on NVIDIA H200") == 5
    assert "r1: measured, so many a second" in page
    assert 'class="line open c1"' in page
    assert ">1/s</text>" in page


def test_prices_are_one_for_all_or_one_each_or_known(report: Report) -> None:
    _, table = report(result(), result(), options=("--price", "30", "60"))
    assert "**489**" in table
    assert "**245**" in table
    assert "At 60 CNY an hour (given with --price)" in table
    _, table = report(result(), options=("--currency", "USD"))
    assert "At 4.45 USD an hour (akash.network/pricing/gpus" in table
    assert "| 4.45 USD |" in table


class Outside(HTMLParser):
    """Collects what a page would ask for, and which languages its elements are in."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.languages: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
                self.asked.append(value or "")
            if name == "lang" and tag != "html":
                self.languages.append(value or "")


def test_the_page_asks_no_other_host_and_has_each_sentence_twice(report: Report) -> None:
    page, table = report(result())
    outside = Outside()
    outside.feed(page)
    assert outside.asked == ["data:,"]  # the icon that a browser would ask for otherwise
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|fetch\(", page)
    assert outside.languages.count("en") == outside.languages.count("zh-CN") > 100
    assert not re.search(r"\$[a-z]|\{[a-z_]+\}", re.sub(r"<style>.*</style>|<script>.*</script>", "", page, flags=re.S))
    assert "prefers-color-scheme: dark" in page
    assert "# What it costs, measured" in table
    assert "# 实测成本" in table


def test_a_date_is_not_broken(report: Report) -> None:
    page, _ = report(result())
    assert len(re.findall(r"2026-11-25\b(?!T)", page)) == page.count('<span class="date">2026-11-25</span>') > 2


def test_names_of_others_are_text(report: Report) -> None:
    page, table = report(
        result(model="<img src=//x>|`a`"), options=("--price", "1", "--model", "Qwen/Qwen2.5-7B-Instruct")
    )
    assert "<img" not in page
    assert "<img" not in table.replace("\\<img", "")
    assert "--out a\\|b.json" in table


def test_both_languages_have_every_sentence_with_the_same_values() -> None:
    for key, sentence in words().items():
        assert sentence.en.strip(), key
        assert sentence.zh.strip(), key
        assert placeholders(sentence.en) == placeholders(sentence.zh) or key in ("billions", "millions"), key
        assert not re.search(r"[一-鿿]", sentence.en), key


def test_every_sentence_is_used_and_every_one_used_is_there() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES.glob("report*.py"))
    begun = {key[: key.index("{")] for key in re.findall(r'f"(\w+_\{[^"]*)"', sources)}
    quoted = set(re.findall(r'"([a-z][a-z0-9_]+)"', sources))
    unused = [key for key in words() if key not in quoted and not any(key.startswith(part) for part in begun)]
    assert unused == []
    missing = [key for key in re.findall(r'say\(\s*"(\w+)"', sources) if key not in words()]
    assert missing == []


def test_a_value_that_a_sentence_lacks_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("unit_ms")
    with pytest.raises(KeyError, match="unit_ms: other"):
        say("unit_ms", value="1", other="2")


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (12345.6, "12,346"), (99.94, "99.9"), (1.234, "1.23"), (0.00123456, "0.00123")]
)
def test_three_digits_count(value: float, shown: str) -> None:
    assert rounded(value) == shown


def test_a_small_share_is_not_nothing() -> None:
    assert [percent(share) for share in (0, 0.00049, 0.1, 1, None)] == ["0 %", "0.049 %", "10 %", "100 %", "–"]
