"""What can go wrong, as one sentence with its remedy each.

    Problem             anything that ends the launcher; str() is the sentence, `log` the file whose end explains it
    └─ Stopped          not a failure: Ctrl-C, or a signal that asks for the end

`explain()` turns the log of a failed process into such a sentence. Limits: it knows the messages of the locked
versions of pip, vLLM, huggingface_hub and Chainlit; what it does not recognise is shown as the end of the log.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNREACHABLE = (
    r"Failed to establish a new connection|NewConnectionError|Temporary failure in name resolution|ConnectTimeoutError"
    r"|Read timed out|ReadTimeoutError|ProxyError|SSLError|ConnectionResetError|Network is unreachable"
    r"|getaddrinfo failed|Name or service not known|Connection refused"
)
NO_SPACE = (
    r"No space left on device",
    "The disk is full: free some space, then run the same command again; the unfinished part is redone.",
)
READ_ONLY = (
    r"Read-only file system: '(?P<what>[^']+)'",
    "{what} can't be written, as the disk is read-only: move the checkout to one that can be written to, or use Docker "
    "(docs/docker.md).",
)

PIP = (
    NO_SPACE,
    (
        r"DO NOT MATCH THE HASHES",
        "A downloaded package is not the one the lock file names and was not installed: check which package index pip "
        "uses (`pip config list`), then run the same command again.",
    ),
    (
        UNREACHABLE,
        "The package index cannot be reached: check the network and pip's settings (`pip config list`, a proxy, a "
        "mirror), then run the same command again; what was downloaded is kept.",
    ),
    (
        r"No matching distribution found for (?P<what>\S+)",
        "The package index has no {what} for this Python and processor: try another Python "
        "(`make PYTHON=python3.11 ...`), or another index (`pip config list` shows the present one).",
    ),
)

VLLM = (
    NO_SPACE,
    (
        r"Address already in use|address already in use",
        "vLLM's port was taken while it was starting: run `make demo BACKEND_PORT=8001`, or any free port.",
    ),
    (
        r"GatedRepo|gated repo|Access to model .* is restricted",
        "The model is gated: accept its terms on its Hugging Face page and set HF_TOKEN, or choose another MODEL.",
    ),
    (
        r"RepositoryNotFoundError|Repository Not Found|is not a local folder and is not a valid model identifier",
        "Hugging Face has no such model (or it is private): check the spelling of MODEL, or set HF_TOKEN.",
    ),
    (
        r"LocalEntryNotFoundError|couldn't connect to|We have no connection|offline mode is enabled",
        "The model could not be downloaded: check the network (HF_ENDPOINT names a mirror), or give MODEL a local "
        "folder, then run the same command again; what was downloaded is kept.",
    ),
    (
        r"Model architectures (?P<what>\[.*?\]) (?:are not supported|failed to be inspected)",
        "vLLM cannot serve this kind of model on a CPU ({what}): choose another MODEL.",
    ),
    (
        r"can't allocate memory|Cannot allocate memory|MemoryError|Available memory on node",
        "The machine has too little memory for this model: end other programs, or choose a smaller MODEL.",
    ),
)

PAGE = (
    (r"Pagoda cannot start: (?P<what>.+)", "Pagoda cannot start: {what}"),
    NO_SPACE,
    READ_ONLY,
    (
        r"address already in use",
        "The page's port was taken while it was starting: run `make demo PORT=8081`, or any free port.",
    ),
    (
        r"validation errors? for (?:Project|Features|UI)Settings\n(?P<what>\S+)\n",
        ".chainlit/config.toml has a value for `{what}` that Chainlit does not take: mend it, or take the file back "
        "from the repository (`git checkout .chainlit/config.toml`).",
    ),
)

KILLED = (
    "It was killed from outside (SIGKILL), most likely because the machine ran out of memory: end other programs, or "
    "choose a smaller MODEL."
)

REFUSED = 2  # `backend.serve` has said in one line what can't work, and the remedy


class Problem(Exception):
    """The sentence to print, and the log that tells the rest, if there is one."""

    def __init__(self, sentence: str, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.log = log


class Stopped(Problem):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Stopped ({signal.Signals(number).name}).")
        self.number = number


def explain(name: str, exit_code: int, log: Path, known: tuple[tuple[str, str], ...]) -> Problem:
    """What to say about a process that ended although it should not have."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    lines = text.strip().splitlines()
    if exit_code == REFUSED and len(lines) == 1:
        return Problem(lines[0], log)
    for pattern, sentence in known:
        match = re.search(pattern, text)
        if match:
            return Problem(sentence.format(**match.groupdict()), log)
    how = f"exit code {exit_code}" if exit_code >= 0 else f"signal {signal.Signals(-exit_code).name}"
    reason = f" {KILLED}" if exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL) else ""
    return Problem(f"{name} ended ({how}).{reason}", log)


@contextmanager
def disk_problems() -> Iterator[None]:
    """While inside, what a full or read-only disk refuses is a `Problem`."""
    try:
        yield
    except OSError as error:
        for pattern, sentence in (NO_SPACE, READ_ONLY):
            if match := re.search(pattern, str(error)):
                raise Problem(sentence.format(**match.groupdict())) from None
        raise


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, for a reader who has to find out what happened."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    return "\n".join(f"    {line[:200]}" for line in text.rstrip().splitlines()[-lines:])
