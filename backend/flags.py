"""vLLM's flags as a mapping, so that what is written after `--` can be judged together with the profile's.

    from_words(["--tensor-parallel-size", "2", "--no-enable-prefix-caching"])
    ->  {"tensor-parallel-size": 2, "enable-prefix-caching": False}

Values are read as YAML reads them, as in a profile. Limits: it knows names and values, not which flags vLLM has (its
own parser says that later); a dotted name (`--hf-overrides.rope_parameters.factor 4`) becomes nested mappings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

SHORT = {
    "-tp": "tensor-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-dp": "data-parallel-size",
    "-q": "quantization",
    "-sc": "speculative-config",
}


def from_words(words: Sequence[str]) -> dict[str, object]:
    """What a command line of vLLM says, by long names."""
    import yaml

    flags: dict[str, object] = {}
    for name, values in _groups(words):
        read = [yaml.safe_load(value) if value else value for value in values]
        value: object = read[0] if len(read) == 1 else read
        if not read and name.startswith("no-"):
            name, value = name.removeprefix("no-"), False
        elif not read:
            value = True
        _put(flags, name, value)
    return flags


def to_words(flags: Mapping[str, object]) -> list[str]:
    """The command line for flags as a profile has them."""
    words: list[str] = []
    for name, value in flags.items():
        if value is False:
            words.append(f"--no-{name}")
            continue
        words.append(f"--{name}")
        if isinstance(value, (Mapping, list)) and not (
            isinstance(value, list) and all(isinstance(v, str) for v in value)
        ):
            words.append(json.dumps(value))
        elif isinstance(value, list):
            words += value
        elif value is not True:
            words.append(str(value))
    return words


def _groups(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the words that follow it."""
    name, values = "", list[str]()
    for word in words:
        given, equals, value = word.partition("=")
        if word.startswith("--") or given in SHORT:
            if name:
                yield name, values
            name = SHORT.get(given, given.removeprefix("--"))
            name = ".".join([name.split(".")[0].replace("_", "-"), *name.split(".")[1:]])
            values = [value] if equals else []
        else:
            values.append(word)
    if name:
        yield name, values


def _put(flags: dict[str, object], name: str, value: object) -> None:
    first, *keys = name.split(".")
    if not keys:
        flags[first] = value
        return
    inner = flags.get(first)
    inner = dict(inner) if isinstance(inner, Mapping) else {}
    flags[first] = inner
    for key in keys[:-1]:
        below = inner.get(key)
        inner[key] = dict(below) if isinstance(below, Mapping) else {}
        inner = inner[key]
    inner[keys[-1]] = value


def number(flags: Mapping[str, object], name: str, default: int) -> int:
    """A flag that holds a whole number."""
    value = flags.get(name, default)
    return value if isinstance(value, int) else default
