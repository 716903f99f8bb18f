"""A report as Markdown: the same words and tables without the charts, English first, then Chinese."""

from __future__ import annotations

from collections.abc import Iterator

from backend.benchmark.report_blocks import Block, Cards, Charts, Heading, Page, Paragraph, Table
from backend.benchmark.report_text import LANGUAGES, Language, Text


def markdown(page: Page) -> str:
    """The whole file."""
    parts = []
    for language in LANGUAGES:
        parts.append(f"# {_cell(page.title, language)}\n\n{_cell(page.subtitle, language)}")
        for block, following in zip(page.blocks, [*page.blocks[1:], None], strict=True):
            if not isinstance(block, Charts) and not isinstance(following, Charts):  # no charts, nor their heading
                parts.append("\n".join(_block(block, language)))
    return "\n\n".join(parts) + "\n"


def _block(block: Block, language: Language) -> Iterator[str]:
    match block:
        case Heading():
            yield f"{'#' * block.level} {_cell(block.text, language)}"
        case Paragraph():
            yield _cell(block.text, language)
        case Cards():
            yield from (f"- {_cell(what, language)}: **{_cell(value, language)}**" for value, what in block.figures)
        case Table():
            yield f"{_cell(block.caption, language)}\n"
            yield _line([_cell(cell, language) for cell in block.head])
            yield _line(["---", *("---" if block.wordy else "--:" for _ in block.head[1:])])
            for row in block.rows:
                cells = [_cell(cell, language) for cell in row.cells]
                if row.kind == "group":
                    cells = [f"**{cells[0]}**", *("" for _ in block.head[1:])]
                elif row.kind == "best":
                    cells = [f"**{cell}**" for cell in cells]
                yield _line(cells)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: Text, language: Language) -> str:
    """What would end a cell, or begin markup, is escaped: names of models and servers are not ours."""
    shown = text.of(language).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return "".join(f"\\{letter}" if letter in "<`*_[" else letter for letter in shown)
