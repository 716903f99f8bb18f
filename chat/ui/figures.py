"""Figures as a user reads them."""

from __future__ import annotations

from chat.texts import Language, text

MS_PER_S = 1000
S_PER_MIN = 60


def duration(language: Language, duration_ms: float) -> str:
    """4.5 ms, 45 ms, 2.31 s, 12.3 s, 3 min 5 s."""
    seconds = duration_ms / MS_PER_S
    if round(duration_ms) < MS_PER_S:
        return text(language, "fact_ms", value=f"{duration_ms:.{1 if duration_ms < 9.95 else 0}f}")
    if round(seconds) < S_PER_MIN:
        return text(language, "fact_s", value=f"{seconds:.{2 if seconds < 9.995 else 1}f}")
    minutes, rest = divmod(round(seconds), S_PER_MIN)
    return text(language, "fact_min", minutes=minutes, seconds=rest)


def rate(value: float) -> str:
    """Tokens per second: whole ones, tenths below ten."""
    return f"{value:.1f}" if round(value, 1) < 10 else f"{value:,.0f}"


def share(part: int, whole: int) -> str:
    """Per cent, never 0% of something."""
    return "<1%" if 0 < part / whole < 0.01 else f"{part / whole:.0%}"
