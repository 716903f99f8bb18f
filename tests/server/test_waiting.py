"""What the page says while an answer is waited for, over the socket; and the facts under it when it has ended."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chat_client import ChatClient, Event
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

SERVER_TIMES: dict[str, float | None] = {
    "queue_time_ms": 4.0,
    "time_to_first_token_ms": 12.0,
    "generation_time_ms": 2.0,
    "mean_itl_ms": 1.0,
    "tokens_per_second": 100.0,
}


@pytest.fixture(scope="module")
def patient_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app that waits as long as a test needs, on a machine with a price."""
    port = free_port()
    priced = {"PAGODA_PRICE_PER_HOUR": "7.2", "PAGODA_CURRENCY": "CNY"}
    with app_service(port, fake.url, tmp_path_factory.mktemp("app") / "app.log", **priced):
        yield f"http://127.0.0.1:{port}"


class Waiting:
    """A question under way in front of a server that holds its answer back."""

    def __init__(self, chat: ChatClient, fake: FakeVllm) -> None:
        self._chat, self._fake = chat, fake

    @property
    def said(self) -> list[Event]:
        return [
            element["props"]
            for element in self._chat.of("element")
            if element["name"] == "AnswerStatus" and element["props"]["wait"]
        ]

    @property
    def phases(self) -> list[str]:
        return [said["wait"]["phase"] for said in self.said]

    async def until(self, phase: str, ahead: int | None = None) -> dict[str, Any]:
        def reached() -> bool:
            now = self.said[-1]["wait"] if self.said else {}
            return now.get("phase") == phase and now.get("ahead") == ahead

        await self._chat.until(reached)
        wait: dict[str, Any] = self.said[-1]["wait"]
        return wait


@asynccontextmanager
async def asked(url: str, fake: FakeVllm, script: Script, question: str = "Hello?") -> AsyncIterator[Waiting]:
    """Ask, watch what is said, and let the answer come at the end."""
    script.held = threading.Event()
    fake.script = script
    async with ChatClient(url) as chat:
        ended = chat.count("task_end")
        await chat.send(question)
        waiting = Waiting(chat, fake)
        try:
            yield waiting
        finally:
            script.held.set()
            fake.waiting = None
        await chat.until(lambda: chat.count("task_end") > ended)
        reply = chat.reply()
        assert reply.line is not None
        assert (reply.text, reply.line["state"]) == ("".join(script.pieces), "ended")


async def test_a_quick_answer_has_no_waiting_line(fake: FakeVllm, patient_url: str) -> None:
    fake.script = Script()
    async with ChatClient(patient_url) as chat:
        reply = await chat.ask("Hello?")
    assert reply.waits == []


async def test_queued_then_reading_then_writing(fake: FakeVllm, patient_url: str) -> None:
    fake.waiting = 3
    script = Script(["One", " two", "."], hold_at=0)
    async with asked(patient_url, fake, script) as waiting:
        wait = await waiting.until("queued", ahead=2)
        assert wait["for_ms"] >= 0
        fake.waiting = 9  # others came later
        await fake.until(lambda: fake.looked >= 2)
        fake.waiting = 2
        await waiting.until("queued", ahead=1)
        fake.waiting = 0
        wait = await waiting.until("reading")
        assert wait["prompt_tokens"] == sum(len(message["content"]) for message in fake.requests[-1]["messages"])
        fake.waiting = 5  # behind it: it is not in the queue again
        seen, looked = len(waiting.said), fake.looked
        await fake.until(lambda: fake.looked >= looked + 2)
        assert len(waiting.said) == seen
        # One piece comes, and then nothing.
        script.hold_at = 1
        await waiting.until("writing")
        await waiting.until("stalled")
    assert waiting.phases == ["queued", "queued", "reading", "writing", "stalled"]


async def test_a_server_without_metrics_is_reading(fake: FakeVllm, patient_url: str) -> None:
    async with asked(patient_url, fake, Script(["Yes"])) as waiting:
        await waiting.until("reading")
    assert waiting.phases == ["reading"]


