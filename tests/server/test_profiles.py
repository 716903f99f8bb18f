"""Every profile against the real vLLM of the lock file: an upgrade that renames a flag turns these red."""

from __future__ import annotations

import json
import subprocess
from functools import cache

import pytest

from backend.profiles import names
from tests.processes import BACKEND_PYTHON, ROOT

# Parses each profile the way `backend.serve` starts it, and prints what vLLM understood.
PARSE = """
import json, sys
from backend.profiles import Choice, names
from backend.serve import command
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser
understood = {}
for name in names():
    model = None if name == "gpu" else "some/model"
    parser = make_arg_parser(FlexibleArgumentParser())
    arguments = parser.parse_args(command(Choice(name, model, ""), "127.0.0.1", 8123, ["--seed", "5"])[3:])
    validate_parsed_serve_args(arguments)
    understood[name] = {key: value for key, value in vars(arguments).items()}
print(json.dumps(understood, default=str))
"""


@cache
def understood() -> dict[str, dict[str, object]]:
    """What vLLM's own argument parser makes of each profile."""
    command = [str(BACKEND_PYTHON), "-c", PARSE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    parsed: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return parsed


@pytest.mark.parametrize("name", names())
def test_vllm_accepts_it_and_the_command_line_wins(name: str) -> None:
    arguments = understood()[name]
    assert (arguments["host"], arguments["port"], arguments["seed"]) == ("127.0.0.1", 8123, 5)
    assert arguments["enable_per_request_metrics"] is True
    assert arguments["enable_prompt_tokens_details"] is True
    assert "xgrammar" in str(arguments["structured_outputs_config"])


def test_the_bundled_models_profile() -> None:
    arguments = understood()["cpu-demo"]
    assert arguments["served_model_name"] == ["pagoda-demo"]
    assert arguments["max_model_len"] == 2048
    assert arguments["kv_cache_memory_bytes"] == 256 * 1024**2
    assert arguments["enforce_eager"] is True


def test_the_gpu_profile_names_its_model_and_compiles() -> None:
    arguments = understood()["gpu"]
    assert arguments["model"] == "Qwen/Qwen2.5-7B-Instruct"
    assert arguments["served_model_name"] is None
    assert arguments["enforce_eager"] is False
