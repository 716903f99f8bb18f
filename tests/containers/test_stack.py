"""The stack in real containers: the app's image, vLLM's official CPU image, the bundled model.

Runs where Docker answers and both images are there already; otherwise each test says in the summary why it did not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.chat_client import ChatClient
from tests.containers.engine import Stack, missing, run
from tests.fake_vllm import free_port

pytestmark = pytest.mark.timeout(1200)

KILL_THE_ENGINE = """
import os, pathlib, signal
(engine,) = [file.parent.name for file in pathlib.Path("/proc").glob("[0-9]*/comm") if "EngineCor" in file.read_text()]
os.kill(int(engine), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The stack, started once."""
    if (reason := missing()) is not None:
        pytest.skip(f"no container was started: {reason}")
    with Stack(free_port()) as started:
        yield started


async def test_a_question_is_answered(stack: Stack) -> None:
    async with ChatClient(stack.url) as chat:
        reply = await chat.ask("Hello!")
        assert reply.errors == []
        assert reply.text.strip()
        assert len(reply.flushes) > 1, "the answer is streamed"
        reply = await chat.ask("请用 JSON 格式列出中国四大名著及其作者。", json_mode=True)
        assert reply.errors == []
        assert reply.verdict == "valid"


def test_the_app_is_nobody_and_writes_nowhere_but_tmp(stack: Stack) -> None:
    assert stack.execute("app", "id", "-u").stdout.strip() == "10001"
    for folder in ("/app", "/app/.files", "/app/.chainlit", "/usr/lib", "/var/tmp"):
        assert "Read-only file system" in stack.execute("app", "touch", f"{folder}/x").stderr
    assert stack.execute("app", "touch", "/tmp/x").returncode == 0
    assert "CapBnd:\t0000000000000000" in stack.execute("app", "cat", "/proc/1/status").stdout


def test_the_image_holds_the_app_alone(stack: Stack) -> None:
    names = set(stack.execute("app", "ls", "-A", "/app").stdout.split())
    assert names == {
        ".chainlit",
        ".files",
        "app.py",
        "chainlit.md",
        "chainlit_zh-CN.md",
        "chat",
        "public",
        "requirements.lock",
    }


def test_vllm_is_not_published(stack: Stack) -> None:
    assert run(["docker", "port", stack.container("vllm")]).stdout == ""
    assert run(["docker", "port", stack.container("app")]).stdout.startswith("8080/tcp -> 127.0.0.1:")


def test_a_wrong_setting_is_named(stack: Stack) -> None:
    done = run(["docker", "run", "--rm", "-e", "PAGODA_TOP_P=7", stack.image])
    assert done.returncode == 1
    assert "PAGODA_TOP_P='7' is not valid" in done.stdout + done.stderr


async def test_vllm_comes_back_after_its_engine_died(stack: Stack) -> None:
    async with ChatClient(stack.url) as chat:
        assert (await chat.ask("Hello!")).text
        assert stack.execute("vllm", "python3", "-c", KILL_THE_ENGINE).returncode == 0
        deadline = time.monotonic() + 120
        while (reply := await chat.ask("Hello?")).errors == []:
            assert time.monotonic() < deadline, "the page did not notice"
        assert "model server" in reply.errors[0]
        while (reply := await chat.ask("Hello again!")).errors:
            assert time.monotonic() < deadline, "vLLM did not come back"
            await asyncio.sleep(2)
        assert reply.text.strip()


async def test_stopping_takes_seconds_even_with_a_page_open(stack: Stack) -> None:
    async with ChatClient(stack.url) as chat:
        await chat.send("Tell me everything you know.")
        start = time.monotonic()
        done = await asyncio.to_thread(stack.compose, "stop", "--timeout", "30", timeout_s=60)
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - start < 20  # vLLM's own end takes seconds of a busy processor; a hang takes 30
