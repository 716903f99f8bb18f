"""What a report consists of, before it is HTML or Markdown: headings, paragraphs, tables, cards of figures, charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from backend.benchmark.report_text import Text


@dataclass(frozen=True)
class Heading:
    """Of a section (2) or within one (3)."""

    text: Text
    level: Literal[2, 3] = 2


@dataclass(frozen=True)
class Paragraph:
    """`kind`: "note" is smaller, "warning" stands out."""

    text: Text
    kind: Literal["", "note", "warning"] = ""


@dataclass(frozen=True)
class Row:
    """`kind`: "group" is a heading over the rows that follow, its only cell as wide as all."""

    cells: Sequence[Text]
    kind: Literal["", "group", "measured", "best"] = ""


@dataclass(frozen=True)
class Table:
    """The first column names the row; the others are figures, unless `wordy`."""

    caption: Text
    head: Sequence[Text]
    rows: Sequence[Row]
    wordy: bool = False


@dataclass(frozen=True)
class Cards:
    """The few figures that matter: (value, what it is)."""

    figures: Sequence[tuple[Text, Text]]


@dataclass(frozen=True)
class Mark:
    """One point of a line, with what stands beside it."""

    x: float
    y: float
    label: str = ""


Style = Literal["measured", "tail", "open", "estimate", "price"]


@dataclass(frozen=True)
class Line:
    """`colour`: the number of the result it belongs to; `style`: measured, or not."""

    name: Text
    marks: Sequence[Mark]
    colour: int
    style: Style = "measured"

    @property
    def has_marks(self) -> bool:
        return self.style in ("measured", "open")


@dataclass(frozen=True)
class Chart:
    """Lines over two axes."""

    title: Text
    x: Text
    y: Text
    lines: Sequence[Line]
    log_x: bool = False


@dataclass(frozen=True)
class Charts:
    """Side by side, with one line of explanation."""

    note: Text
    charts: Sequence[Chart]


Block = Heading | Paragraph | Table | Cards | Charts


@dataclass(frozen=True)
class Page:
    """All of it."""

    title: Text
    subtitle: Text
    blocks: Sequence[Block] = field(default_factory=tuple)
