"""Whether Chainlit can read `.chainlit/config.toml`: `python3 -m scripts.page_config`, which `make app` runs first.

Chainlit answers a broken one with a traceback, and where there is none, makes one with its own
defaults (uploads on, say).
Limits: reads the form; what Chainlit does not take of the values, it says itself.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from scripts.environments import ROOT
from scripts.problems import Problem

REMEDY = "mend it, or take the file back from the repository (`git checkout .chainlit/config.toml`)."


def check(root: Path = ROOT) -> None:
    """Raise a `Problem` that names the file, the place and the remedy."""
    try:
        config = tomllib.loads((root / ".chainlit/config.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f".chainlit/config.toml can't be read ({type(error).__name__}): {REMEDY}") from None
    except tomllib.TOMLDecodeError as error:
        raise Problem(f".chainlit/config.toml is broken ({error}): {REMEDY}") from None
    for table in ("project", "features", "UI", "meta"):
        if not isinstance(config.get(table), dict):
            raise Problem(f".chainlit/config.toml has no table [{table}]: {REMEDY}")


if __name__ == "__main__":
    try:
        check()
    except Problem as problem:
        sys.exit(str(problem))
