"""The report: what it says of a GPU and of a CPU, in both languages, asking no other host; and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark.__main__ import main
from backend.benchmark.report_blocks import Chart, Line, Mark
from backend.benchmark.report_chart import HEIGHT, LEFT, WIDTH, scale, svg
from backend.benchmark.report_text import percent, placeholders, plain, rounded, say, words
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


def test_what_is_impossible_is_said_to_be(report: Report) -> None:
    page, _ = report(result([point(1, 1000, 20, 1)]))
    assert "1 at once: impossible. " in page
    page, _ = report(result([point(1, 1000, 20, 1)], command_line=[]))
    assert "1 at once: impossible with the weights that are assumed" in page
    page, _ = report(result())
    assert "impossible. " not in page


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


def test_axes_have_round_numbers_and_all_marks_are_within() -> None:
    for values in ([0.3], [1, 2, 8], [20, 1700], [0, 5], [3, 3000], [0.001, 0.0012]):
        found = scale(values, 0, 100)
        assert all(0 <= found.at(value) <= 100 for value in (*values, *found.ticks))
        assert 2 <= len(found.ticks) <= 12
    assert scale([20, 1700], 0, 1).ticks == (20, 50, 100, 200, 500, 1000, 2000)
    assert scale([1, 2, 8], 0, 1).ticks == (0, 2, 4, 6, 8, 10)
    line = Line(plain("a"), [Mark(1, 20, "1"), Mark(64, 1700, "64")], 0)
    drawn = svg(Chart(plain("t"), plain("x"), plain("y"), [line], log_x=True))
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn):
        assert LEFT <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "What an hour of NVIDIA H200 costs in CNY is not known: give it as --price"),
        (("--price", "0"), "--price 0: write what an hour"),
        (("--price", "cheap"), "--price cheap: write"),
        (("--price", "1", "2"), "--price: 2 prices for 1 results"),
        (("--price", "1", "--currency", "GBP"), "--currency GBP: there are CNY, USD, EUR."),
        (("--price", "1", "--api-price", "free"), "--api-price free: write"),
        (("--price", "1", "--goodput", "speed:5"), "--goodput speed:5: write"),
        (("--price", "1", "--gpu", "abacus"), "--gpu: Nothing is known of a GPU 'abacus'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    file, page = tmp_path / "r.json", tmp_path / "page.html"
    file.write_text(json.dumps(result()), encoding="utf-8")
    page.write_text("mine", encoding="utf-8")
    assert main(["report", str(file), "--out", str(page), "--force", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1
    assert page.read_text(encoding="utf-8") == "mine"
    assert sorted(tmp_path.iterdir()) == [page, file]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is not a result of"),
        ("<html>", "is not JSON"),
        (None, "cannot be read"),
        (json.dumps(result([point(1, 0, 1, 1, count=0, failed=2)])), "no request was answered"),
        (json.dumps(result([])), "no request was answered"),
        (json.dumps(result() | {"server": {}}), "server.url: Field required. Was it edited?"),
        (json.dumps(result([point(1, 9, 9, 9) | {"figures": {}}])), "points.0.figures: no completed. Was it edited?"),
        (json.dumps(result([point(1, 9, 9, 9) | {"repeats": []}])), "points.0.repeats: there is none. Was it edited?"),
        (json.dumps(result([{"kind": "concurrency", "value": 1}])), "points.0.figures: Field required. Was it edited?"),
    ],
)
def test_what_is_no_result_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    file = tmp_path / "r.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["report", str(file), "--out", str(tmp_path / "page.html"), "--price", "1"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_files_that_are_there_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page, table = tmp_path / "r.json", tmp_path / "page.html", tmp_path / "table.md"
    file.write_text(json.dumps(result()), encoding="utf-8")
    table.write_text("mine", encoding="utf-8")
    words = ["report", str(file), "--price", "1", "--out"]
    assert main([*words, str(page), "--markdown", str(table)]) == 2
    assert "table.md is there already" in capsys.readouterr().err
    assert not page.exists()
    assert main([*words, str(page), "--markdown", str(page)]) == 2
    assert "both name" in capsys.readouterr().err
    assert main([*words, str(file), "--force"]) == 2
    assert "is one of the results" in capsys.readouterr().err
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1
