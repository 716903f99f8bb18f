"""The check of a user's JSON Schema before it goes to the server: what is wrong with it, and at which line and column.

    check_schema('{"type": "object", "properties": {"word": {"type": "string"}}}')

Never raises, never fetches, and looks at no more than 64 KB and 2,000 values. Errors keep a schema from being used; a
warning says what the server does not enforce. A schema without an error can still be one that nothing can match, see
`chat.schema.contradictions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from chat.schema.contradictions import check_contradictions, check_object_at_top
from chat.schema.enforced import check_enforced
from chat.schema.limits import check_keywords, check_size, check_structure
from chat.schema.meta import check_is_schema
from chat.schema.refused import check_refused
from chat.schema.text import Document, TextFault, line_and_column, read
from chat.schema.tree import Finding, SchemaTree, shown

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a line and column, both from 1: the key of a sentence and its values."""

    severity: Literal["error", "warning"]
    key: str
    values: dict[str, object]
    line: int
    column: int


def check_schema(text: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The schema, if nothing is wrong with it, and up to `MOST_PROBLEMS` problems: errors first, in order of lines."""
    try:
        document = read(text)
    except TextFault as fault:
        values = {name: shown(value) for name, value in fault.values.items()}
        return None, [Problem("error", fault.key, values, *line_and_column(text, fault.offset))]
    findings = {_rank(finding, document): finding for finding in _findings(document)}
    problems = [
        Problem(findings[rank].severity, findings[rank].key, findings[rank].values, *line_and_column(text, rank[1]))
        for rank in sorted(findings)[:MOST_PROBLEMS]
    ]
    wrong = any(problem.severity == "error" for problem in problems)
    return None if wrong else document.value, problems


def _rank(finding: Finding, document: Document) -> tuple[bool, int, str, str]:
    """What sorts findings, and tells two from each other."""
    return finding.severity == "warning", document.offsets[finding.path], finding.key, str(finding.values)


def _findings(document: Document) -> list[Finding]:
    """Each step relies on the ones before it, so the first with an error is the last."""
    findings = [*check_size(document)] or [*check_is_schema(document.value)]
    if findings:
        return findings
    tree = SchemaTree(document.value)
    for check in (check_structure, _check_parts):
        findings += check(tree)
        if any(finding.severity == "error" for finding in findings):
            break
    wrong = {finding.path for finding in findings if finding.severity == "error"}
    return [finding for finding in findings if finding.severity == "error" or finding.path not in wrong]


def _check_parts(tree: SchemaTree) -> Iterator[Finding]:
    for check in (check_object_at_top, check_keywords, check_refused, check_contradictions, check_enforced):
        yield from check(tree)
