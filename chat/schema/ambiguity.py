"""When a pattern can take forever: whether, within a repetition, the next character always tells which way to go on.

Sets of characters are lists of ranges of code points. All is reckoned from the parts of a pattern; nothing is matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LAST = 0x10FFFF

Ranges = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Part:
    """What a piece of a pattern matches, as far as the rule needs it.

    `first`: characters that it can begin with; `more`: those that may go on after what could be its end; `empty`: it
    matches nothing, too; `clear`: the next character always tells the way; `fixed`: all that it matches is as long;
    `times`: how many characters it has once its repetitions are written out.
    """

    first: Ranges
    more: Ranges
    empty: bool
    clear: bool
    fixed: bool
    times: int


NOTHING = Part([], [], empty=True, clear=True, fixed=True, times=0)


def character(ranges: Ranges) -> Part:
    return Part(ranges, [], empty=False, clear=True, fixed=True, times=1)


def followed_by(left: Part, right: Part) -> Part:
    overlaps = overlap(left.more, right.first) or (left.empty and overlap(left.first, right.first))
    return Part(
        first=union(left.first, right.first) if left.empty else left.first,
        more=union(right.more, right.first, left.more) if right.empty else right.more,
        empty=left.empty and right.empty,
        clear=left.clear and right.clear and not overlaps,
        fixed=left.fixed and right.fixed,
        times=left.times + right.times,
    )


def either(parts: Sequence[Part]) -> Part:
    firsts = [part.first for part in parts]
    return Part(
        first=union(*firsts),
        more=union(*(part.more for part in parts)),
        empty=any(part.empty for part in parts),
        clear=all(part.clear for part in parts) and not overlap(*firsts),
        fixed=False,
        times=sum(part.times for part in parts),
    )


def repeated(part: Part, least: int, most: int | None) -> Part:
    loops = most is None or most > 1
    return Part(
        first=part.first,
        more=union(part.more, part.first) if loops else part.more,
        empty=part.empty or least == 0,
        clear=part.clear,
        fixed=part.fixed and least == most,
        times=part.times * max(least, most or 1, 1),
    )


def is_ambiguous_repeated(part: Part) -> bool:
    """Whether one string can be read in several ways as repetitions of a part."""
    return part.empty or not part.clear or (not part.fixed and overlap(part.more, part.first))


def complement(ranges: Ranges) -> Ranges:
    outside, start = [], 0
    for low, high in union(ranges):
        if low > start:
            outside.append((start, low - 1))
        start = high + 1
    return [*outside, (start, LAST)] if start <= LAST else outside


def union(*sets: Ranges) -> Ranges:
    """The ranges of all, in order and without overlaps."""
    joined: Ranges = []
    for low, high in sorted(each for ranges in sets for each in ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def overlap(*sets: Ranges) -> bool:
    """Whether two of the sets share a character; the ranges of one set do not overlap."""
    reach = -1
    for low, high in sorted(each for ranges in sets for each in ranges):
        if low <= reach:
            return True
        reach = high
    return False
