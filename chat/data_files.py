"""Folders of YAML data files, one file each for what can be chosen: loaded strictly, in their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import yaml
from pydantic import ValidationError

from chat.errors import DataFileError


class Listed(Protocol):
    """What a file makes: its name without the ending is the `id`, and `order` says where it stands."""

    @property
    def id(self) -> str: ...
    @property
    def order(self) -> int: ...


Kind = TypeVar("Kind", bound=Listed)


def load_folder(directory: Path, make: Callable[..., Kind], what: str) -> dict[str, Kind]:
    """All files by id, in their order; raises `DataFileError` naming the file and the field."""
    made: list[Kind] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            made.append(make(id=path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))))
        except (yaml.YAMLError, TypeError, ValidationError) as error:
            raise DataFileError(f"{path.name} is not a valid {what}: {error}") from None
    return {entry.id: entry for entry in sorted(made, key=lambda entry: entry.order)}
