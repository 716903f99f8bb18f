"""Which JSON an answer is to be: any object, one of the ready schemas, or one that the user wrote.

Ids: `any`, those of `chat/schema/ready/`, `own-1` and so on. What a user writes is checked first (`chat.schema.check`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from chat.json_output import ResponseFormat, response_format
from chat.schema.check import Problem, check_schema
from chat.schema.ready import ready_schemas
from chat.texts import Language, text

ANY = "any"
MOST_OWN = 20
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """What is asked of an answer in JSON mode; without a `schema`, any JSON object."""

    id: str
    name: str
    schema: dict[str, Any] | None = None
    not_all_enforced: bool = False  # the server's grammar leaves some of the schema aside

    def instruction(self, language: Language) -> str:
        """What the system prompt says of it: the grammar forces the form, but only the model can fill it sensibly."""
        if self.schema is None:
            return text(language, "json_instruction")
        written = json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))
        return text(language, "json_schema_instruction") + "\n" + written

    def response_format(self) -> ResponseFormat:
        return response_format(self.id, self.schema)


@dataclass(frozen=True, slots=True)
class OwnSchema:
    """A schema that the user wrote: `text` as typed, `schema` as read."""

    id: str
    name: str
    text: str
    schema: dict[str, Any]
    has_warnings: bool


@dataclass(slots=True)
class SchemaChoice:
    """The schema chosen in a session, and the user's own ones by id, oldest first."""

    chosen: str = ANY
    own: dict[str, OwnSchema] = field(default_factory=dict)
    _written: int = 0

    def names(self, language: Language) -> dict[str, str]:
        """The name of everything that can be chosen, by id."""
        return {
            ANY: text(language, "json_any"),
            **{schema.id: schema.name[language] for schema in ready_schemas().values()},
            **{schema.id: schema.name for schema in self.own.values()},
        }

    def format(self, schema_id: str | None, language: Language) -> JsonFormat:
        """What to ask for under an id; one that does not exist (any more) is any object."""
        if ready := ready_schemas().get(schema_id or ""):
            return JsonFormat(ready.id, ready.name[language], ready.schema)
        if own := self.own.get(schema_id or ""):
            return JsonFormat(own.id, own.name, own.schema, own.has_warnings)
        return JsonFormat(ANY, text(language, "json_any"))

    def save(self, schema_id: str | None, name: str, written: str, language: Language) -> OwnSchema | list[Problem]:
        """Keep a schema, as a new one or in place of one's own `schema_id`; with errors, they are returned instead.

        A name that is taken gets a number. Beyond `MOST_OWN` the oldest goes.
        """
        schema, problems = check_schema(written)
        if schema is None:
            return problems
        if schema_id not in self.own:
            self._written += 1
            schema_id = f"own-{self._written}"
        taken = {other for key, other in self.names(language).items() if key != schema_id}
        wanted = " ".join(name.split())[:LONGEST_NAME] or text(language, "json_own")
        own = OwnSchema(schema_id, _free(wanted, taken), written, schema, has_warnings=bool(problems))
        self.own[schema_id] = own
        while len(self.own) > MOST_OWN:
            self.delete(next(iter(self.own)))
        return own

    def delete(self, schema_id: str) -> None:
        """Forget one of the user's own schemas."""
        if self.own.pop(schema_id, None) and self.chosen == schema_id:
            self.chosen = ANY


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name} ({number})"
    return free
