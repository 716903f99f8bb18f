"""vLLM's flags as a mapping, so that what is written after `--` can be judged together with the profile's.

    from_words(["--tensor-parallel-size", "2", "--no-enable-prefix-caching"])
    ->  {"tensor-parallel-size": 2, "enable-prefix-caching": False}

Values are read as YAML reads them, as in a profile; those that are reckoned with here as vLLM reads them, and refused
if they can't be read. Limits: it knows names and values, not which flags vLLM has (its own parser says that
later); a dotted name (`--hf-overrides.rope_parameters.factor 4`) becomes nested mappings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from backend.refusal import Refusal

SHORT = {
    "-tp": "tensor-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-dp": "data-parallel-size",
    "-q": "quantization",
    "-sc": "speculative-config",
}
# vLLM 0.32 takes 4k and 4K for these (human_readable_int in vllm/utils/argparse_utils.py), for the others digits alone
SIZES = ("max-model-len", "max-num-batched-tokens")
COUNTS = (
    *("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size"),
    *("max-num-seqs", "max-num-queued-reqs", "max-lora-rank"),
)
MAPPINGS = {  # each with an example
    "hf-overrides": '{"max_position_embeddings": 65536}',
    "speculative-config": '{"method": "ngram", "num_speculative_tokens": 4}',
}
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def extra_flags(words: Sequence[str]) -> dict[str, object]:
    """The same of words that are added to a command, which has its model and its profile; raises Refusal."""
    if words and not words[0].startswith("-"):
        raise Refusal(f"{words[0]} follows -- without a flag: a model is given before it, `--model {words[0]}`.")
    flags = from_words(words)
    if "config" in flags:
        raise Refusal(
            f"--config {flags['config']}: vLLM takes one such file, and is given that of the profile: write the "
            "flags of yours after --, or run `vllm serve --config` by yourself."
        )
    return flags


def from_words(words: Sequence[str]) -> dict[str, object]:
    """What a command line of vLLM says, by long names; raises Refusal."""
    flags: dict[str, object] = {}
    for name, values in _groups(words):
        read = [_read(name, value) for value in values]
        value: object = read[0] if len(read) == 1 else read
        if not read and name.startswith("no-"):
            name, value = name.removeprefix("no-"), False
        elif not read:
            value = True
        if name in (*SIZES, *COUNTS):
            value = _whole(name, values)
        elif name == "gpu-memory-utilization":
            value = _share(name, values)
        elif name in MAPPINGS and not isinstance(value, Mapping):
            raise Refusal(f"--{name} {' '.join(values)}: this is not JSON, such as '{MAPPINGS[name]}'.")
        _put(flags, name, value)
    return flags


def _read(name: str, text: str) -> object:
    """As YAML; what YAML can't read is text, such as a chat template."""
    import yaml

    try:
        return yaml.safe_load(text) if text else text
    except yaml.YAMLError:
        return text


def _whole(name: str, values: Sequence[str]) -> int:
    """A number of something; -1 and auto: as much as fits."""
    text, said = (values[0] if len(values) == 1 else ""), " ".join([f"--{name}", *values])
    if name == "max-model-len" and text.lower() in ("-1", "auto"):
        return -1
    match = re.fullmatch(r"(\d+(?:\.\d+(?=[kmgt]))?)([kmgtKMGT]?)", text)
    if match and (name in SIZES or not match[2]) and (number := int(float(match[1]) * _UNITS[match[2]])) > 0:
        return number
    auto = ", or auto" if name == "max-model-len" else ""
    what = f"a whole number, such as 32768 or 32k{auto}" if name in SIZES else "a whole number of 1 or more"
    raise Refusal(f"{said}: give {what}.")


def _share(name: str, values: Sequence[str]) -> float:
    text = " ".join(values)
    try:
        if 0 < float(text) <= 1:
            return float(text)
    except ValueError:
        pass
    raise Refusal(f"--{name} {text}: it is not a share between 0 and 1, such as 0.9.")


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
    """Each flag with the words that follow it; a short one that is not in SHORT is a flag, too, such as -O3."""
    name, values = "", list[str]()
    for word in words:
        given, equals, value = word.partition("=")
        if re.match("--|-[A-Za-z]", word):
            if name:
                yield name, values
            name = SHORT.get(given, given.lstrip("-"))
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
