"""The command as a user runs it: sentences and exit codes for bad input, nothing overwritten, Ctrl-C keeps its part."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.benchmark import result
from backend.benchmark.__main__ import main
from backend.benchmark.problems import Problem
from tests.fake_vllm import FakeVllm, Script

LINES = (
    '{"scenario": "small", "description": "d", "max_tokens": 4}\n'
    '{"prompt": "a", "turns": ["one"]}\n{"prompt": "b", "turns": ["two"]}\n'
)


@pytest.fixture
def server() -> Iterator[FakeVllm]:
    with FakeVllm() as fake:
        yield fake


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "small.jsonl"
    file.write_text(LINES)
    return file


def command(url: str, scenario: Path, out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "backend.benchmark", "run", "--url", url, "--scenario", str(scenario)]
    return [*words, "--concurrency", "1", "--repeats", "1", "--out", str(out), *more]


def run(url: str, scenario: Path, out: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    words, variables = command(url, scenario, out, *more), {**os.environ, **environment}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=variables)


def test_a_run_is_one_file_with_what_is_needed_to_repeat_it(server: FakeVllm, scenario: Path, tmp_path: Path) -> None:
    server.waiting, server.script = 3, Script(delay_s=0.1)  # long enough for a look at its queue
    out = tmp_path / "r.json"
    done = run(server.url, scenario, out, "--goodput", "ttft:60000", "tpot:60000", "--requests", "6")
    assert (done.returncode, out.exists()) == (0, True), done.stderr
    assert "output tok/s" in done.stdout
    assert f"written to {out}" in done.stdout
    told = result.read(out)
    assert told["complete"] is True
    assert told["settings"]["goodput_ms"] == {"ttft": 60000, "tpot": 60000}
    assert told["settings"]["model"] == "fake-model"
    assert told["scenario"]["prompt_tokens"] == {"least": 3, "median": 3, "most": 3}
    assert len(told["scenario"]["sha256"]) == 64
    assert told["server"]["command_line"][0].endswith(("python", "pytest", Path(sys.executable).name))
    assert told["client"]["hardware"]["cores"] >= 1
    assert str(scenario) in told["command"]
    (point,) = told["points"]
    assert point["figures"]["completed"] == 6
    assert point["figures"]["request_goodput"] == point["figures"]["request_throughput"]
    assert point["repeats"][0]["server"]["max_num_requests_waiting"] == 3
    assert [answer["prompt"] for answer in told["answers"]] == ["a", "b"]
    assert list(tmp_path.glob(".*")) == []


def test_what_is_there_stays_unless_told_otherwise(server: FakeVllm, scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    out.write_text("precious")
    refused = run(server.url, scenario, out)
    assert refused.returncode == 2
    assert f"{out} is there already" in refused.stderr
    assert server.requests == []
    assert out.read_text() == "precious"
    assert run(server.url, scenario, out, "--force").returncode == 0
    assert json.loads(out.read_text())["complete"] is True


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--model", "gpt-9"), "does not serve 'gpt-9'; it serves fake-model"),
        (("--url", "http://127.0.0.1:9/v1"), "No server can be reached at http://127.0.0.1:9/v1"),
        (("--url", "localhost:8000"), "is no address: it looks like http://127.0.0.1:8000/v1"),
        (("--url", "http://127.0.0.1:99999/v1"), "--url http://127.0.0.1:99999/v1 is no address"),
        (("--url", "http://127.0.0.1:abc/v1"), "--url http://127.0.0.1:abc/v1 is no address"),
        (("--url", "http://me:secret@[::1/v1"), "--url http://[::1/v1 is no address"),
        (("--url", "http://a..b/v1"), "No server can be reached at http://a..b/v1"),
        (("--concurrency", "1,9", "--requests", "8"), "no more than 8 users can ask at once, and 9 are wanted: give"),
        (("--goodput", "speed:3"), "--goodput speed:3: write a limit as ttft:500"),
        (("--goodput", "ttft:nan"), "--goodput ttft:nan: write a limit as ttft:500"),
        (("--scenario", "nothing"), "There is no scenario 'nothing'"),
        (("--max-tokens", "3000"), "No prompt of scenario small fits the context of fake-model, 2,048 tokens"),
        (("--out", "/nowhere/r.json"), "there is no folder /nowhere"),
    ],
)
def test_what_the_user_can_put_right(
    server: FakeVllm, scenario: Path, tmp_path: Path, more: tuple[str, ...], sentence: str
) -> None:
    out = tmp_path / "r.json"
    out.write_text("precious")
    done = run(server.url, scenario, out, "--force", *more)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert out.read_text() == "precious"
    assert server.requests == []


def test_an_address_that_is_not_an_api(server: FakeVllm, scenario: Path, tmp_path: Path) -> None:
    done = run(server.url.removesuffix("/v1"), scenario, tmp_path / "r.json")
    assert done.returncode == 2
    assert "is not an OpenAI-compatible API: GET /models gave HTTP 404. Its address mostly ends in /v1." in done.stderr


def test_some_prompts_too_long_are_refused_by_name_or_left_out(
    server: FakeVllm, scenario: Path, tmp_path: Path
) -> None:
    scenario.write_text(LINES + json.dumps({"prompt": "long", "turns": ["x" * 3000]}) + "\n")
    out = tmp_path / "r.json"
    done = run(server.url, scenario, out)
    assert done.returncode == 2
    assert "1 of 3 prompts of scenario small do not fit" in done.stderr
    assert "(long needs 3,004)" in done.stderr
    assert run(server.url, scenario, out, "--skip-too-long").returncode == 0
    assert result.read(out)["scenario"]["left_out"] == ["long"]


@pytest.mark.parametrize(
    ("warmup", "asked", "sentence"),
    [("0", 4, "All 4 requests failed, the first with HTTP 500"), ("2", 2, "Every warm-up request failed (HTTP 500")],
)
def test_when_everything_fails_nothing_is_written(
    server: FakeVllm, scenario: Path, tmp_path: Path, warmup: str, asked: int, sentence: str
) -> None:
    server.script = Script(status=500)
    out = tmp_path / "r.json"
    out.write_text("precious")
    done = run(server.url, scenario, out, "--force", "--warmup", warmup)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(server.requests) == asked
    assert "Traceback" not in done.stderr
    assert out.read_text() == "precious"


def test_a_disk_that_is_full_costs_the_old_file_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "r.json"
    out.write_text("precious")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Problem, match="cannot be written: No space left on device"):
        result.write(out, {"format": "x"})
    assert [file.name for file in tmp_path.iterdir()] == ["r.json"]
    assert out.read_text() == "precious"


@pytest.mark.parametrize(("failures", "kept"), [(1, True), (2, False)])
def test_a_measurement_outlives_a_full_disk(
    server: FakeVllm,
    scenario: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failures: int,
    kept: bool,
) -> None:
    left = [errno.ENOSPC] * failures

    def full(_descriptor: int) -> None:
        if left:
            raise OSError(left.pop(), "No space left on device")

    out = tmp_path / "r.json"
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(command(server.url, scenario, out)[3:]) == 2
    told = capsys.readouterr()
    assert "output tok/s" in told.out
    assert "r.json cannot be written: No space left on device." in told.err
    files = list(tmp_path.glob("pagoda-benchmark-*/r.json"))
    assert (len(files) == 1) is kept
    if kept:
        assert f"The result was kept as {files[0]}." in told.err
        assert result.read(files[0])["complete"] is True
    else:
        assert "only the table is left" in told.err


def test_a_terminal_without_the_dash_gets_its_table(server: FakeVllm, scenario: Path, tmp_path: Path) -> None:
    done = run(server.url, scenario, tmp_path / "r.json", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "run 1 of 1, 1 at once\n")
    assert "written to" in done.stdout


@pytest.mark.parametrize("is_there", [False, True])
def test_ctrl_c_keeps_what_was_measured(server: FakeVllm, scenario: Path, tmp_path: Path, is_there: bool) -> None:
    out = tmp_path / "r.json"
    if is_there:
        out.write_text("precious")
    line = command(server.url, scenario, out, "--requests", "1000000", "--warmup", "0", "--force")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        asyncio.run(server.until(lambda: len(server.requests) >= 20 or process.poll() is not None))
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130, stderr
    kept = tmp_path / "r.partial.json" if is_there else out
    assert f"what was measured until then is in {kept}, marked as incomplete" in stdout
    told = result.read(kept)
    assert (told["complete"], told["stopped"]) == (False, "stopped by Ctrl-C after 0 of 1 runs")
    assert told["points"][0]["repeats"][0]["complete"] is False
    assert told["points"][0]["figures"]["completed"] >= 18
    assert not is_there or out.read_text() == "precious"


def test_ctrl_c_before_the_first_answer_writes_nothing(server: FakeVllm, scenario: Path, tmp_path: Path) -> None:
    server.script = Script(hang=True)
    out = tmp_path / "r.json"
    with subprocess.Popen(command(server.url, scenario, out), stderr=subprocess.PIPE, text=True) as process:
        asyncio.run(server.until(lambda: bool(server.requests) or process.poll() is not None))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert "before any answer was complete: nothing was written" in stderr
    assert not out.exists()


def test_ctrl_c_while_the_server_is_looked_at(scenario: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = command(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", scenario, tmp_path / "r.json")
        with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate()
    assert (process.returncode, stderr) == (130, "Stopped by Ctrl-C.\n")


def test_agreement_needs_vllm_beside_it() -> None:
    words = [sys.executable, "-m", "backend.benchmark", "agree"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "`agree` runs `vllm bench serve`: use an environment with vLLM, as .venv-backend/bin/python.\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("agree", "--pairs", "0"),
        ("flags", "f.yaml", "--out", "o.json", "--users", "abc"),
        ("flags", "f.yaml", "--out", "o.json", "--users", "0"),
    ],
)
def test_a_number_that_is_none_is_refused_by_its_option(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"argument {words[-2]}: " in capsys.readouterr().err
