"""An exported conversation as Markdown that can be read on its own: what was asked, answered, set and measured.

Of several answers to a question the one that is shown is written down. Questions and reasoning are quoted, as they may
hold anything; an answer is Markdown itself, with fences closed that it left open.
"""

from __future__ import annotations

import re

from chat.export.file import ConversationFile, FileAnswer, FileTurn
from chat.json_output import judge
from chat.sampling import Sampling
from chat.texts import Language, text

LONGEST_TITLE = 60
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_BACKTICKS = re.compile(r"`+")
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&])")


def as_markdown(file: ConversationFile, language: Language) -> str:
    """The whole document; it ends with a newline."""
    parts = [_heading(1, _title(file, language)), _head(file, language)]
    if file.settings.system_prompt:
        parts += [text(language, "export_system_prompt"), quoted(file.settings.system_prompt)]
    for number, turn in enumerate(file.turns, 1):
        parts += _turn(number, turn, language)
    return "\n\n".join(parts) + "\n"


def quoted(words: str) -> str:
    """As a block quote."""
    return "\n".join(f"> {line}".rstrip() for line in words.splitlines() or [""])


def closed(markdown: str) -> str:
    """With the code fence closed that is open at the end, as in an answer that was cut."""
    fence = ""
    for line in markdown.splitlines():
        if found := _FENCE.match(line):
            mark, rest = found.groups()
            if not fence:
                # After backticks, a backtick in the rest makes it inline code.
                fence = "" if mark[0] == "`" and "`" in rest else mark
            elif mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip():
                fence = ""
    return f"{markdown.rstrip()}\n{fence}" if fence else markdown.rstrip()


def fenced(words: str, kind: str) -> str:
    """As a code block, whatever stands in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{words}\n{fence}"


def plain(words: str) -> str:
    """On one line, with nothing in it that Markdown would read as a mark."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))


def _title(file: ConversationFile, language: Language) -> str:
    first = " ".join(file.turns[0].question.split()) if file.turns else ""
    title = first if len(first) <= LONGEST_TITLE else first[: LONGEST_TITLE - 1].rstrip() + "…"
    return plain(title) or text(language, "export_untitled")


def _head(file: ConversationFile, language: Language) -> str:
    lines = [
        (text(language, "export_model"), plain(file.model or text(language, "export_not_known"))),
        (text(language, "export_date"), file.exported_at.strftime("%Y-%m-%d %H:%M %z")),
        (text(language, "export_settings"), _settings(file.settings, language)),
        (text(language, "export_program"), f"Pagoda {plain(file.app_version)}"),
    ]
    return "\n".join(f"- **{name}** {value}" for name, value in lines)


def _settings(settings: Sampling, language: Language) -> str:
    seed = text(language, "setting_seed_placeholder") if settings.seed is None else settings.seed
    values = {
        "temperature": f"{settings.temperature:g}",
        "top_p": f"{settings.top_p:g}",
        "max_tokens": settings.max_tokens,
        "seed": seed,
    }
    return ", ".join(f"{text(language, f'setting_{name}')} {value}" for name, value in values.items())


def _turn(number: int, turn: FileTurn, language: Language) -> list[str]:
    parts = [_heading(2, text(language, "export_question", number=number)), quoted(turn.question)]
    if not turn.shown:
        return [*parts, text(language, "export_no_answer")]
    answer = turn.answers[turn.shown - 1]
    parts.append(_heading(3, text(language, "export_answer")))
    if answer.reasoning:
        parts += [text(language, "export_reasoning"), quoted(answer.reasoning)]
    if turn.json_form:
        parts.append(fenced(judge(answer.text, answer.ending).shown, "json"))
    elif answer.text:
        parts.append(closed(answer.text))
    return [*parts, f"<sub>{_facts(turn, answer, language)}</sub>"]


def _heading(level: int, words: str) -> str:
    return f"{'#' * level} {words}"


def _facts(turn: FileTurn, answer: FileAnswer, language: Language) -> str:
    facts = answer.facts
    known: list[str] = []

    def say(key: str, /, **values: object) -> None:
        known.append(text(language, key, **values))

    if answer.verdict and turn.json_form:
        say(f"export_verdict_{answer.verdict}", name=plain(turn.json_form.name))
    if not answer.verdict or answer.ending != "complete":
        say(
            f"export_ending_{'full' if answer.full else answer.ending}",
            max_tokens=f"{facts.max_tokens:,}" if facts.max_tokens else "?",
        )
    if facts.prompt_tokens and facts.completion_tokens and facts.earlier_tokens is not None:
        read, written = facts.prompt_tokens - facts.earlier_tokens, facts.completion_tokens + facts.earlier_tokens
        say("export_tokens", read=f"{read:,}", written=f"{written:,}")
    if facts.ttft_ms is not None and facts.e2el_ms is not None:
        seconds = (facts.e2el_ms + facts.earlier_ms) / 1000
        if facts.earlier_ms:
            say("export_time", e2el=f"{seconds:.2f}")
        else:
            say("export_times", ttft=f"{facts.ttft_ms / 1000:.2f}", e2el=f"{seconds:.2f}")
    if answer.left_out:
        say("export_left_out", count=len(answer.left_out))
    if len(turn.answers) > 1:
        say("export_version", number=turn.shown, of=len(turn.answers))
    return " · ".join(known)
