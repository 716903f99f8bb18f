"""System prompts to choose from: those of `chat/presets/`, one YAML file each, and the user's own.

A file holds `name`, `prompt` and `starters`, all in every language; unknown keys are refused. The file's name is the
preset's id. `order` sorts them. A starter is a question to begin with; with `json` it is asked in JSON mode, for a
ready schema (its id) or for any object (`any`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chat.data_files import load_folder
from chat.schema.choice import ANY
from chat.schema.ready import ready_schemas
from chat.texts import LANGUAGES, Language, text

PRESETS_DIR = Path(__file__).with_name("presets")
CUSTOM = "custom"  # a system prompt that is no preset's
OWN = "own:"
MOST_OWN = 20
LONGEST_NAME = 60
LONGEST_PROMPT = 20_000  # characters


class Starter(BaseModel):
    """A question to begin a conversation with: `label` on the button, `message` as asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    message: str
    json_schema: Annotated[str | None, Field(alias="json")] = None

    @model_validator(mode="after")
    def _schema_exists(self) -> Starter:
        if self.json_schema not in (None, ANY, *ready_schemas()):
            raise ValueError(f"json: choose one of {', '.join([ANY, *ready_schemas()])}")
        return self


class Preset(BaseModel):
    """A system prompt with its name and starters, in each language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    order: int
    name: dict[Language, str]
    prompt: dict[Language, str]
    starters: dict[Language, Annotated[tuple[Starter, ...], Field(min_length=3, max_length=4)]]

    @model_validator(mode="after")
    def _in_every_language(self) -> Preset:
        fields: tuple[Mapping[Language, object], ...] = (self.name, self.prompt, self.starters)
        if any(set(field) != set(LANGUAGES) for field in fields):
            raise ValueError(f"name, prompt and starters: each in {', '.join(LANGUAGES)}")
        return self


def load_presets(directory: Path = PRESETS_DIR) -> dict[str, Preset]:
    """All presets by id, in their order; raises `DataFileError` naming the file and the field."""
    return load_folder(directory, Preset, "preset")


@cache
def presets() -> dict[str, Preset]:
    """The presets that come with Pagoda, read once."""
    return load_presets()


@dataclass(slots=True)
class PresetChoice:
    """The presets of one session; `own` holds the prompts that the user saved, by name, oldest first.

    The id of one's own is made of its name, so that it means the same in another session of the same browser.
    """

    own: dict[str, str] = field(default_factory=dict)

    def names(self, language: Language) -> dict[str, str]:
        """The name of everything that can be chosen, by id."""
        ready = {preset.id: preset.name[language] for preset in presets().values()}
        return ready | {OWN + name: name for name in self.own}

    def prompts(self, language: Language) -> dict[str, str]:
        """The system prompts, by id."""
        ready = {preset.id: preset.prompt[language] for preset in presets().values()}
        return ready | {OWN + name: prompt for name, prompt in self.own.items()}

    def own_name(self, preset_id: str) -> str | None:
        """The name of one of the user's own; None for every other id."""
        name = preset_id.removeprefix(OWN)
        return name if preset_id.startswith(OWN) and name in self.own else None

    def save(self, name: str, prompt: str, language: Language) -> str | None:
        """Keep a prompt under a name, in place of one's own of that name, and return its id; None if it is too long.

        A name of a preset that comes with Pagoda gets a number. Beyond `MOST_OWN` the oldest goes.
        """
        if len(prompt) > LONGEST_PROMPT:
            return None
        taken = {preset.name[language] for preset in presets().values()} | {text(language, "setting_preset_custom")}
        wanted = " ".join(name.split())[:LONGEST_NAME]
        number, free = 2, wanted
        while free in taken:
            number, free = number + 1, f"{wanted} ({number})"
        self.own[free] = prompt
        while len(self.own) > MOST_OWN:
            del self.own[next(iter(self.own))]
        return OWN + free

    def delete(self, preset_id: str) -> None:
        """Forget one of the user's own; any other id is left alone."""
        if name := self.own_name(preset_id):
            del self.own[name]
