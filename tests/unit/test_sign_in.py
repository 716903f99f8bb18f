"""Passwords, slowing down who guesses, the key of the cookies, and how much is allowed at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chat.attempts import FREE, LONGEST_S, MOST_KEYS, Attempts
from chat.errors import SettingsError, TooManyAnswers
from chat.limits import AtOnce
from chat.passwords import Hash, Passwords, line_for

ROOT = Path(__file__).resolve().parents[2]


def test_the_right_password_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(
        f"\ufeff# users\n\n{line_for('ada', 'correct horse')}\r\n{line_for('王', '密码密码密码密码密码')}\n", "utf-8"
    )
    passwords = Passwords.read(file)
    assert passwords.are("ada", "correct horse")
    assert passwords.are("王", "密码密码密码密码密码")
    for name, password in (("ada", "Correct horse"), ("ada", ""), ("Ada", "correct horse"), ("王", "correct horse")):
        assert not passwords.are(name, password)
    assert "correct" not in file.read_text("utf-8")


@pytest.mark.parametrize(
    "content",
    ["", "# nobody\n", "ada:secret-line\n", "ada:md5:1:2:3:aaaa:aaaa\n", "ada:scrypt:1073741824:8:1:aaaa:aaaa\n",
     "ada:scrypt:0:8:1:aaaa:aaaa\n", ":scrypt:32768:8:1:aaaa:aaaa\n", "ada:scrypt:32768:8:1:a:aaaa\n"],
)  # fmt: skip
def test_a_bad_password_file_stops_the_start(tmp_path: Path, content: str) -> None:
    file = tmp_path / "passwords"
    file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        Passwords.read(file)
    assert "PAGODA_PASSWORD_FILE" in str(caught.value)
    assert "secret-line" not in str(caught.value)


def test_half_a_character_fits_no_password() -> None:
    assert not Hash(2, 1, 1, b"salt", b"digest").fits("\ud800")


def test_a_name_stands_in_it_once(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"{line_for('ada', 'one')}\n{line_for('ada', 'two')}\n")
    with pytest.raises(SettingsError, match="line 2"):
        Passwords.read(file)


def test_the_command_prints_a_line_that_fits(tmp_path: Path) -> None:
    def run(password: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "chat.passwords", "ada"]
        return subprocess.run(command, cwd=ROOT, input=password, capture_output=True, text=True, timeout=60)

    (tmp_path / "passwords").write_text(run("correct horse battery\n").stdout)
    assert Passwords.read(tmp_path / "passwords").are("ada", "correct horse battery")
    short = run("short\n")
    assert short.returncode != 0
    assert short.stdout == ""


def test_after_a_few_failures_each_attempt_waits_longer() -> None:
    now = [0.0]
    attempts = Attempts(now=lambda: now[0])
    for _ in range(FREE - 1):
        attempts.failed("ada")
        assert attempts.wait_s("ada") == 0
    waits = []
    for _ in range(12):
        attempts.failed("ada")
        waits.append(attempts.wait_s("ada"))
        now[0] += waits[-1]
        assert attempts.wait_s("ada") == 0
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST_S, LONGEST_S, LONGEST_S]
    assert attempts.wait_s("bob") == 0
    now[0] += LONGEST_S + 1
    assert attempts.wait_s("ada") == 0
    attempts.failed("ada")
    assert attempts.wait_s("ada") == 0  # forgotten meanwhile
    for number in range(MOST_KEYS + 10):
        attempts.failed(str(number))
    assert len(attempts._failures) == MOST_KEYS


def test_answers_at_once_are_counted_for_each_user() -> None:
    at_once = AtOnce(2)
    with at_once.one("ada"), at_once.one("ada"):
        with pytest.raises(TooManyAnswers):
            at_once.check("ada")
        with at_once.one("bob"):
            pass
    at_once.check("ada")
    assert not at_once._count
