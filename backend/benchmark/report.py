"""`report`: what measured results cost, judged, as one self-contained HTML page and a Markdown table.

    python -m backend.benchmark report RESULT.json [RESULT2.json ...] --out FILE.html [--markdown FILE.md]
        [--price 1.8 [2.5 ...]] [--currency CNY] [--api-price 0.6,1.5] [--goodput ttft:500 tpot:50]

Prices: an hour of the whole machine, one for all results or one for each; without one, that of the GPU in
`backend/data/prices.yaml`. Nothing is written unless everything can be. Needs PyYAML and pydantic, which vLLM has.
docs/report.md explains the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from backend.benchmark import report_advice, report_article, report_curves, report_limits, report_sections
from backend.benchmark.cost import CURRENCIES, PRICES, ApiPrice, api_price, is_price, parse_api_price
from backend.benchmark.figures import parse_goodput
from backend.benchmark.problems import Problem
from backend.benchmark.report_blocks import Block, Heading, Page, Paragraph
from backend.benchmark.report_html import html
from backend.benchmark.report_input import checked
from backend.benchmark.report_machine import Machine, machine
from backend.benchmark.report_markdown import markdown
from backend.benchmark.report_measured import ARTICLE_MODEL, Measured, is_articles
from backend.benchmark.report_text import Text, percent, plain, say
from backend.benchmark.result import check_target, read, write_text
from backend.planning import WITHIN_ELSEWHERE
from backend.prices import per_hour
from backend.prices import price as known_price

ADVICE_CURRENCY = "CNY"  # where there are no prices in the one that is asked for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT.json")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html")
    parser.add_argument("--markdown", type=Path, metavar="FILE.md", help="the same tables as Markdown")
    parser.add_argument("--price", nargs="+", default=[], metavar="N", help="an hour of the machine; one, or one each")
    parser.add_argument("--currency", default="CNY", help=f"{', '.join(CURRENCIES)} (default %(default)s)")
    parser.add_argument("--api-price", metavar="IN,OUT", help="of a hosted API, per million tokens, as 0.6,1.5")
    parser.add_argument("--goodput", nargs="+", metavar="NAME:MS", help="limits (default: the results' own)")
    parser.add_argument("--gpu", metavar="ID", help="what the server has, where the result can't say (backend.plan)")
    parser.add_argument("--model", metavar="ID", help="whose shape the model has, where the result can't say")
    parser.add_argument("--force", action="store_true", help="replace the files")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Read everything, work everything out, then write."""
    targets = [file for file in (options.out, options.markdown) if file]
    for file in targets:
        if file.resolve() in {one.resolve() for one in options.results}:
            raise Problem(f"{file} is one of the results: choose another name for the report.")
        check_target(file, options.force)
    if len({file.resolve() for file in targets}) < len(targets):
        raise Problem(f"--out and --markdown both name {options.out}: choose another name for one of them.")
    made = page(load_results(options))
    texts = [html(made), markdown(made)] if options.markdown else [html(made)]
    for file, text in zip(targets, texts, strict=True):
        write_text(file, text)
        print(f"written to {file}")
    return 0


def load_results(options: argparse.Namespace) -> list[Measured]:
    """The results with their machines and prices; raises Problem."""
    if options.currency not in CURRENCIES:
        raise Problem(f"--currency {options.currency}: there are {', '.join(CURRENCIES)}.")
    given = [parse_price(text) for text in options.price]
    if len(given) not in (0, 1, len(options.results)):
        raise Problem(f"--price: {len(given)} prices for {len(options.results)} results; give one, or one for each.")
    limits = None if options.goodput is None else parse_goodput(options.goodput)
    found = []
    for number, file in enumerate(options.results):
        result = checked(file, read(file))
        known = machine(result, options.gpu, options.model)
        paid = given[number if len(given) > 1 else 0] if given else None
        hour, source = hour_of(known, paid, options.currency)
        model = ARTICLE_MODEL if known.shape and is_articles(known.shape) else str(result["server"]["model"])
        api: ApiPrice | None = api_price(model, options.currency)
        if options.api_price:
            api = parse_api_price(options.api_price, options.currency)
        kept: Mapping[str, float] = result["settings"]["goodput_ms"] if limits is None else limits
        found.append(Measured(file.stem, result, known, hour, options.currency, source, kept, api))
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Problem(f"Two results are called {min(twice)}: rename one, so that the report can tell them apart.")
    return found


def parse_price(text: str) -> float:
    """An hour's; raises Problem."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not is_price(value):
        least, most = PRICES
        raise Problem(
            f"--price {text}: write what an hour of the machine costs as a number from {least:g} to {most:,}."
        )
    return value


def hour_of(known: Machine, given: float | None, currency: str) -> tuple[float, Text]:
    """What an hour costs, and who says so; raises Problem where nobody does."""
    if given is not None:
        return given, say("price_given")
    hour = per_hour(known.facts.id, known.gpus or 1, currency) if known.facts else None
    entry = known_price(known.facts.id, currency) if known.facts else None
    if hour is None or entry is None:
        also = ", or add it to backend/data/prices.yaml" if known.facts else ""
        raise Problem(
            f"What an hour of {known.name.en} costs in {currency} is not known: "
            f"give it as --price 1.8 --currency {currency}{also}."
        )
    if entry.source.startswith("the article"):
        return hour, say("price_of_the_article")
    return hour, plain(f"{entry.source}, {entry.date}")


def page(results: Sequence[Measured]) -> Page:
    """Everything the report says."""
    first = results[0]
    if len(results) == 1:
        subtitle = say(
            "subtitle", model=first.model, machine=first.machine.name, scenario=first.scenario, day=first.day
        )
    else:
        subtitle = say("subtitle_several", count=str(len(results)), day=max(one.day for one in results))
    return Page(say("title"), subtitle, tuple(_blocks(results)))


def _blocks(results: Sequence[Measured]) -> Iterator[Block]:
    yield from _each("section_answer", results, report_sections.answer)
    yield Heading(say("section_curves"))
    yield from report_curves.curves(results)
    yield from _each("section_by_load", results, report_sections.by_load)
    yield from _each("section_break_even", results, report_sections.break_even)
    yield from _each("section_limits", results, report_limits.limits)
    yield Heading(say("section_article"))
    yield Paragraph(say("article_intro", elsewhere=percent(WITHIN_ELSEWHERE)))
    yield from report_article.article(results)
    yield Heading(say("section_advice"))
    yield Paragraph(say("advice_intro", currency=ADVICE_CURRENCY, elsewhere=percent(WITHIN_ELSEWHERE)))
    yield from report_advice.advice(results, ADVICE_CURRENCY)
    yield from _each("section_repeat", results, report_sections.repeat)


def _each(heading: str, results: Sequence[Measured], part: Callable[[Measured], Iterator[Block]]) -> Iterator[Block]:
    """A section with a part for each result."""
    yield Heading(say(heading))
    for one in results:
        if len(results) > 1:
            yield Heading(say("of_result", name=one.name, model=one.model, machine=one.machine.name), 3)
        yield from part(one)
