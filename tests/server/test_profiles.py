"""Every profile with every combination of options through the vLLM of the lock file: its argument parser, the check of
the model against the shipped shape, and the whole engine configuration. An upgrade that renames a flag turns these red.

One process for all of them, as importing vLLM takes most of the time. What a GPU would say of them it does not show.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import Any

import pytest

from backend.profiles import options, profiles
from tests.processes import BACKEND_PYTHON, ROOT

# lora and fp8-kv-cache go with everything; of the two ways to guess words vLLM takes one
COMBINATIONS = [
    [*spoken, *rest]
    for spoken in ([], ["ngram"], ["suffix"])
    for rest in itertools.chain.from_iterable(itertools.combinations(["lora", "fp8-kv-cache"], n) for n in range(3))
]

CHECK = """
import contextlib, io, json, sys
from pathlib import Path
from unittest.mock import patch
from backend import gpus
from backend.flags import to_words
from backend.models import SHIPPED
from backend.profiles import BUNDLED_MODEL, options, profiles
from vllm.config import speculative
from vllm.engine import arg_utils
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser

speculative.has_arctic_inference = lambda: True  # the package for "suffix", which is not in vLLM's own requirements
parser = make_arg_parser(FlexibleArgumentParser())
batch_defaults = arg_utils.EngineArgs.get_batch_defaults.__func__


class Card:
    # what vLLM asks of a GPU when it sets the limits of a batch
    def __init__(self, facts):
        self.facts = facts

    def get_device_total_memory(self):
        return self.facts.memory_gib * 1024**3

    def get_device_name(self):
        return self.facts.name

    def is_tpu(self):
        return False

    is_cpu = is_tpu


def card(name):
    return next((Card(facts) for facts in gpus.known() if name.startswith(facts.id + "-")), Card(gpus.find("l4")))


def understand(name, chosen):
    profile = profiles()[name]
    shape = SHIPPED / profile.model.rpartition("/")[2] if profile.model else BUNDLED_MODEL
    words = ["--config", str(profile.file), "--model", str(shape), "--port", "8123", "--seed", "5"]
    for option in chosen:
        words += to_words(options()[option].flags)
    flags = [*profile.flags, *(flag for option in chosen for flag in options()[option].flags)]
    short = [flag for flag in flags if f"--{flag}" not in parser._option_string_actions]
    assert not short, f"not the whole name of a flag: {short}"  # argparse takes abbreviations
    arguments = parser.parse_args(words)
    validate_parsed_serve_args(arguments)
    engine = arg_utils.AsyncEngineArgs.from_cli_args(arguments)
    model = engine.create_model_config()
    if not name.startswith("cpu"):
        platform = card(name)

        def defaults(cls, world_size):
            with patch.object(arg_utils, "current_platform", platform):
                return batch_defaults(cls, world_size)

        engine.get_batch_defaults = defaults.__get__(type(engine))
    config = engine.create_engine_config(UsageContext.OPENAI_API_SERVER)
    return {
        "arguments": vars(arguments),
        "dtype": str(model.dtype).removeprefix("torch."),
        "quantization": model.quantization,
        "max_model_len": model.max_model_len,
        "rope": model.hf_text_config.rope_parameters,
        "max_num_seqs": config.scheduler_config.max_num_seqs,
        "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
        "kv_cache": config.cache_config.cache_dtype,
        "guesses": config.speculative_config and config.speculative_config.method,
        "lora_rank": config.lora_config and config.lora_config.max_lora_rank,
        "gpus": config.parallel_config.world_size * config.parallel_config.data_parallel_size,
    }


found = {}
for name in profiles():
    for chosen in json.loads(sys.argv[1]):
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                found[" ".join([name, *chosen])] = understand(name, chosen)
        except (Exception, SystemExit) as error:
            found[" ".join([name, *chosen])] = {"refused": f"{error} {said.getvalue()[-600:]}"}
print(json.dumps(found, default=str))
"""

FLAG_SETS = """
import json
from pathlib import Path
from backend.benchmark.flag_sets import read
from backend.data import FOLDER
from backend.flags import to_words
from backend.models import SHIPPED
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = make_arg_parser(FlexibleArgumentParser())
found = {}
for file in sorted((FOLDER / "flag_sets").glob("*.yaml")):
    experiment = read(file, None)
    shape = SHIPPED / experiment.model.rpartition("/")[2]
    for flag_set in experiment.sets:
        try:
            arguments = parser.parse_args(["--model", str(shape), *to_words(flag_set.all_flags())])
            AsyncEngineArgs.from_cli_args(arguments).create_engine_config(UsageContext.OPENAI_API_SERVER)
            found[flag_set.name] = "accepted"
        except (Exception, SystemExit) as error:
            found[flag_set.name] = str(error)
