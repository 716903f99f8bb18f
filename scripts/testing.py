"""`make test`: prepare what tests need, run every kind, and count: `python3 -m scripts.testing [KIND ...]`.

Kinds: unit; model (the bundled model, beside vLLM's environment, which has torch); server and browser (one pytest run,
so that one vLLM serves both); launch (`make demo` itself); containers. A skipped test counts as a failure, except where
it needs Docker, nginx or Prometheus; its reason is printed with the counts.
"""

from scripts.supported import require_supported_python

require_supported_python()

import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import xml.etree.ElementTree as ElementTree  # noqa: E402
from collections import Counter  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402

from scripts import installing, programs  # noqa: E402
from scripts.console import Console  # noqa: E402
from scripts.environments import APP_DEV, BACKEND_DEV, ROOT, Environment  # noqa: E402
from scripts.problems import Problem  # noqa: E402

MODEL_TESTS = "tests/unit/demo_model"
OUTCOMES = ("passed", "failed", "error", "skipped")
MAY_SKIP = "containers"  # Docker, its images and Prometheus are nothing that `make test` installs


@dataclass(frozen=True)
class Run:
    """One call of pytest."""

    name: str
    environment: Environment
    arguments: tuple[str, ...]


RUNS = (
    Run("unit", APP_DEV, ("tests/unit", f"--ignore={MODEL_TESTS}")),
    Run("model", BACKEND_DEV, (MODEL_TESTS,)),
    Run("server", APP_DEV, ("tests/server", "tests/browser")),
    Run("launch", APP_DEV, ("tests/launch",)),
    Run("containers", APP_DEV, ("tests/containers",)),
)


def main(names: "list[str]") -> int:
    """Run the named kinds, all of them by default; 0 only if every test passed."""
    runs = [run for run in RUNS if not names or run.name in names]
    start = time.monotonic()
    if installing.main(["app-dev"] if names == ["unit"] else ["app-dev", "backend-dev"]) != 0:
        return 1
    console = Console()
    if any(run.name == "containers" for run in runs):
        programs.prepare_proxy(console)
    if any(run.name == "server" for run in runs):
        try:
            programs.prepare_browser(console)
        except Problem as problem:
            console.say(str(problem))
            return 1
    counts: Counter[tuple[str, str]] = Counter()
    reasons: set[str] = set()
    codes = [_pytest(run, counts, reasons) for run in runs]
    _summarize(counts, reasons, time.monotonic() - start)
    skipped = sum(number for (kind, outcome), number in counts.items() if outcome == "skipped" and kind != MAY_SKIP)
    return 0 if not any(codes) and not skipped else 1


def _pytest(run: Run, counts: "Counter[tuple[str, str]]", reasons: "set[str]") -> int:
    print(f"\n--- {run.name}: {' '.join(run.arguments)}", flush=True)
    report = ROOT / "logs" / f"test-{run.name}.xml"
    report.unlink(missing_ok=True)
    command = [str(run.environment.python), "-m", "pytest", *run.arguments, f"--junitxml={report}"]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if report.is_file():
        _count(run, report, counts, reasons)
    return code


def _count(run: Run, report: Path, counts: "Counter[tuple[str, str]]", reasons: "set[str]") -> None:
    """Add (kind, outcome) of each test in a JUnit report; the kind is the folder, except for the bundled model's."""
    for case in ElementTree.parse(report).iter("testcase"):
        parts = case.get("classname", "").split(".")
        kind = parts[1] if run.name != "model" and parts[0] == "tests" and len(parts) > 1 else run.name
        children = {child.tag: child for child in case}
        outcome = {"failure": "failed", "error": "error", "skipped": "skipped"}
        counts[kind, next((word for tag, word in outcome.items() if tag in children), "passed")] += 1
        if "skipped" in children:
            reasons.add(f"{kind}: {children['skipped'].get('message', '')}")


def _summarize(counts: "Counter[tuple[str, str]]", reasons: "set[str]", seconds: float) -> None:
    print("\n--- tests per kind")
    for kind in dict.fromkeys(kind for kind, _ in counts):
        print(f"{kind:11}" + _words({o: counts[kind, o] for o in OUTCOMES}))
    for reason in sorted(reasons):
        print(f"skipped, {reason}")
    total = {o: sum(counts[key] for key in counts if key[1] == o) for o in OUTCOMES}
    print(f"===== {_words(total)} in {seconds:.2f}s =====")


def _words(numbers: "dict[str, int]") -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number) or "no tests ran"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
