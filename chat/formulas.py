r"""Formulas in a model's text, told from prices, as the page's Markdown has them: `$x$` and `$$x$$`.

Models write formulas as `\(x\)` and `\[x\]`, too, which Markdown takes for brackets; and the page takes every two
dollar signs for a formula, "$5 and $10" as well. By the rule of Pandoc a single dollar opens a formula only where no
space follows, and closes one only where no space precedes and no digit follows. What is code stays as it is.

A line that begins with more than `DEEPEST` quotes and list items within each other has the rest of them as plain text:
the page's Markdown goes down into each, and a thousand, which a model in a loop makes in no time, would end the page.
"""

from __future__ import annotations

import re

LONGEST_IN_LINE, LONGEST_BLOCK = 400, 4000
DEEPEST = 10  # on a phone, there is room for text beside as many
_PLAIN = re.compile(r"[^\\$`\n]+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_TICKS = re.compile(r"`+")
_DEEP = re.compile(rf"(?:[ \t]*+(?:>|[-+*][ \t]|\d{{1,9}}[.)][ \t])){{{DEEPEST}}}[ \t]*+(?=[>\-+*\d])")
# A number and no formula after it: "$5 and", "$3.50.", "$20k", "$5-$10".
_PRICE = re.compile(r"\$\d[\d.,]*(?:[KkMmBbT]|bn|USD)?(?=\s+[^\s+\-*/=<>^_\\$]|\s*[-–—]\s*\$|[.,;:!?)*\]\"'”’]|\s*\n)")
_UNDECIDED_PRICE = re.compile(r"\$\d[\d.,]*[A-Za-z]{0,3}\s*[-–—]?\s*")
_CLOSING = {r"\(": r"\)", r"\[": r"\]", "$$": "$$", "$": "$"}


class Formulas:
    """Text in pieces, as it streams: a formula is held back until it is whole."""

    def __init__(self) -> None:
        self._held = ""
        self._line = ""  # what is out of the present line
        self._fence = ""
        self._ticks = ""

    def feed(self, piece: str) -> str:
        """What can be shown, now that `piece` has come."""
        return self._go(self._held + piece, last=False)

    def end(self) -> str:
        """What was held back for nothing."""
        return self._go(self._held, last=True)

    def _go(self, text: str, *, last: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            step = self._step(text, at, last)
            if step is None:
                break
            shown, at = step
            out.append(shown)
            self._line = (self._line + shown).rpartition("\n")[2][:LONGEST_IN_LINE]  # its beginning tells what it is
        self._held = text[at:]
        return "".join(out)

    def _step(self, text: str, at: int, last: bool) -> tuple[str, int] | None:
        """The next bit to show and where it ends; None if that cannot be told yet."""
        if plain := _PLAIN.match(text, at):
            return self._flat(plain.group(), at)
        if text[at] == "\n":
            return self._line_break(text, at)
        if text[at] == "`":
            return self._backticks(text, at, last)
        if self._fence or self._ticks:
            return text[at], at + 1
        if text[at] == "\\" and at + 1 == len(text):
            return ("\\", at + 1) if last else None
        opening = text[at : at + 2]
        if opening in (r"\(", r"\[", "$$"):
            return self._formula(text, at, opening, last)
        if text[at] == "\\":
            return opening, at + 2
        if at + 1 == len(text) and not last:
            return None
        return self._dollar(text, at, last)

    def _flat(self, plain: str, at: int) -> tuple[str, int]:
        """Plain text; up to the mark that would be one too deep, which an entity makes a character like others."""
        deep = None if self._fence or self._ticks else _DEEP.match(self._line + plain)
        mark = deep.end() - len(self._line) if deep else -1
        if mark < 0:
            return plain, at + len(plain)
        return f"{plain[:mark]}&#{ord(plain[mark])};", at + mark + 1

    def _line_break(self, text: str, at: int) -> tuple[str, int]:
        fence = _FENCE.match(self._line)
        if self._fence:
            closes = fence and fence.group(1).startswith(self._fence) and not self._line[fence.end() :].strip()
            self._fence = "" if closes else self._fence
        elif fence:
            self._fence = fence.group(1)
        if not self._line.strip():
            self._ticks = ""  # a code span ends with its paragraph at the latest
        return "\n", at + 1

    def _backticks(self, text: str, at: int, last: bool) -> tuple[str, int] | None:
        ticks = _TICKS.match(text, at)
        assert ticks
        if ticks.end() == len(text) and not last:
            return None
        fenced = self._fence or (len(ticks.group()) > 2 and not self._line.strip())
        if not fenced and self._ticks in ("", ticks.group()):
            self._ticks = "" if self._ticks else ticks.group()
        return ticks.group(), ticks.end()

    def _formula(self, text: str, at: int, opening: str, last: bool) -> tuple[str, int] | None:
        """A formula in brackets of its own."""
        in_line = opening == r"\("
        too_far = LONGEST_IN_LINE if in_line else LONGEST_BLOCK
        end = text.find(_CLOSING[opening], at + 2, at + too_far)
        if opening == "$$" and end >= 0 and end + 2 == len(text) and not last:
            return None
        if end < 0:
            return None if not last and len(text) - at < too_far else (opening, at + 2)
        inside = text[at + 2 : end]
        alone = not self._line.strip() and text[end + 2 : end + 3] in ("", "\n")
        if opening == "$$" and ("\n" in inside or not inside.strip() or not alone):
            return f"$${inside}$$", end + 2
        if in_line:
            return f"${inside.strip()}$", end + 2
        indent = "" if self._line.strip() else self._line
        before = "" if not self._line.strip() else "\n\n"
        lines = "\n".join(indent + line.strip() for line in inside.strip().split("\n"))
        return f"{before}$$\n{lines}\n{indent}$$\n{indent}", end + 2

    def _dollar(self, text: str, at: int, last: bool) -> tuple[str, int] | None:
        """A dollar by itself: it opens a formula, or it is money."""
        money = r"\$", at + 1
        if _PRICE.match(text, at) or text[at + 1 : at + 2] in ("", " ", "\n"):
            return money
        price = _UNDECIDED_PRICE.match(text, at)
        if price and price.end() == len(text):
            return money if last else None
        line_end = text.find("\n", at, at + LONGEST_IN_LINE)
        within = text[at + 1 : line_end if line_end >= 0 else at + LONGEST_IN_LINE]
        close = re.search(r"(?<![\s\\])\$", within)
        if close is None:
            undecided = not last and line_end < 0 and len(text) - at < LONGEST_IN_LINE
            return None if undecided and "$" not in within else money
        end = at + 1 + close.end()
        if end == len(text) and not last:
            return None
        if text[end : end + 1].isdigit():
            return money
        return text[at:end], end


def for_page(text: str) -> str:
    """A whole text at once."""
    formulas = Formulas()
    return formulas.feed(text) + formulas.end()