print(json.dumps(found))
"""


Everything = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def everything() -> Everything:
    """What vLLM makes of each profile and combination, by "profile option option"."""
    done = subprocess.run(
        [str(BACKEND_PYTHON), "-c", CHECK, json.dumps(COMBINATIONS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Everything = json.loads(done.stdout.splitlines()[-1])
    return found


def understood(everything: Everything, name: str, *chosen: str) -> dict[str, Any]:
    found = everything[" ".join([name, *chosen])]
    assert "refused" not in found, found["refused"]
    return found


def test_every_option_is_tried() -> None:
    assert {option for combination in COMBINATIONS for option in combination} == set(options())


@pytest.mark.parametrize("chosen", COMBINATIONS, ids="+".join)
@pytest.mark.parametrize("name", list(profiles()))
def test_vllm_accepts_it_and_does_what_the_options_say(everything: Everything, name: str, chosen: list[str]) -> None:
    plain, found = understood(everything, name), understood(everything, name, *chosen)
    assert found["guesses"] == next((method for method in ("ngram", "suffix") if method in chosen), None)
    assert found["lora_rank"] == (32 if "lora" in chosen else None)
    assert found["kv_cache"] == ("fp8_per_token_head" if "fp8-kv-cache" in chosen else "auto")
    assert (found["dtype"], found["max_model_len"]) == (plain["dtype"], plain["max_model_len"])


@pytest.mark.parametrize("name", list(profiles()))
def test_the_command_line_wins_and_the_page_gets_its_facts(everything: Everything, name: str) -> None:
    arguments = understood(everything, name)["arguments"]
    assert (arguments["port"], arguments["seed"]) == (8123, 5)
    assert arguments["enable_per_request_metrics"] is True
    assert arguments["enable_prompt_tokens_details"] is True
    assert "xgrammar" in str(arguments["structured_outputs_config"])
    assert arguments["enforce_eager"] is name.startswith("cpu"), "compilation and CUDA graphs are worth a factor of 3"


def test_the_bundled_models_profile(everything: Everything) -> None:
    arguments = understood(everything, "cpu-demo")["arguments"]
    assert arguments["served_model_name"] == ["pagoda-demo"]
    assert arguments["max_model_len"] == 2048
    assert arguments["kv_cache_memory_bytes"] == 256 * 1024**2


@pytest.mark.parametrize("name", [name for name in profiles() if not name.startswith("cpu")])
def test_weights_and_types_are_what_the_name_says(everything: Everything, name: str) -> None:
    found = understood(everything, name)
    kind = name.rpartition("-")[2]
    quantization = {"bf16": None, "tp2": None, "gptq": "auto_gptq", "prototype": "auto_gptq", "awq": "awq"}.get(
        kind, "fp8"
    )
    assert found["quantization"] == quantization
    assert found["dtype"] == ("float16" if quantization == "auto_gptq" else "bfloat16")
    assert found["gpus"] == (2 if name in ("a100-40-tp2", "data-parallel") else 1)


def test_the_limits_of_a_batch_that_the_comments_name(everything: Everything) -> None:
    limits = {name: (found["max_num_seqs"], found["max_num_batched_tokens"]) for name, found in everything.items()}
    assert limits["a100-80-bf16"] == limits["a100-40-bf16"] == limits["a100-40-tp2"] == (256, 2048)
    assert limits["h100-fp8"] == limits["h200-fp8"] == (1024, 8192)
    assert limits["service"] == (128, 2048)


def test_128k_is_reached_with_yarn_and_only_there(everything: Everything) -> None:
    long = understood(everything, "long-context")
    assert long["max_model_len"] == 131072
    assert (long["rope"]["rope_type"], long["rope"]["factor"]) == ("yarn", 4.0)
    others = [name for name in profiles() if name != "long-context"]
    assert {understood(everything, name)["rope"]["rope_type"] for name in others} == {"default"}


def test_vllm_accepts_the_flags_that_are_compared() -> None:
    """Those of `python -m backend.benchmark flags`, as far as a build for CPUs can tell."""
    done = subprocess.run([str(BACKEND_PYTHON), "-c", FLAG_SETS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found.values()) == {"accepted"}, found
