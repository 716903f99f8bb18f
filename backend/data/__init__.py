"""Facts as files: GPUs, prices, measurements, model shapes. `load` reads one strictly, into the type that it is given.

An unknown or missing key and a value of the wrong type are refused, with file and key. Needs PyYAML and pydantic, which
every vLLM environment has; imported late, as the launcher's modules are also read by a bare Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

FOLDER = Path(__file__).resolve().parent
STRICT = {"extra": "forbid"}  # `__pydantic_config__ = STRICT` in each dataclass that a file is read into

T = TypeVar("T")


class BadData(Exception):
    """A data file is not what it must be; the message names the file, the place in it and what is wrong."""


def load(name: str, kind: type[T]) -> T:
    """The contents of a YAML file of this folder as `kind`, a dataclass or a container of dataclasses."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    file = FOLDER / name
    try:
        return TypeAdapter(kind).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise BadData(f"{file.name} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadData(f"{file.name}: {where}: {first['msg']}") from error
