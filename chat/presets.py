"""System prompts to choose from, one YAML file each in `chat/presets/`.

A file holds `name` and `prompt`, both in every language; unknown keys are refused. The file's name is
the preset's id. `order` sorts them in the settings panel.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from chat.data_files import load_folder
from chat.texts import Language

PRESETS_DIR = Path(__file__).with_name("presets")


class Preset(BaseModel):
    """A system prompt with its name, in each language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    order: int
    name: dict[Language, str]
    prompt: dict[Language, str]


def load_presets(directory: Path = PRESETS_DIR) -> dict[str, Preset]:
    """All presets by id, in their order; raises `DataFileError` naming the file and the field."""
    return load_folder(directory, Preset, "preset")


@cache
def presets() -> dict[str, Preset]:
    """The presets that come with Pagoda, read once."""
    return load_presets()