async def test_a_server_that_does_not_answer_is_said_not_to(fake: FakeVllm, patient_url: str) -> None:
    fake.waiting = "silent"
    async with asked(patient_url, fake, Script(["Yes"])) as waiting:
        await waiting.until("silent")
        fake.waiting = 0
        await waiting.until("reading")


async def test_thinking_is_told_from_writing(fake: FakeVllm, patient_url: str) -> None:
    script = Script(["Yes"], reasoning=["Hm", "."])
    async with asked(patient_url, fake, script) as waiting:
        await waiting.until("reading")
        script.hold_at = 1
        await waiting.until("thinking")
        script.hold_at = 2
        await waiting.until("stalled")


async def test_while_the_server_is_asked_what_it_is(tmp_path: Path) -> None:
    """The model's name and the count of tokens come before the request; a server may hang on those, too."""
    with FakeVllm() as fake, app_service(port := free_port(), fake.url, tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}") as chat:
            fake.counting = threading.Event()
            await chat.send("Hello?")
            waiting = Waiting(chat, fake)
            await waiting.until("asking")
            fake.counting.set()
            await chat.until(lambda: "Hello there." in [message["output"] for message in chat.of("new_message")])


async def test_stop_ends_the_waiting_line(fake: FakeVllm, patient_url: str) -> None:
    fake.script = Script(["late"], held=threading.Event())
    async with ChatClient(patient_url) as chat:
        ended = chat.count("task_end")
        await chat.send("Hello?")
        await Waiting(chat, fake).until("reading")
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        reply = chat.reply()
    assert reply.line is not None
    assert (reply.line["state"], reply.line["wait"]) == ("ended", None)
    fake.script = Script()


async def test_the_servers_account_beside_the_apps(fake: FakeVllm, patient_url: str) -> None:
    fake.script = Script(["a", "b", "c"], delay_s=0.05, metrics=SERVER_TIMES, cached_tokens=5)
    async with ChatClient(patient_url) as chat:
        reply = await chat.ask("Hello?")
    prompt_tokens = sum(len(message["content"]) for message in fake.requests[-1]["messages"])
    assert reply.facts["tokens"] == f"{prompt_tokens} → 3 tokens"
    assert reply.facts["cost"].endswith(" CNY")
    assert reply.line is not None
    assert reply.line["server_note"] == ""
    rows = {row["id"]: row for row in reply.line["details"]}
    assert [row["value"] for row in rows.values() if row["group"] == "server"] == [
        "4.0 ms",
        "12 ms",
        "2.0 ms",
        "1.0 ms",
        f"5 of {prompt_tokens}",
    ]
    # What the app measured minus what the server says.
    parts = sum(row["ms"] for row in rows.values() if "ms" in row)
    assert rows["network"]["ms"] == pytest.approx(parts - 18)
    assert parts >= 150


async def test_of_the_real_server(vllm_url: str, app_url: str) -> None:
    """Its times are there and fit into the app's; the prompt's length is what /tokenize counts."""
    async with ChatClient(app_url) as chat:
        await chat.set(system_prompt="Be brief.")
        reply = await chat.ask("Count from 1 to 20.")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Count from 1 to 20."}]
    async with httpx.AsyncClient() as http:
        asked = {"model": "pagoda-demo", "messages": messages}
        counted = (await http.post(vllm_url.replace("/v1", "/tokenize"), json=asked)).json()["count"]
        prometheus = (await http.get(vllm_url.replace("/v1", "/metrics"))).text
    assert reply.facts["tokens"].startswith(f"{counted} → ")
    assert reply.line is not None
    rows = {row["id"]: row for row in reply.line["details"]}
    assert {"queue", "prompt", "decode", "itl", "ttft", "e2el", "network"} <= set(rows)
    assert rows["decode"]["ms"] > rows["queue"]["ms"]
    assert rows["network"]["ms"] > 0
    assert "\nvllm:num_requests_waiting{" in prometheus
