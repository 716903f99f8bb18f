"""What `make demo` refuses before the long work, each with a sentence that names the remedy."""

from __future__ import annotations

import http.server
import importlib.util
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.hardware import Hardware
from scripts import model, preflight, supported
from scripts.preflight import Options
from scripts.problems import Problem
from scripts.stopping import Stopping

GOOD = Hardware("Linux", "x86_64", 2, ("avx2", "fma"), 8.0, "8.0 GiB free of 16.0 GiB", (), "no NVIDIA driver")
ROOT = Path(__file__).resolve().parents[2]


class Quiet(Stopping):
    """Without signal handlers."""

    def __init__(self) -> None:
        self._received = None


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_defaults() -> None:
    assert Options.read({}) == Options("", 8080, 8000)
    assert Options.read({"MODEL": " a/b ", "PORT": "81", "BACKEND_PORT": ""}) == Options("a/b", 81, 8000)


@pytest.mark.parametrize("text", ["0", "65536", "abc", "-1", "８０８０", "80.5"])
def test_a_port_must_be_a_number_in_range(text: str) -> None:
    with pytest.raises(Problem, match=f"PORT={text} is not a port: give a number from 1 to 65535"):
        Options.read({"PORT": text})


def test_both_halves_need_a_port_of_their_own() -> None:
    with pytest.raises(Problem, match="PORT and BACKEND_PORT are both 8000"):
        Options.read({"PORT": "8000"})


def test_fault_69_a_taken_port_is_named_with_the_variable_that_changes_it(listening: int) -> None:
    """A sentence names the port, who wanted it, and the variable that chooses another."""
    with pytest.raises(Problem, match=f"Port {listening}, meant for vLLM, is taken .*BACKEND_PORT={listening + 1}"):
        preflight.check_port(listening, "BACKEND_PORT", "vLLM")


def test_a_port_taken_on_ipv6_alone_counts() -> None:
    with socket.socket(socket.AF_INET6) as server:
        server.bind(("::1", 0))
        server.listen()
        with pytest.raises(Problem, match="is taken"):
            preflight.check_port(server.getsockname()[1], "PORT", "the page")


def test_a_port_just_left_by_another_program_is_free(listening: int) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    preflight.check_port(port, "PORT", "the page")


@pytest.mark.parametrize(
    ("system", "machine", "libc", "sentence"),
    [
        ("Darwin", "arm64", ("", ""), r"needs Linux \(this is Darwin\): use Docker"),
        ("Linux", "riscv64", ("glibc", "2.36"), "not built for riscv64"),
        ("Linux", "x86_64", ("glibc", "2.28"), r"glibc 2\.31 or newer \(found glibc 2\.28\)"),
        ("Linux", "x86_64", ("", ""), "found another C library"),
    ],
)
def test_other_systems(system: str, machine: str, libc: tuple[str, str], sentence: str) -> None:
    with pytest.raises(Problem, match=sentence):
        preflight.check_system(system, machine, libc)


def test_this_system_passes() -> None:
    preflight.check_system("Linux", "x86_64", ("glibc", "2.31"))
    preflight.check_cpu(GOOD)
    preflight.check_memory(GOOD)
    preflight.check_disk(ROOT, 10 * 1024**3)
    preflight.check_venv_module()


def test_a_cpu_without_avx2() -> None:
    with pytest.raises(Problem, match="lacks the AVX2 instructions"):
        preflight.check_cpu(replace(GOOD, instruction_sets=("sse4_2",)))


def test_too_little_memory() -> None:
    with pytest.raises(Problem, match=r"Too little memory: 1\.0 GiB free, and 3 GiB are needed"):
        preflight.check_memory(replace(GOOD, memory_gib=1.0, memory_reason="1.0 GiB free"))


def test_fault_62_too_little_disk(tmp_path: Path) -> None:
    """`make demo` says before the installation how much room there is and how much is needed."""
    with pytest.raises(Problem, match=r"Too little disk space: 1\.0 GiB free at .* 4 GiB are needed"):
        preflight.check_disk(tmp_path, 1024**3)


def test_debian_without_the_venv_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Problem, match=r"no `venv` module: install it \(`apt install python3\.\d+-venv`\)"):
        preflight.check_venv_module()


@pytest.mark.parametrize(("version", "refused"), [((3, 8), True), ((3, 10), True), ((3, 11), False), ((3, 14), True)])
def test_unsupported_pythons(version: tuple[int, int], refused: bool) -> None:
    sentence = supported.refusal(version)
    assert (sentence is not None) is refused
    assert sentence is None or "needs 3.11 to 3.13" in sentence


@pytest.mark.parametrize("module", ["demo", "install", "testing"])
def test_an_old_python_reaches_the_refusal(module: str) -> None:
    """What runs before it must be readable for Python 3.8: no new syntax, no new names at import."""
    text = (ROOT / "scripts" / f"{module}.py").read_text()
    head = text[: text.index("require_supported_python()\n")]
    compile(head, module, "exec", dont_inherit=True)
    assert [line for line in head.splitlines() if "import" in line] == [
        "from scripts.supported import require_supported_python"
    ]
    check = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 8))"
    for file in (f"scripts/{module}.py", "scripts/supported.py", "scripts/__init__.py"):
        subprocess.run([sys.executable, "-c", check, file], check=True, cwd=ROOT)


def test_no_model_means_the_bundled_one() -> None:
    assert model.resolve("", Quiet()) is None


def test_a_local_folder(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"is not a folder with a model: .* needs config\.json"):
        model.resolve(str(tmp_path), Quiet())
    (tmp_path / "config.json").touch()
    (tmp_path / "model.safetensors").touch()
    assert model.resolve(str(tmp_path), Quiet()) == str(tmp_path)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(Problem, match="MODEL=/nowhere/model is not a folder with a model"):
        model.resolve("/nowhere/model", Quiet())


def test_neither_folder_nor_id() -> None:
    with pytest.raises(Problem, match=r"MODEL=a/b/c is neither a folder nor a Hugging Face id"):
        model.resolve("a/b/c", Quiet())


class Hub(http.server.BaseHTTPRequestHandler):
    """Knows `org/there` only, and asks for a token for `org/gated`."""

    def do_HEAD(self) -> None:
        status = {"/org/there/resolve/main/config.json": 200, "/org/gated/resolve/main/config.json": 401}
        self.send_response(status.get(self.path, 500 if "broken" in self.path else 404))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("hub")
def test_a_model_of_the_hub() -> None:
    assert model.resolve("org/there", Quiet()) == "org/there"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("org/absent", "There is no model org/absent at"),
        ("org/gated", "private or gated: .* set HF_TOKEN"),
        ("org/broken", "answered 500 when asked for org/broken"),
    ],
)
def test_a_model_the_hub_does_not_give(name: str, sentence: str) -> None:
    with pytest.raises(Problem, match=sentence):
        model.resolve(name, Quiet())


def test_fault_72_the_hub_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sentence says what can't be reached and names the remedies, before anything is installed."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(Problem, match=r"cannot be reached to download org/there .*HF_ENDPOINT to a mirror"):
        model.resolve("org/there", Quiet())


def test_a_downloaded_model_needs_no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    snapshot = tmp_path / "hub/models--org--there/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").touch()
    assert model.resolve("org/there", Quiet()) == "org/there"


def test_a_missing_system_library_is_named() -> None:
    with pytest.raises(Problem, match=r"libnothing\.so\.9 is missing.*apt install libnuma1"):
        preflight.check_libraries(("libc.so.6", "libnothing.so.9"))
