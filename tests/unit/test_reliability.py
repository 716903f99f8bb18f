"""docs/reliability.md says what the tests say, and every fault has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import reliability
from scripts.reliability import (
    FaultTest,
    Group,
    complaints,
    fault_tests,
    groups,
    not_passed,
    outcomes,
    tables,
    untested,
)

GROUPS = [Group("One", {4: "It dies"}), Group("Other", {7: "It waits | hangs"})]
TEST_4 = FaultTest(4, "test_fault_04_dies_mid_stream", "tests/server/test_x.py", "The page says so.")
REPORT = """<testsuites><testsuite name="pytest" timestamp="2026-11-25T03:00:00+00:00">
<testcase classname="tests.server.test_x" name="test_fault_04_dies_mid_stream[one]"/>
<testcase classname="tests.server.test_x" name="test_fault_04_dies_mid_stream[two]">{two}</testcase>
</testsuite></testsuites>"""


def test_there_are_88_faults_in_five_groups() -> None:
    assert len(groups()) == 5
    assert [number for group in groups() for number in group.faults] == list(range(1, 89))


def test_every_fault_has_a_test() -> None:
    assert untested(groups(), fault_tests()) == []


def test_every_test_of_a_fault_says_what_the_user_sees() -> None:
    assert complaints(groups(), fault_tests()) == []


def test_the_page_says_what_the_tests_say() -> None:
    written = reliability.PAGE.read_text(encoding="utf-8")
    assert written.endswith(tables(groups(), fault_tests())), "run `make test`, then `make reliability`"


def test_names_numbers_and_docstrings_are_read_from_the_tests(tmp_path: Path) -> None:
    (tmp_path / "tests/server").mkdir(parents=True)
    (tmp_path / "tests/server/test_x.py").write_text(
        'async def test_fault_04_dies_mid_stream() -> None:\n    """The page says so.\n\n    More.\n    """\n'
        "def test_fault_5_short_number() -> None: ...\n"
        "def test_fault_99_of_nothing() -> None: ...\n"
        "def test_another() -> None: ...\n"
    )
    found = fault_tests(tmp_path)
    assert [(test.number, test.sees) for test in found] == [(0, None), (4, "The page says so."), (99, None)]
    assert found[1] == TEST_4
    assert untested(GROUPS, found) == [7]
    said = complaints(GROUPS, found)
    assert len(said) == 4
    assert sum("the number of no fault" in sentence for sentence in said) == 2
    long = FaultTest(4, "test_fault_04_x", "tests/test_x.py", "x" * 151)
    assert "is no sentence" in complaints(GROUPS, [long])[0]


def test_a_row_has_all_tests_of_its_fault() -> None:
    other = FaultTest(4, "test_fault_04_at_once", "tests/unit/test_y.py", "Another sentence.")
    table = tables(GROUPS, [TEST_4, other])
    assert (
        "| 4 | It dies | The page says so. Another sentence. | [dies mid stream](../tests/server/test_x.py), "
        "[at once](../tests/unit/test_y.py) | passed |"
    ) in table
    assert "| 7 | It waits | hangs |  |  | no test |" in table


@pytest.mark.parametrize(
    ("two", "expected"),
    [
        ("", []),
        ("<failure/>", ["tests/server/test_x.py: test_fault_04_dies_mid_stream: failure"]),
        ("<skipped/>", ["tests/server/test_x.py: test_fault_04_dies_mid_stream: skipped"]),
    ],
)
def test_one_case_that_did_not_pass_is_enough(tmp_path: Path, two: str, expected: list[str]) -> None:
    (tmp_path / "test-server.xml").write_text(REPORT.format(two=two))
    became, days = outcomes(tmp_path)
    assert days == ["2026-11-25"]
    assert not_passed([TEST_4], became) == expected
    absent = FaultTest(7, "test_fault_07_x", "tests/server/test_x.py", "It waits.")
    assert not_passed([absent], became) == ["tests/server/test_x.py: test_fault_07_x: not run"]


def test_nothing_is_written_where_a_test_did_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reports, page = tmp_path / "logs", tmp_path / "page.md"
    reports.mkdir()
    monkeypatch.setattr(reliability, "PAGE", page)
    monkeypatch.setattr(reliability, "fault_tests", lambda: [TEST_4])
    monkeypatch.setattr(reliability, "groups", lambda: GROUPS)
    monkeypatch.setattr(reliability, "outcomes", lambda: outcomes(reports))
    assert reliability.main() == 1
    assert "test_fault_04_dies_mid_stream: not run" in capsys.readouterr().out
    assert not page.exists()
    (reports / "test-server.xml").write_text(REPORT.format(two=""))
    assert reliability.main() == 0
    assert page.read_text().startswith("# What goes wrong")
    assert "1 of 2 faults have tests that passed on 2026-11-25" in page.read_text()
