"""How alike the answers of two sets of weights are, and how good each set's are.

BLEU-4 is sacrebleu's corpus BLEU, cut into tokens as its `zh` does (each Chinese character one, the rest as its `13a`).
A drop is 100 × (1 - BLEU / BLEU of full precision), against the answers that would be right; where those are not known,
100 - BLEU against full precision's own. Intervals: from the 2.5th to the 97.5th percentile of 1,000 draws of as many
prompts with replacement, the same for both (paired bootstrap).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from backend.benchmark.problems import Problem
from backend.benchmark.quality_ask import Answer
from backend.benchmark.quality_prompts import Question

DRAWS = 1000
SACREBLEU = "sacrebleu==2.6.0"


def check_installed() -> None:
    """Refuse before anything is asked."""
    if find_spec("sacrebleu") is None:
        raise Problem(
            "sacrebleu, which computes BLEU, is not in this Python: use .venv-backend/bin/python, "
            f"or pip install {SACREBLEU}."
        )


class Bleu:
    """Corpus BLEU-4 over any draw of the answers: what sacrebleu counts of each, added up."""

    def __init__(self, texts: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        import numpy
        from sacrebleu.metrics import BLEU  # type: ignore[import-not-found]  # it is where vLLM is

        metric = BLEU(tokenize="zh")
        rows = []
        for text, known in zip(texts, references, strict=True):
            one = metric.corpus_score([text], [[reference] for reference in known])
            rows.append([*one.counts, *one.totals, one.sys_len, one.ref_len])
        self._rows = numpy.array(rows, dtype=float)
        self._compute = BLEU.compute_bleu
        self.score = self._of(self._rows.sum(0))

    def draws(self) -> list[float]:
        """The score of each draw of a fixed series."""
        import numpy

        count = len(self._rows)
        weights = numpy.random.default_rng(0).multinomial(count, [1 / count] * count, size=DRAWS)
        return [self._of(row) for row in weights @ self._rows]

    def _of(self, sums: Any) -> float:
        values = [int(value) for value in sums]
        return float(self._compute(values[:4], values[4:8], values[8], values[9]).score)


def interval(values: Sequence[float]) -> list[float]:
    """Where the middle 95 % of them lie."""
    ranked = sorted(values)
    return [round(ranked[round(share * (len(ranked) - 1))], 2) for share in (0.025, 0.975)]


def drop_percent(before: float, after: float) -> float:
    return 100 * (1 - after / before) if before else 0.0


def is_valid(question: Question, text: str) -> bool:
    """Whether an answer is the JSON that was asked for: an object or list, and as the schema says."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    if question.schema is None:
        return isinstance(value, dict | list)
    import jsonschema

    return bool(jsonschema.validators.validator_for(question.schema)(question.schema).is_valid(value))


def own(questions: Sequence[Question], given: Sequence[Answer]) -> dict[str, Any]:
    """What can be said of one set of weights alone; None where no prompt is of the kind."""
    pairs = list(zip(questions, given, strict=True))
    known = [(question.expected, answer.text) for question, answer in pairs if question.expected]
    return {
        "right_percent": percent([question.right(answer.text) for question, answer in pairs if question.right]),
        "bleu_to_right": round(Bleu([t for _, t in known], [e for e, _ in known]).score, 2) if known else None,
        "json_enforced_valid_percent": percent([is_valid(q, a.text) for q, a in pairs if q.json and q.response_format]),
        "json_in_words_valid_percent": percent(
            [is_valid(q, a.text) for q, a in pairs if q.json and not q.response_format]
        ),
        "cut_percent": percent([answer.cut for answer in given]),
    }


def compared(questions: Sequence[Question], full: Sequence[Answer], given: Sequence[Answer]) -> dict[str, Any]:
    """What one set of weights says of another's prompts, beside what the other says."""
    alike = Bleu([answer.text for answer in given], [[answer.text] for answer in full])
    scores = {
        "same_percent": percent([a.text.strip() == b.text.strip() for a, b in zip(full, given, strict=True)]),
        "bleu_to_full": round(alike.score, 2),
        "bleu_to_full_interval": interval(alike.draws()),
        **own(questions, given),
        **_changed(questions, full, given),
        "same_percent_by_group": _by_group(questions, full, given),
    }
    known = [number for number, question in enumerate(questions) if question.expected]
    if known:
        expected = [questions[number].expected for number in known]
        before, after = (Bleu([answers[number].text for number in known], expected) for answers in (full, given))
        scores["bleu_drop_percent"] = round(drop_percent(before.score, after.score), 2)
        scores["bleu_drop_percent_interval"] = interval(
            [drop_percent(*pair) for pair in zip(before.draws(), after.draws(), strict=True)]
        )
    return scores


def percent(passed: Sequence[bool]) -> float | None:
    """Share of true values, in percent with one decimal."""
    return round(100 * sum(passed) / len(passed), 1) if passed else None


def _changed(questions: Sequence[Question], full: Sequence[Answer], given: Sequence[Answer]) -> dict[str, int]:
    """How many answers became wrong and how many right, of those that can be judged."""
    judged = [
        (question.right(before.text), question.right(after.text))
        for question, before, after in zip(questions, full, given, strict=True)
        if question.right
    ]
    return {"became_wrong": judged.count((True, False)), "became_right": judged.count((False, True))} if judged else {}


def _by_group(
    questions: Sequence[Question], full: Sequence[Answer], given: Sequence[Answer]
) -> dict[str, float | None]:
    same: dict[str, list[bool]] = {}
    for question, before, after in zip(questions, full, given, strict=True):
        same.setdefault(question.group, []).append(before.text.strip() == after.text.strip())
    return {group: percent(values) for group, values in sorted(same.items())}
