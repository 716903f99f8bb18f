"""The result: one JSON file, read strictly and written all at once or not at all.

Its parts: `format`, `version`, `complete` (and `stopped`: why not), times, `command`, `settings`, `scenario`, `server`,
`client`, `points` (for each load the figures: median and spread of the repeats, then each repeat with its requests) and
`answers` (the first repeat's texts at the first load). docs/benchmark.md describes them.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from backend.benchmark.problems import Problem

FORMAT, VERSION = "pagoda-benchmark", 1
PARTS = ("settings", "scenario", "server", "client", "points")

Result = dict[str, Any]


def check_target(file: Path, may_replace: bool) -> None:
    """Refuse before anything is measured."""
    if file.exists() and not may_replace:
        raise Problem(f"{file} is there already: choose another name for --out, or replace it with --force.")
    if file.is_dir():
        raise Problem(f"--out {file} is a folder: name a file in it.")
    if not file.parent.is_dir():
        raise Problem(f"--out {file}: there is no folder {file.parent}.")
    if not os.access(file.parent, os.W_OK):
        raise Problem(f"--out {file}: the folder {file.parent} cannot be written to.")


def write(file: Path, result: Result) -> None:
    """Raises Problem."""
    write_text(file, json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write beside it, then rename: a reader sees the old file or the whole new one. Raises Problem."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as part:
            part.write(text)
            part.flush()
            os.fsync(part.fileno())
        beside.replace(file)
    except OSError as error:
        raise Problem(f"{file} cannot be written: {error.strerror}. What was there before is still there.") from None
    finally:
        beside.unlink(missing_ok=True)


def rescue(file: Path, result: Result) -> str:
    """Keep what could not be written to `file` in the temporary folder; a sentence that says where."""
    try:
        kept = Path(tempfile.mkdtemp(prefix="pagoda-benchmark-")) / file.name
        write(kept, result)
    except (OSError, Problem):
        return "The temporary folder has no room for it either: only the table is left of this measurement."
    return f"The result was kept as {kept}."


def _finite(text: str) -> float:
    """Python would also read NaN and 1e999."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is no finite number")
    return value


def read(file: Path) -> Result:
    """A result that `run` has written."""
    try:
        result = json.loads(file.read_text(encoding="utf-8"), parse_float=_finite, parse_constant=_finite)
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Problem(f"{file} is not JSON: {error}.") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise Problem(f"{file} is not a result of `python -m backend.benchmark run`: it has no format {FORMAT!r}.")
    if result.get("version") != VERSION:
        raise Problem(f"{file} has version {result.get('version')!r} of the format; this program reads {VERSION}.")
    if missing := [part for part in PARTS if part not in result]:
        raise Problem(f"{file} lacks {', '.join(missing)}: was it edited? Measure again with `run`.")
    return result
