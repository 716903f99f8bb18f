"""Markdown as it streams: holds back the end of a text that would be shown half-parsed.

"**bo" is two stars and a word until the closing stars come, and then turns into bold before the reader's eyes; "-"
under a paragraph makes a heading of it until the list item's text comes. What may still turn out to be something else
is kept for a flush or two: at most `LONGEST` characters of a line, and the first line of a table or of code until the
next one has begun. What is parsed here is a likeness of Markdown, good enough to know when to wait; the page does the
parsing. Time is linear in the length of the text.
"""

from __future__ import annotations

import re

# Longer than most links with their address. After that, an opened mark is taken for a plain character.
LONGEST = 200
# Quotes and list items that hold the rest of a line.
CONTAINERS = r"(?:[ \t]*+(?:>|[-+*][ \t]|\d{1,9}[.)][ \t]))*+[ \t]*+"
# A line that so far is the mark of a block, without anything in it.
MARK_ALONE = re.compile(
    rf"{CONTAINERS}(?:\#{{1,6}}[ \t]*|[-+*]|\d{{1,9}}[.)]?|(?:\*[ \t]*)+|(?:-[ \t]*)+|(?:_[ \t]*)+|=+|"
    r"`{1,2}|~{1,2}|\[[ xX]?\]?[ \t]*)?"
)
FENCE = re.compile(rf"{CONTAINERS}(`{{3,}}(?=[^`]*$)|~{{3,}})")
TABLE_RULE = re.compile(r"[ \t>]*\|?[ \t:|-]*")
SPECIAL = re.compile(r"\\|`+|\*+|_+|~~+|!?\[|!$|\$+")


class MarkdownFlow:
    """`feed` what comes; it returns what may be shown. `before` is text that is shown already."""

    def __init__(self, before: str = "") -> None:
        self._held = ""  # a line before it, which waits for this one
        self._line = ""  # the line being written
        self._shown = 0  # how much of it was given out
        self._settled = 0  # where to look on; nothing before it is open
        self._fence = ""  # what code began with
        self._table = False
        self.feed(before)
        self._held, self._shown = "", len(self._line)

    def feed(self, text: str) -> str:
        """What may be shown now that `text` has come, after all that was returned before."""
        *ended, last = text.split("\n")
        shown = [self._end_of_line(part) for part in ended]
        self._line += last
        return "".join([*shown, self._now()])

    def _now(self) -> str:
        """What of the line being written may be shown, and what waited for that."""
        end = self._end()
        if end <= self._shown:
            return ""
        shown = self._held + self._line[self._shown : end]
        self._held, self._shown = "", end
        return shown

    def _end_of_line(self, part: str) -> str:
        line = self._line + part
        ended = self._held + line[self._shown :] + "\n"
        waits = self._notes(line)
        self._held = ended if waits else ""
        self._line, self._shown, self._settled = "", 0, 0
        return "" if waits else ended

    def _notes(self, line: str) -> bool:
        """What this line is to the next ones; whether it waits for the next one."""
        bare = line.strip(" \t>")
        if self._fence:
            if len(bare) >= len(self._fence) and not bare.strip(self._fence[0]):
                self._fence = ""
            return False
        if fence := FENCE.match(line):
            self._fence, self._table = fence.group(1), False
            return True
        if self._begins_table(line):
            return True
        self._table = bare.startswith("|") if self._table else bool(self._held and "-" in bare and _is_rule(line))
        return False

    def _begins_table(self, line: str) -> bool:
        if self._fence or self._table or self._held or len(line) > LONGEST:
            return False
        return line.lstrip(" \t>").startswith("|")

    def _end(self) -> int:
        """How much of the line being written may be shown."""
        line = self._line
        if self._fence:
            may_close = len(line) <= LONGEST and not line.strip(" \t>").strip(self._fence[0])
            return 0 if may_close else len(line)
        if _is_mark_alone(line) or (len(line) <= LONGEST and FENCE.match(line)):
            return 0
        if self._begins_table(line) or (self._held and _is_rule(line)):
            return 0
        while found := SPECIAL.search(line, self._settled):
            end = _end_of(line, found)
            if end is None and len(line) - found.start() <= LONGEST:
                self._settled = found.start()
                return 0 if _is_mark_alone(line[: found.start()]) else found.start()
            self._settled = end or found.end()
        self._settled = len(line)
        return len(line)


def _is_mark_alone(line: str) -> bool:
    return len(line) <= LONGEST and bool(MARK_ALONE.fullmatch(line))


def _is_rule(line: str) -> bool:
    """Whether it may be the line between a table's first and its others."""
    return len(line) <= LONGEST and bool(TABLE_RULE.fullmatch(line))


def _end_of(line: str, found: re.Match[str]) -> int | None:
    """Where the construct ends that a mark begins; None while it is open, or may be."""
    mark, after = found.group(), found.end()
    following = line[after : after + 1]
    if not following:
        return after if mark[0] == "$" else None
    limit = after + LONGEST
    if mark == "\\":
        return after + 1
    if mark[0] == "$":  # a formula comes whole (chat/formulas.py)
        end = line.find(mark, after, limit)
        return after if end < 0 else end + len(mark)
    if mark.endswith("["):
        return _end_of_link(line, after, limit)
    if mark[0] == "`":
        closing = re.compile(rf"(?<!`){mark}(?!`)").search(line, after, limit)
        return closing.end() if closing else None
    # `*`, `_` and `~`: no beginning before a blank, and none of `_` within a word.
    if following.isspace() or (mark[0] == "_" and line[found.start() - 1 : found.start()].isalnum()):
        return after
    once = rf"(?<![\s\{mark[0]}])\{mark[0]}(?!\{mark[0]})"
    closing = re.compile(once if len(mark) == 1 else rf"(?<=\S){re.escape(mark)}").search(line, after, limit)
    return closing.end() if closing else None


def _end_of_link(line: str, after: int, limit: int) -> int | None:
    if line.find("]", after, limit) < 0:
        return None
    depth = 1
    for bracket in re.compile(r"\\.|[\[\]]").finditer(line, after, limit):
        depth += {"[": 1, "]": -1}.get(bracket.group(), 0)
        if depth == 0:
            break
    else:
        return None
    closing = {"(": ")", "[": "]"}.get(line[bracket.end() : bracket.end() + 1])
    if closing is None:
        return bracket.end() if bracket.end() < len(line) else None
    end = line.find(closing, bracket.end() + 1, limit)
    return None if end < 0 else end + 1
