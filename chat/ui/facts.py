"""What is said about an answer that has ended: separate facts, each with a kind that picks icon and colour."""

from __future__ import annotations

from typing import Literal, TypedDict

from chat.json_output import JsonOutput
from chat.texts import text
from chat.turn import Answer

Kind = Literal["good", "bad", "note"]


class Fact(TypedDict):
    """One fact: `id` says which."""

    id: str
    kind: Kind
    text: str


class Measures(TypedDict):
    """Length and speed, as measured between this process and the model server; None where unknown."""

    ttft_ms: int | None
    e2el_ms: int | None
    completion_tokens: int | None
    output_throughput: int | None


def status(answer: Answer) -> list[Fact]:
    """What to say under an answer in words, or under a JSON canvas, which tells its own end."""
    facts: list[Fact] = []
    if answer.json_format is None and answer.ending != "complete":
        ending = "full" if answer.is_full else answer.ending
        sentence = text(answer.language, f"status_{ending}", max_tokens=answer.max_tokens)
        facts.append(Fact(id="ending", kind="note", text=sentence))
    if answer.left_out:
        sentence = text(answer.language, "status_left_out", count=answer.left_out)
        facts.append(Fact(id="left_out", kind="note", text=sentence))
    return facts


def speed(answer: Answer) -> str:
    """Length and speed in a sentence; "" where unknown."""
    completion = answer.completion
    if not answer.completion_tokens:
        return ""
    rate = completion.output_throughput
    return text(
        answer.language,
        "status_facts_brief" if rate is None else "status_facts",
        tokens=answer.completion_tokens,
        ttft_ms=round(completion.ttft_ms),
        rate=round(rate or 0),
    )


def json_facts(answer: Answer, output: JsonOutput) -> list[Fact]:
    """Enforced or not, how it ended, whether it parses, whether it matches its schema: told apart."""

    def fact(fact_id: str, kind: Kind, key: str, /, **values: object) -> Fact:
        return Fact(id=fact_id, kind=kind, text=text(answer.language, key, **values))

    enforced = {True: "json_enforced", False: "json_not_enforced", None: "json_partly_enforced"}[answer.enforced]
    kind: Kind = "good" if answer.enforced else "note"
    if answer.enforced and answer.json_format and answer.json_format.not_all_enforced:
        enforced, kind = "json_not_all_enforced", "note"
    facts = [fact("enforced", kind, enforced)]
    ending_kind: Kind = {"complete": "good", "stopped": "note"}.get(answer.ending, "bad")  # type: ignore[assignment]
    ending = "full" if answer.is_full else answer.ending
    facts.append(fact("ending", ending_kind, f"json_ending_{ending}", max_tokens=answer.max_tokens))
    if output.parses:
        facts.append(fact("parses", "good", "json_parses"))
    elif output.parse_error:
        line, column = output.parse_error
        facts.append(fact("parses", "bad", "json_does_not_parse", line=line, column=column))
    else:
        facts.append(fact("parses", "bad", "json_no_object"))
    if answer.json_format and answer.json_format.schema is not None:
        name = answer.json_format.name
        if output.violation:
            path = output.violation.path or text(answer.language, "json_whole")
            reason = output.violation.reason
            facts.append(fact("matches", "bad", "json_violates", name=name, path=path, reason=reason))
        elif output.matches:
            facts.append(fact("matches", "good", "json_matches", name=name))
        else:
            facts.append(fact("matches", "note", "json_not_compared", name=name))
    return facts


def json_measures(answer: Answer) -> Measures:
    """The figures to compare two answers by; times and rate are those of the last part of a continued one."""
    completion = answer.completion
    rate = completion.output_throughput
    return Measures(
        ttft_ms=round(completion.ttft_ms) if completion.ttft_ms else None,
        e2el_ms=round(completion.e2el_ms) if completion.e2el_ms else None,
        completion_tokens=answer.completion_tokens or None,
        output_throughput=round(rate) if rate is not None and completion.completion_tokens else None,
    )
