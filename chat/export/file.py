"""The JSON file of an exported conversation: its form, and reading one that may have been made or changed by anyone.

    file = read(text)       # FileRefused says where and why not
    written = file.written()

The models below are the one place where the form is written down. Texts are stored as they came; a verdict is for
readers only and judged anew on import. Limits: `MOST_BYTES` (Chainlit drops a connection over a message of 1,000,000
bytes), `MOST_TURNS`, `MOST_ANSWERS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from chat.conversation import printable
from chat.errors import PagodaError
from chat.json_output import Ending, Verdict, parse
from chat.sampling import Sampling
from chat.schema.check import check_schema
from chat.texts import Language, text

FORMAT = "pagoda-conversation"
VERSION = 1
MOST_BYTES = 900_000
MOST_TURNS = 1000
MOST_ANSWERS = 100
LONGEST_SHOWN = 60
LONGEST_PLACE = 120

# No encoding can carry half a surrogate pair, which an answer may hold.
Text = Annotated[str, BeforeValidator(lambda value: printable(value) if isinstance(value, str) else value)]
Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# What is wrong at a place of the file, by pydantic's type of error; anything else is "value".
_REASONS = {
    "missing": "missing",
    "extra_forbidden": "unknown",
    "string_type": "text",
    "list_type": "list",
    "dict_type": "object",
    "model_type": "object",
    "int_type": "whole",
    "int_parsing": "whole",
    "float_type": "number",
    "float_parsing": "number",
    "bool_type": "boolean",
    "literal_error": "choice",
    "too_long": "long",
    "datetime_from_date_parsing": "date",
    "datetime_parsing": "date",
    "datetime_type": "date",
    "timezone_aware": "date",
    "shown": "shown",
    "words": "words",
}


class Fault(NamedTuple):
    """What is wrong with a value: the key of a sentence and its values."""

    key: str
    values: Mapping[str, object]


class FileRefused(PagodaError):
    """A file that is no exported conversation: `key` is the sentence, `values` what it is filled with.

    A `fault`, where there is one, is another sentence, for {reason} in the first.
    """

    def __init__(self, key: str, fault: Fault | None = None, **values: object) -> None:
        super().__init__(f"{key} {fault} {values}")
        self.key = key
        self.fault = fault
        self.values = values

    def sentence(self, language: Language) -> str:
        """What the user reads."""
        if self.fault is None:
            return text(language, self.key, **self.values)
        reason = text(language, self.fault.key, **self.fault.values)
        return text(language, self.key, reason=reason, **self.values)


class Part(BaseModel):
    """A part of the file: what it may hold is named here, and nothing else is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class ServerTimes(Part):
    """Where the time went by the server's own clock."""

    queue_ms: Milliseconds | None = None
    prompt_ms: Milliseconds | None = None
    decode_ms: Milliseconds | None = None
    itl_ms: Milliseconds | None = None


class Facts(Part):
    """What was measured and counted in the last request of an answer; what is null is not known.

    An answer that was continued has parts before it, with tokens and time of their own: `earlier_…`.
    """

    prompt_tokens: Count | None = None
    cached_tokens: Count | None = None
    completion_tokens: Count | None = None
    earlier_tokens: Count | None = 0
    earlier_ms: Milliseconds = 0
    max_tokens: Count | None = None
    max_model_len: Count | None = None
    ttft_ms: Milliseconds | None = None
    e2el_ms: Milliseconds | None = None
    thought_ms: Milliseconds | None = None
    server: ServerTimes | None = None


class FileAnswer(Part):
    """An answer. `full`: it was cut by the context, not by the user's own limit. `settings`: only where they differ.

    `enforced` (how far the grammar saw to it) and `verdict` are of answers in JSON only.
    """

    text: Text
    reasoning: Text = ""
    ending: Ending
    full: bool = False
    enforced: Literal["all", "part", "none"] | None = None
    verdict: Verdict | None = None
    model: str | None = None
    settings: Sampling | None = None
    left_out: list[Text] = []
    facts: Facts = Facts()


class JsonForm(Part):
    """What a JSON answer was asked to match; without a schema, any object."""

    id: Annotated[str, Field(pattern=r"^[\w-]{1,64}$")]
    name: Text
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class FileTurn(Part):
    """A question and its answers; the conversation goes on with the one of number `shown`, 0 without any."""

    question: Text
    json_form: Annotated[JsonForm | None, Field(alias="json")] = None
    answers: Annotated[list[FileAnswer], Field(max_length=MOST_ANSWERS)] = []
    shown: Count = 0

    @model_validator(mode="after")
    def _fits_together(self) -> FileTurn:
        if not bool(self.answers) <= self.shown <= len(self.answers):
            raise PydanticCustomError("shown", "there is no answer {shown}", {"shown": self.shown})
        if self.json_form is None and any(answer.enforced or answer.verdict for answer in self.answers):
            raise PydanticCustomError("words", "enforced and verdict are of JSON answers only")
        return self


class ConversationFile(Part):
    """A whole conversation. `model` is the one that was being talked to, None where the server was away."""

    format: Literal["pagoda-conversation"] = "pagoda-conversation"
    version: Literal[1] = 1
    exported_at: Annotated[AwareDatetime, Field(strict=False)]
    app_version: str
    model: str | None = None
    settings: Sampling
    turns: Annotated[list[FileTurn], Field(max_length=MOST_TURNS)]

    def written(self) -> str:
        """The text of the file."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def read(written: str) -> ConversationFile:
    """The conversation in the text of a file; FileRefused for a text that is none."""
    if len(written.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise FileRefused("import_too_large", limit=MOST_BYTES // 1000)
    value, place = parse(written.removeprefix("\ufeff"))
    if place:
        raise FileRefused("import_no_json", line=place[0], column=place[1])
    if not isinstance(value, dict) or "format" not in value:
        raise FileRefused("import_no_conversation")
    if value["format"] != FORMAT:
        raise FileRefused("import_other_program", format=str(value["format"])[:LONGEST_SHOWN])
    version = value.get("version")
    if version is True or version != VERSION:
        raise FileRefused("import_other_version", version=str(version)[:LONGEST_SHOWN], known=VERSION)
    try:
        file = ConversationFile.model_validate(value)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        fault = Fault(f"import_reason_{_REASONS.get(detail['type'], 'value')}", detail.get("ctx", {}))
        raise _refused_at(detail["loc"], fault) from None
    _check_schemas(file)
    return file


def _check_schemas(file: ConversationFile) -> None:
    """A schema goes to the server when its question is asked again, so it must be one that is fit for it."""
    sound: set[str] = set()
    for number, turn in enumerate(file.turns):
        if turn.json_form is None or turn.json_form.schema_ is None:
            continue
        schema_text = json.dumps(turn.json_form.schema_, ensure_ascii=False)
        if schema_text not in sound:
            schema, problems = check_schema(schema_text)
            if schema is None:
                place = ("turns", number, "json", "schema")
                raise _refused_at(place, Fault(problems[0].key, problems[0].values))
            sound.add(schema_text)


def _refused_at(place: tuple[int | str, ...], fault: Fault) -> FileRefused:
    """The place is written as in `turns[3].answers[0].ending`; items count from 0."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")
    return FileRefused("import_refused", fault, place=path[:LONGEST_PLACE])
