"""Exported conversations: what goes out comes in again, what is no such file is refused with its place, Markdown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conversation import Conversation, Turn
from chat.export.file import (
    FORMAT,
    MOST_BYTES,
    MOST_TURNS,
    ConversationFile,
    Facts,
    FileAnswer,
    FileRefused,
    FileTurn,
    JsonForm,
    ServerTimes,
    read,
)
from chat.export.markdown import as_markdown, closed, fenced, quoted
from chat.export.record import form_of, recorded, restored
from chat.sampling import Sampling
from chat.schema.choice import JsonFormat
from chat.schema.ready import ready_schemas
from chat.texts import LANGUAGES, text

SETTINGS = Sampling(system_prompt="Be brief.", temperature=0.7, top_p=0.8, max_tokens=500)
# Words that Markdown, JSON or an encoding might trip over.
WORDS = st.text(st.characters(codec=None, categories=None), max_size=20) | st.sampled_from(
    ["", "```", "# Title", "> quoted", "\ud83d", "\r\n", "</sub>", "\x00", "{a}", "中文", "\u2028"]
)
COUNTS = st.none() | st.integers(1, 10**6)
TIMES = st.none() | st.floats(0.001, 1e7)
SAMPLINGS = st.builds(
    Sampling,
    model=st.none() | st.just("some/model"),
    preset=st.just("custom"),
    system_prompt=st.text(max_size=20),
    temperature=st.floats(0, 2),
    top_p=st.floats(0.01, 1),
    max_tokens=st.integers(1, 10**6),
    seed=st.none() | st.integers(0, 2**63 - 1),
)
FACTS = st.builds(
    Facts,
    prompt_tokens=COUNTS,
    cached_tokens=st.none() | st.integers(0, 100),
    completion_tokens=COUNTS,
    earlier_tokens=st.none() | st.integers(0, 1000),
    earlier_ms=st.floats(0, 1e6),
    max_tokens=st.integers(1, 10**6),
    max_model_len=COUNTS,
    ttft_ms=TIMES,
    e2el_ms=TIMES,
    thought_ms=TIMES,
    server=st.none() | st.builds(ServerTimes, queue_ms=TIMES, prompt_ms=TIMES, decode_ms=TIMES, itl_ms=TIMES),
)
ENDINGS = st.sampled_from(["complete", "cut", "stopped", "broken", "looping"])
FORMS = st.sampled_from(
    [
        None,
        JsonForm(id="any", name="Any"),
        *(JsonForm(id=s.id, name=s.name["zh-CN"], schema_=s.schema) for s in list(ready_schemas().values())[:2]),
        JsonForm(id="own-1", name="x", schema_={"type": "object", "properties": {"a": {"enum": [None, 1]}}}),
    ]
)


@st.composite
def turns(draw: st.DrawFn) -> FileTurn:
    form = draw(FORMS)
    enforced = st.none() if form is None else st.sampled_from(["all", "part", "none"])
    answers = st.builds(
        FileAnswer,
        text=WORDS,
        reasoning=WORDS,
        ending=ENDINGS,
        enforced=enforced,
        model=st.none() | st.just("some/model"),
        settings=st.none() | SAMPLINGS,
        left_out=st.lists(WORDS, max_size=2),
        facts=FACTS,
    )
    kept = draw(st.lists(answers, max_size=3))
    shown = draw(st.integers(1, len(kept))) if kept else 0
    return FileTurn(question=draw(WORDS), json_form=form, answers=kept, shown=shown)


FILES = st.builds(
    ConversationFile,
    exported_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    app_version=st.just("1.0"),
    model=st.none() | WORDS.map(lambda words: words.encode("utf-8", "replace").decode()),
    settings=SAMPLINGS,
    turns=st.lists(turns(), max_size=3),
)


def example(**changes: Any) -> dict[str, Any]:
    """A file with a turn in words and one in JSON, as a dictionary with parts of it changed."""
    file = ConversationFile(
        exported_at=datetime(2026, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=8))),
        app_version="1.0",
        model="some/model",
        settings=SETTINGS,
        turns=[
            FileTurn(question="Who?", answers=[FileAnswer(text="Me.", ending="complete")], shown=1),
            FileTurn(
                question="A book",
                json_form=JsonForm(id="own-1", name="Book", schema_={"type": "object"}),
                answers=[FileAnswer(text='{"a": 1}', ending="complete", enforced="all", verdict="valid")],
                shown=1,
            ),
        ],
    )
    return {**json.loads(file.written()), **changes}


def refused(file: object) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read(file if isinstance(file, str) else json.dumps(file))
    return caught.value


@given(FILES)
def test_what_is_written_can_be_read(file: ConversationFile) -> None:
    assert read(file.written()) == file
    assert read("\ufeff" + file.written()) == file


@given(FILES)
def test_answers_come_back_as_they_were(file: ConversationFile) -> None:
    for turn in file.turns:
        form = turn.json_form
        json_format = JsonFormat(form.id, form.name, form.schema_) if form else None
        assert form_of(json_format) == form
        for kept in turn.answers:
            before = Conversation([Turn("1", "earlier", "answer"), Turn("2", turn.question)])
            answer = restored(kept, file.settings, json_format, "en-US", before)
            again = recorded(answer, file.settings)
            own = kept.settings if kept.settings != file.settings else None
            verdict = answer.json_output.verdict if form else None
            assert again == kept.model_copy(update={"verdict": verdict, "settings": own})


@given(FILES)
def test_markdown_can_be_made_of_everything(file: ConversationFile) -> None:
    for language in LANGUAGES:
        written = as_markdown(file, language)
        written.encode()
        assert written.startswith("# ")
        assert written.count("\n## ") >= len(file.turns)


@pytest.mark.parametrize(
    ("place", "value", "at", "reason"),
    [
        (("turns", 0, "question"), 5, "turns[0].question", "text"),
        (("turns", 0, "answers", 0, "ending"), "never", "turns[0].answers[0].ending", "choice"),
        (("turns", 0, "answers", 0, "facts", "ttft_ms"), "1", "turns[0].answers[0].facts.ttft_ms", "number"),
        (("turns", 0, "answers", 0, "facts", "ttft_ms"), -1, "turns[0].answers[0].facts.ttft_ms", "value"),
        (("turns", 0, "answers", 0, "full"), "yes", "turns[0].answers[0].full", "boolean"),
        (("turns", 0, "answers", 0, "extra"), 1, "turns[0].answers[0].extra", "unknown"),
        (("turns", 0, "answers"), {}, "turns[0].answers", "list"),
        (("turns", 0, "shown"), 1.5, "turns[0].shown", "whole"),
        (("turns", 0, "shown"), 2, "turns[0]", "shown"),
        (("turns", 0, "shown"), 0, "turns[0]", "shown"),
        (("turns", 0, "answers", 0, "verdict"), "valid", "turns[0]", "words"),
        (("turns", 1, "json", "schema"), [], "turns[1].json.schema", "object"),
        (("turns", 1, "json", "id"), "a b", "turns[1].json.id", "value"),
        (("turns",), [{}], "turns[0].question", "missing"),
        (("turns",), [{"question": ""}] * (MOST_TURNS + 1), "turns", "long"),
        (("settings", "temperature"), 9, "settings.temperature", "value"),
        (("settings",), 9, "settings", "object"),
        (("exported_at",), "yesterday", "exported_at", "date"),
        (("exported_at",), "2026-03-04T05:06:07", "exported_at", "date"),
    ],
)
def test_a_fault_is_named_with_its_place(place: tuple[str | int, ...], value: object, at: str, reason: str) -> None:
    file: Any = example()
    holder = file
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    error = refused(file)
    assert (error.key, error.values["place"]) == ("import_refused", at)
    assert error.fault is not None
    assert error.fault.key == f"import_reason_{reason}"
    for language in LANGUAGES:
        sentence = error.sentence(language)
        assert at in sentence
        assert text(language, f"import_reason_{reason}", **error.fault.values) in sentence


@pytest.mark.parametrize(
    ("file", "key", "values"),
    [
        ('{"format": "pagoda-conversation",\n "version" 1}', "import_no_json", {"line": 2, "column": 12}),
        ("", "import_no_json", {"line": 1, "column": 1}),
        ("[" * 1000, "import_no_json", {"line": 1, "column": 201}),
        ([1], "import_no_conversation", {}),
        ({"messages": []}, "import_no_conversation", {}),
        (example(format="other-chat"), "import_other_program", {"format": "other-chat"}),
        (example(format=["x"] * 100), "import_other_program", {}),
        (example(version=2), "import_other_version", {"version": "2", "known": 1}),
        (example(version=True), "import_other_version", {"version": "True", "known": 1}),
        ({"format": FORMAT}, "import_other_version", {"version": "None", "known": 1}),
        (" " * (MOST_BYTES + 1), "import_too_large", {"limit": 900}),
    ],
)
def test_another_file_is_called_what_it_is(file: object, key: str, values: dict[str, object]) -> None:
    error = refused(file)
    assert error.key == key
    assert error.values.items() >= values.items()
    for language in LANGUAGES:
        assert "{" not in error.sentence(language)


def test_a_schema_that_must_not_go_to_the_server_is_refused_as_the_schema_check_says() -> None:
    file = example()
    file["turns"][1]["json"]["schema"] = {"type": "object", "properties": {"a": {"$ref": "http://x/y"}}}
    error = refused(file)
    assert error.values["place"] == "turns[1].json.schema"
    assert error.fault is not None
    assert error.fault.key.startswith("schema_")
    assert error.sentence("zh-CN")


def test_markdown_reads_on_its_own() -> None:
    file = read(json.dumps(example()))
    assert as_markdown(file, "en-US") == (
        "# Who?\n\n"
        "- **Model:** some/model\n"
        "- **Exported:** 2026-03-04 05:06 +0800\n"
        "- **Settings:** Temperature 0.7, Top p 0.8, Max tokens 500, Seed random\n"
        "- **Program:** Pagoda 1.0\n\n"
        "System prompt:\n\n> Be brief.\n\n"
        "## Question 1\n\n> Who?\n\n### Answer\n\nMe.\n\n<sub>complete</sub>\n\n"
        "## Question 2\n\n> A book\n\n### Answer\n\n"
        '```json\n{\n  "a": 1\n}\n```\n\n<sub>JSON, valid (Book)</sub>\n'
    )


def test_an_answer_cannot_break_out_of_its_place() -> None:
    assert closed("a\n```python\nx = 1") == "a\n```python\nx = 1\n```"
    assert closed("~~~~\n```\n~~~") == "~~~~\n```\n~~~\n~~~~"
    assert closed("```\nx\n```\nend\n") == "```\nx\n```\nend"
    assert closed("``` inline ``` code") == "``` inline ``` code"
    assert fenced("```", "json") == "````json\n```\n````"
    assert quoted("a\n\n# b") == "> a\n>\n> # b"


def test_the_title_is_one_line_and_no_markup() -> None:
    file = read(json.dumps(example(turns=[{"question": "*Bold*\n" + "long " * 30}])))
    title = as_markdown(file, "en-US").splitlines()[0]
    assert title.startswith("# \\*Bold\\* long long")
    assert title.endswith("…")
    assert len(title) < 70
    empty = as_markdown(read(json.dumps(example(turns=[]))), "zh-CN")
    assert empty.startswith(f"# {text('zh-CN', 'export_untitled')}\n")
