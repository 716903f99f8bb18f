"""Ready JSON Schemas to choose from, one YAML file each in `chat/schema/ready/`.

A file holds `name`, `description` and `questions` to try, each in every language, and `schema`; unknown keys are
refused. The file's name is the schema's id. `order` sorts them on the page.

The schema also stands in the prompt of a model with a context of 2,048 tokens, so it is short: descriptions only where
a property's name does not say enough. Each list has an upper bound, so that a small model comes to an end.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from chat.data_files import load_folder
from chat.texts import Language

SCHEMAS_DIR = Path(__file__).with_name("ready")


# a dataclass, since a pydantic model has a method `schema`
@dataclass(config=ConfigDict(extra="forbid"), frozen=True)
class ReadySchema:
    """A JSON Schema with its name, what it is for, and questions that it fits, in each language."""

    id: str
    order: int
    name: dict[Language, str]
    description: dict[Language, str]
    questions: dict[Language, Annotated[list[str], Field(min_length=2, max_length=3)]]
    schema: dict[str, Any]


def load_schemas(directory: Path = SCHEMAS_DIR) -> dict[str, ReadySchema]:
    """All ready schemas by id, in their order; raises `DataFileError` naming the file and the field."""
    return load_folder(directory, ReadySchema, "schema")


@cache
def ready_schemas() -> dict[str, ReadySchema]:
    """The schemas that come with Pagoda, read once."""
    return load_schemas()
