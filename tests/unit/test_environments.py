"""Environments: made from a lock, left alone when finished, made anew when interrupted or outdated.

Real virtual environments and a real pip, with a tiny wheel of its own in a temporary folder and no index.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from scripts.environments import (
    APP,
    BACKEND,
    PIP,
    PYTORCH_INDEX,
    STAMP,
    CommandFailed,
    Environment,
    package_count,
)
from scripts.installing import Installation, InstallLock, pip_environment
from scripts.problems import PIP as KNOWN_PIP
from scripts.problems import Problem, explain
from scripts.processes import Child, end

UNREACHABLE_INDEX = {
    "NO_INDEX": "0",
    "INDEX_URL": "http://127.0.0.1:9/",
    "EXTRA_INDEX_URL": "",
    "RETRIES": "1",
    "CONFIG_FILE": os.devnull,
}


def build_wheel(folder: Path, version: str) -> str:
    """A package `tiny` of that version, as a wheel in `folder`; returns its line for a lock."""
    wheel = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"tiny=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """One that is still to be made."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "tiny.lock").write_text(build_wheel(tmp_path, "1.0"))
    return Environment("tiny", ".venv", ("tiny.lock",), root=tmp_path)


@pytest.fixture
def made(environment: Environment) -> Environment:
    """One that looks finished, made without pip, which takes seconds."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment.path], check=True)
    (environment.path / STAMP).write_text(json.dumps(environment.wanted()))
    return environment


def bring_up(environment: Environment) -> Installation:
    """As the launcher does it, without the other half."""
    installation = Installation(environment, environment.root)
    while not installation.done:
        installation.advance()
        assert installation.progress().startswith("tiny")
        time.sleep(0.02)
    return installation


@pytest.mark.timeout(300)
def test_it_is_made_and_made_anew_when_interrupted_or_outdated(environment: Environment) -> None:
    installation = Installation(environment, environment.root)
    installation.advance()
    assert installation.child is not None
    end([installation.child], patience_s=0)
    (environment.path / "left behind").mkdir(parents=True, exist_ok=True)
    assert not environment.is_ready()

    bring_up(environment)
    assert environment.is_ready()
    assert not (environment.path / "left behind").exists()
    assert len(list(environment.path.glob("lib/python3*/site-packages/tiny-1.0.dist-info"))) == 1

    (environment.root / "tiny.lock").write_text(build_wheel(environment.root, "1.1"))
    assert not environment.is_ready()
    bring_up(environment)
    assert [p.name for p in environment.path.glob("lib/python3*/site-packages/tiny-*")] == ["tiny-1.1.dist-info"]


def test_a_finished_one_is_left_alone(made: Environment) -> None:
    assert made.is_ready()
    assert bring_up(made).child is None
    assert not (made.root / "install-tiny.log").exists()


def test_a_further_lock_is_added_to_what_is_there(made: Environment) -> None:
    (made.root / "more.lock").write_text("")
    more = Environment("tiny", ".venv", ("tiny.lock", "more.lock"), root=made.root)
    assert not more.is_ready()
    commands = list(more.make())
    assert [command[-2:] for command in commands] == [["-r", "more.lock"]]
    assert more.is_ready()
    assert made.is_ready()


def test_it_is_not_ready_while_something_is_being_added(made: Environment) -> None:
    (made.root / "more.lock").write_text("")
    next(Environment("tiny", ".venv", ("tiny.lock", "more.lock"), root=made.root).make())
    assert not made.is_ready()


def test_one_whose_python_is_gone_is_not_ready(made: Environment) -> None:
    made.python.unlink()
    assert not made.is_ready()


def test_a_failed_command_leaves_it_unfinished(made: Environment) -> None:
    (made.path / STAMP).unlink()
    commands = made.make()
    next(commands)
    with pytest.raises(CommandFailed):
        commands.throw(CommandFailed)
    assert not made.is_ready()


def test_torch_comes_as_pip_is_configured_or_else_from_pytorchs_index(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("torch==2.0+cpu\n")
    commands = Environment("b", ".venv", (), "pins.txt", tmp_path).make()
    assert next(commands)[1:3] == ["-m", "venv"]
    assert next(commands)[-2:] == ["--progress-bar=off", "torch==2.0+cpu"]
    assert commands.throw(CommandFailed)[-3:] == ["--index-url", PYTORCH_INDEX, "torch==2.0+cpu"]
    with pytest.raises(CommandFailed):
        commands.throw(CommandFailed)


@pytest.mark.parametrize(
    ("pin", "settings", "sentence"),
    [
        ("tiny==1.0", {}, "not the one the lock file names"),
        ("absent==1.0", {}, r"index has no absent==1\.0 for this Python"),
        ("absent==1.0", UNREACHABLE_INDEX, "package index cannot be reached"),
    ],
    ids=["other hash", "absent", "unreachable"],
)
def test_what_pip_refuses_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pin: str, settings: dict[str, str], sentence: str
) -> None:
    build_wheel(tmp_path, "1.0")
    (tmp_path / "tiny.lock").write_text(f"{pin} --hash=sha256:{'0' * 64}\n")
    for name, value in ({"NO_INDEX": "1", "FIND_LINKS": str(tmp_path)} | settings).items():
        monkeypatch.setenv(f"PIP_{name}", value)
    command = [sys.executable, *PIP, "--target", str(tmp_path / "x"), "--require-hashes", "-r", "tiny.lock"]
    pip = Child("pip", command, tmp_path / "pip.log", tmp_path, pip_environment())
    while pip.exit_code() is None:
        time.sleep(0.05)
    with pytest.raises(Problem, match=sentence):
        raise explain("pip", pip.exit_code() or 0, pip.log, KNOWN_PIP)


def test_a_cuda_package_is_refused(made: Environment) -> None:
    site_packages = next(made.path.glob("lib/python3*/site-packages"))
    (site_packages / "nvidia_cublas_cu12.dist-info").mkdir()
    with pytest.raises(Problem, match="CUDA packages got into"):
        made.refuse_cuda()


def test_torch_is_pinned_to_the_cpu_build() -> None:
    assert BACKEND.torch().endswith("+cpu")
    assert BACKEND.wanted()["torch"] == BACKEND.torch()


@pytest.mark.parametrize("lock", [*APP.locks, *BACKEND.locks])
def test_no_lock_names_an_index_or_a_cuda_package(lock: str) -> None:
    lines = (APP.root / lock).read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith(("--", "nvidia", "torch==", "triton"))]
    pins = [line for line in lines if line and line[0].isalnum()]
    assert all("==" in line and line.endswith("\\") for line in pins), "a pin without a hash"


def test_packages_are_counted() -> None:
    assert package_count(APP) > 100


def test_only_one_launcher_installs(tmp_path: Path) -> None:
    first, second = InstallLock(tmp_path / "lock"), InstallLock(tmp_path / "lock")
    assert first.try_to_take()
    assert not second.try_to_take()
    first.release()
    assert second.try_to_take()
    second.release()


def test_pip_does_not_install_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "kept")
    assert "PIP_TARGET" not in pip_environment()
    assert pip_environment()["PIP_INDEX_URL"] == "kept"


def test_a_stamp_that_is_no_stamp_counts_as_none(environment: Environment) -> None:
    environment.path.mkdir()
    (environment.path / STAMP).write_text("[]")
    assert environment.present() == {}
    (environment.path / STAMP).write_text("{")
    assert environment.present() == {}
