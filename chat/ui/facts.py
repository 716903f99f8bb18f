"""What stands under an answer: how it ended, its figures in one line, and where its time went, by whose clock.

All of it as properties of the element AnswerStatus (public/elements/AnswerStatus.jsx).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from chat.price import Price, amount
from chat.texts import group, text
from chat.turn import Answer
from chat.ui.figures import duration, rate, share

Kind = Literal["good", "bad", "note"]


class Fact(TypedDict):
    """One fact: `id` says which. `names` are what it is about, the questions left out for one."""

    id: str
    kind: Kind
    text: str
    names: NotRequired[list[str]]


class Figure(TypedDict):
    """One figure of the line; `title` explains it."""

    id: str
    text: str
    title: str


class Detail(TypedDict):
    """One row of the details. `group` says by whose clock; `ms` is there for a part of the time from end to end."""

    group: Literal["server", "browser"]
    id: str
    label: str
    value: str
    ms: NotRequired[float]


# What can be done with an answer from its status line.
Actions = TypedDict("Actions", {"copy": bool, "regenerate": bool, "continue": bool})


class Version(TypedDict):
    """Which of the answers to the same question this is, counted from 1."""

    number: int
    of: int


def status_props(
    message_id: str, answer: Answer, price: Price | None, *, actions: Actions, version: Version
) -> dict[str, Any]:
    """The properties of the element under an answer that has ended."""
    return {
        "id": message_id,
        "language": answer.language,
        "texts": group(answer.language, "facts_"),
        "state": "ended",
        "wait": None,
        "items": status(answer),
        "line": line(answer, price),
        "details": details(answer),
        "server_note": server_note(answer),
        "actions": actions,
        "version": version,
    }


def status(answer: Answer) -> list[Fact]:
    """What to say of an answer in words, or under a JSON canvas, which tells its own end."""
    facts: list[Fact] = []
    if answer.json_format is None and answer.ending != "complete":
        ending = "full" if answer.is_full else answer.ending
        sentence = text(answer.language, f"status_{ending}", max_tokens=answer.max_tokens)
        facts.append(Fact(id="ending", kind="note", text=sentence))
    if answer.left_out:
        sentence = text(answer.language, "status_left_out", count=answer.left_out)
        facts.append(Fact(id="left_out", kind="note", text=sentence, names=answer.left_out_questions))
    return facts


def line(answer: Answer, price: Price | None) -> list[Figure]:
    """The figures of an answer, those that are known. Speed is that of the last part of a continued one."""
    language, completion = answer.language, answer.completion
    figures: list[Figure] = []

    def add(figure_id: str, shown: dict[str, object], explained: dict[str, object], which: str = "") -> None:
        shown_key, explained_key = f"fact_line_{which or figure_id}", f"fact_title_{which or figure_id}"
        title = text(language, explained_key, **explained)
        figures.append(Figure(id=figure_id, text=text(language, shown_key, **shown), title=title))

    if completion.ttft_ms:
        add("ttft", {"time": duration(language, completion.ttft_ms)}, {})
    if completion.completion_tokens and (tokens_per_s := completion.output_throughput):
        add("rate", {"rate": rate(tokens_per_s)}, {})
    # All that the last request read and wrote; of a continued answer it read the part before, too.
    used = completion.prompt_tokens + completion.completion_tokens
    if answer.completion_tokens:
        counts: dict[str, object] = {"read": f"{used - answer.completion_tokens:,}"}
        counts["written"] = f"{answer.completion_tokens:,}"
        add("tokens", counts, counts)
    elif answer.prompt_tokens and not used and not (answer.error and answer.is_empty):
        counts = {"read": f"{answer.prompt_tokens:,}"}
        add("tokens", counts, counts, which="tokens_read")
    if used and answer.max_model_len:
        limits: dict[str, object] = {"used": f"{used:,}", "limit": f"{answer.max_model_len:,}"}
        add("context", {"share": share(used, answer.max_model_len)}, limits)
    if price and answer.e2el_ms:
        hourly: dict[str, object] = {"price": amount(price.per_hour), "currency": price.currency}
        took = duration(language, answer.e2el_ms)
        cost = amount(price.of_ms(answer.e2el_ms))
        add("cost", {"amount": cost, "currency": price.currency}, {"time": took, **hourly})
    return figures


def details(answer: Answer) -> list[Detail]:
    """Where the time of the last request went: the server's own account, and what this process measured around it."""
    language, completion, metrics = answer.language, answer.completion, answer.completion.metrics
    rows: list[Detail] = []

    def took(who: Literal["server", "browser"], name: str, ms: float | None, *, part: bool = False) -> None:
        if ms is not None:
            row = Detail(group=who, id=name, label=text(language, f"fact_of_{name}"), value=duration(language, ms))
            rows.append(row | {"ms": ms} if part else row)

    if metrics:
        took("server", "queue", metrics.queue_ms, part=True)
        took("server", "prompt", metrics.prompt_ms, part=True)
        took("server", "decode", metrics.decode_ms, part=True)
        took("server", "itl", metrics.itl_ms)
    if completion.cached_tokens is not None:
        of = {"cached": f"{completion.cached_tokens:,}", "read": f"{completion.prompt_tokens:,}"}
        value, label = text(language, "fact_cached_of", **of), text(language, "fact_of_cached")
        rows.append(Detail(group="server", id="cached", label=label, value=value))
    if completion.ttft_ms:
        took("browser", "ttft", completion.ttft_ms)
        took("browser", "e2el", completion.e2el_ms)
        took("browser", "network", completion.network_ms, part=True)
    return rows


def server_note(answer: Answer) -> str:
    """Why the server's own account is missing; "" where it is not."""
    if answer.completion.metrics:
        return ""
    return text(answer.language, "fact_server_silent" if answer.completion.finish_reason else "fact_server_not_asked")
