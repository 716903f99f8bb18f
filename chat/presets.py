"""System prompts to choose from, one YAML file each in `chat/presets/`.

A file holds `name` and `prompt`, both in every language; unknown keys are refused. The file's name is
the preset's id. `order` sorts them in the settings panel.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from chat.errors import DataFileError
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
    presets = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            presets.append(Preset(id=path.stem, **content))
        except (yaml.YAMLError, TypeError, ValidationError) as error:
            raise DataFileError(f"{path.name} is not a valid preset: {error}") from None
    return {preset.id: preset for preset in sorted(presets, key=lambda preset: preset.order)}


@cache
def presets() -> dict[str, Preset]:
    """The presets that come with Pagoda, read once."""
    return load_presets()
