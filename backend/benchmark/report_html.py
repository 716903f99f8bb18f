"""A report as one HTML file that asks no other host for anything: styles, script and drawings are in it.

Every sentence is there in both languages; two radio buttons and CSS show one, without a script, too. The template is
`report_template.html`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template

from backend.benchmark.report_blocks import Block, Cards, Charts, Heading, Page, Paragraph, Row, Table
from backend.benchmark.report_chart import svg
from backend.benchmark.report_text import LANGUAGES, Text

TEMPLATE = Path(__file__).resolve().parent / "report_template.html"


def html(page: Page) -> str:
    """The whole file."""
    body = "\n".join(part for block in page.blocks for part in _block(block))
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{page.title.en} · {page.title.zh}"),
        head=both(page.title),
        subtitle=both(page.subtitle),
        body=body,
    )


def both(text: Text) -> str:
    """In both languages, where they differ."""
    if text.en == text.zh:
        return _escaped(text.en)
    return "".join(f'<span lang="{name}">{_escaped(text.of(language))}</span>' for language, name in LANGUAGES.items())


def _escaped(text: str) -> str:
    """A number and its % stay on one line, as do the parts of a date."""
    shown = escape(text).replace(" %", "&nbsp;%")
    return re.sub(r"\b\d{4}-\d\d-\d\d\b", r'<span class="date">\g<0></span>', shown)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"<h{block.level}>{both(block.text)}</h{block.level}>"
        case Paragraph():
            yield f'<p class="{block.kind}">{both(block.text)}</p>' if block.kind else f"<p>{both(block.text)}</p>"
        case Cards():
            cards = (f"<div><dt>{both(what)}</dt><dd>{both(value)}</dd></div>" for value, what in block.figures)
            yield f'<dl class="cards">{"".join(cards)}</dl>'
        case Charts():
            yield from _charts(block)
        case Table():
            yield from _table(block)


def _charts(block: Charts) -> Iterator[str]:
    yield '<div class="charts">'
    for chart in block.charts:
        yield f"<figure><figcaption>{both(chart.title)}</figcaption>{svg(chart)}"
        keys = (
            f'<li class="line {line.style} c{line.colour % 6}"><svg viewBox="0 0 24 10" aria-hidden="true">'
            f'<polyline points="0,5 24,5"/><circle cx="12" cy="5" r="3.5"/></svg>{both(line.name)}</li>'
            for line in chart.lines
        )
        yield f'<ul class="legend">{"".join(keys)}</ul></figure>'
    yield f'</div><p class="note">{both(block.note)}</p>'


def _table(table: Table) -> Iterator[str]:
    yield f'<div class="wide"><p class="caption">{both(table.caption)}</p>'
    # what is wider than the screen scrolls by itself, and can be reached with the keyboard
    label = escape(f"{table.caption.en} · {table.caption.zh}")
    yield f'<div class="scroll" role="group" tabindex="0" aria-label="{label}">'
    yield '<table class="wordy">' if table.wordy else "<table>"
    yield "<thead><tr>" + "".join(f'<th scope="col">{both(cell)}</th>' for cell in table.head) + "</tr></thead><tbody>"
    for row in table.rows:
        yield _row(row, len(table.head))
    yield "</tbody></table></div></div>"


def _row(row: Row, columns: int) -> str:
    if row.kind == "group":
        return f'<tr class="group"><th scope="colgroup" colspan="{columns}">{both(row.cells[0])}</th></tr>'
    first, *others = row.cells
    name = f'<th scope="row">{both(first)}</th>'
    kind = f' class="{row.kind}"' if row.kind else ""
    return f"<tr{kind}>{name}{''.join(f'<td>{both(cell)}</td>' for cell in others)}</tr>"
