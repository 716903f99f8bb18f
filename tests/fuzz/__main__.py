"""Run one target under atheris, which looks for inputs that reach new code.

It is no dependency of this project: `pip install atheris==3.0.0` beside the others, in an environment of its own.
New inputs are kept in the folder CORPUS, an input that fails in the present one.
"""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any


def main(name: str, options: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["chat", "json"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    logging.disable()  # a line for each failure that is explained
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate([*target.SEEDS, *target.FOUND]):
        (folder / f"{number}").write_bytes(seed)
    words = folder.with_suffix(".dict")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.WORDS), encoding="ascii")
    corpus = [option for option in options if not option.startswith("-")]
    for each in corpus:
        Path(each).mkdir(parents=True, exist_ok=True)
    ours = [f"-dict={words}", f"-max_len={target.LONGEST}"]
    atheris.Setup([sys.argv[0], *ours, *options, str(folder)], target.one_input)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
