"""Sentences of training that no list holds: with the places they have to have, and none of the test split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from backend.demo_model.generators import Generator
from backend.demo_model.phrases import Phrases
from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.skills.frames import Frames
from backend.demo_model.split import wording_key, wordings_of

DRAWS = 300


def frames_of(phrases: Phrases, split: str) -> Frames:
    clauses = (clause for scenario in phrases.scenarios for clause in scenario.clauses)
    return Frames((clause.wordings for clause in clauses), split)  # type: ignore[arg-type]


def lists(phrases: Phrases) -> Iterator[tuple[Language, tuple[str, ...]]]:
    for scenario in phrases.scenarios:
        for clause in scenario.clauses:
            if clause.slots:
                yield from ((language, clause.wordings[language]) for language in LANGUAGES)
    for kind in ("extract", "extract_all", "extract_keys"):
        yield from ((language, phrases.tasks[kind][language]) for language in LANGUAGES)


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{[a-z_]+\}", text))


def test_a_sentence_has_its_places_and_words_and_is_no_test_wording(train: Generator) -> None:
    frames, rng = frames_of(train.phrases, "train"), Random(1)
    for language, wordings in lists(train.phrases):
        held_out, trained = (
            {wording_key(text) for text in wordings_of(wordings, "test")},
            wordings_of(wordings, "train"),
        )
        for _ in range(DRAWS):
            text = frames.draw(wordings, language, rng)
            assert places(text) == places(wordings[0])
            assert text in trained or wording_key(re.sub(r"\{[a-z_]+\}", "", text))
            assert wording_key(text) not in held_out


def test_what_would_be_a_test_wording_is_given_as_written(train: Generator) -> None:
    """Pieces of the wordings of training can make one of the test; it is drawn in no other way."""
    tested = ("{a} is in {b}.", "{a} lives in {b}.")
    written = ("{a} has a house in {b}.", "Somebody, {a}, is in {b}.", "{a} is at home where {b} is.")
    texts = (*tested, *written, "In {b} lives {a}.", "From {b}, {a}.", "{a}: {b}.")
    held_out = {wording_key(text) for text in wordings_of(texts, "test")}
    assert held_out
    frames, rng = frames_of(train.phrases, "train"), Random(2)
    drawn = {wording_key(frames.draw(texts, "en", rng)) for _ in range(5_000)}
    assert drawn & held_out == set()
    assert len(drawn) > 100


def test_most_sentences_never_come_again(train: Generator) -> None:
    frames, rng = frames_of(train.phrases, "train"), Random(3)
    for language, wordings in lists(train.phrases):
        drawn = [frames.draw(wordings, language, rng) for _ in range(DRAWS)]
        trained = set(wordings_of(wordings, "train"))
        as_written = sum(text in trained for text in drawn) / DRAWS
        assert 0.2 < as_written < 0.75, wordings[0]
        assert len(set(drawn) - trained) > DRAWS / 10


def test_the_test_split_has_its_wordings_as_they_are(test: Generator) -> None:
    frames, rng = frames_of(test.phrases, "test"), Random(4)
    for language, wordings in lists(test.phrases):
        kept = set(wordings_of(wordings, "test"))
        assert {frames.draw(wordings, language, rng) for _ in range(50)} <= kept


def test_no_common_word_is_made_up_as_a_value(train: Generator) -> None:
    common, rng = set(frames_of(train.phrases, "train").common["en"]), Random(5)
    assert {"is", "the", "our", "will", "been"} <= common
    listed = {word for values in train.phrases.values.values() for text in values for word in text.lower().split()}
    drawn = {word for _ in range(5_000) for word in train.values.text("product", "en", rng).split()}
    assert drawn & common <= listed


def test_companies_of_training_have_up_to_three_words(train: Generator) -> None:
    rng = Random(6)
    assert {len(train.values.text("company", "en", rng).split()) for _ in range(300)} == {1, 2, 3}
