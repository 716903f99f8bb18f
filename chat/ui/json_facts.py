"""What is said about a JSON answer that has ended, on its canvas: separate facts, and figures to compare two by."""

from __future__ import annotations

from typing import TypedDict

from chat.json_output import JsonOutput
from chat.schema.match import Violation
from chat.texts import sentences, text
from chat.turn import Answer
from chat.ui.facts import Fact, Kind


class Measures(TypedDict):
    """Length and speed, as measured between this process and the model server; None where unknown."""

    ttft_ms: int | None
    e2el_ms: int | None
    completion_tokens: int | None
    output_throughput: int | None


def json_facts(answer: Answer, output: JsonOutput) -> list[Fact]:
    """Enforced or not, how it ended, whether it parses, whether it matches its schema: told apart."""

    def fact(fact_id: str, kind: Kind, key: str, /, **values: object) -> Fact:
        return Fact(id=fact_id, kind=kind, text=text(answer.language, key, **values))

    enforced = {True: "json_enforced", False: "json_not_enforced", None: "json_partly_enforced"}[answer.enforced]
    kind: Kind = "good" if answer.enforced else "note"
    if answer.enforced and answer.json_format and answer.json_format.not_all_enforced:
        enforced, kind = "json_not_all_enforced", "note"
    elif answer.enforced and _does_not_hold(output):
        enforced, kind = "json_enforcement_failed", "bad"
    facts = [fact("enforced", kind, enforced)]
    ending_kind: Kind = {"complete": "good", "stopped": "note"}.get(answer.ending, "bad")  # type: ignore[assignment]
    ending: str = "full" if answer.is_full else answer.ending
    if ending == "complete" and not output.parses:
        ending, ending_kind = "by_itself", "note"
    facts.append(fact("ending", ending_kind, f"json_ending_{ending}", max_tokens=answer.max_tokens))
    if output.parses:
        facts.append(fact("parses", "good", "json_parses"))
    elif output.beyond_limits and output.parse_error:
        line, column = output.parse_error
        facts.append(fact("parses", "bad", "json_beyond_limits", line=line, column=column))
    elif output.parse_error:
        facts.append(fact("parses", "bad", "json_does_not_parse"))  # the view says where
    else:
        facts.append(fact("parses", "bad", "json_no_object"))
    if answer.json_format and answer.json_format.schema is not None:
        name = answer.json_format.name
        if output.violation:
            path = output.violation.path or text(answer.language, "json_whole")
            reason = _reason(answer, output.violation)
            facts.append(fact("matches", "bad", "json_violates", name=name, path=path, reason=reason))
        elif output.matches:
            facts.append(fact("matches", "good", "json_matches", name=name))
        else:
            facts.append(fact("matches", "note", "json_not_compared", name=name))
    return facts


def _does_not_hold(output: JsonOutput) -> bool:
    """Whether an answer that ended by itself is not what the server was asked to see to."""
    return output.verdict == "mismatch" or (output.verdict == "invalid" and not output.beyond_limits)


def _reason(answer: Answer, violation: Violation) -> str:
    """What is wrong, in the user's language; in the validator's English where that has no sentence of ours."""
    key = f"violation_{violation.keyword}"
    if key not in sentences(answer.language):
        key = "violation_other"
    return text(answer.language, key, value=violation.value, reason=violation.reason)


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
