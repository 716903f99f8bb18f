"""Liveness, readiness, metrics and log of the running app, in front of a model server that comes and goes."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat.texts import Language, text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

LIMIT = 5
TOKEN = "a-token-of-some-length"
SECRET = "what-the-user-typed"


async def until(condition: Callable[[], bool], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def own_address() -> str | None:
    """An address of this machine that is not loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return None


class App:
    """The app under watch; its model server listens on `backend_port`, when it does."""

    def __init__(self, url: str, log: Path, backend_port: int) -> None:
        self.url, self.log, self.backend_port = url, log, backend_port

    def ready(self) -> tuple[int, dict[str, Any]]:
        reply = httpx.get(f"{self.url}/ready", timeout=10)
        assert reply.headers["cache-control"] == "no-store"
        return reply.status_code, reply.json()

    def reason(self) -> str:
        return str(self.ready()[1]["reason"])

    def lives(self) -> bool:
        return httpx.get(f"{self.url}/health", timeout=10).status_code == 200

    def metrics(self) -> dict[str, float]:
        text = httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status().text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


@asynccontextmanager
async def app(folder: Path, **settings: str) -> AsyncIterator[App]:
    port, backend_port = free_port(), free_port()
    settings = {"PAGODA_QUEUE_LIMIT": str(LIMIT), **settings}
    log = folder / "app.log"
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", log, **settings):
        yield App(f"http://127.0.0.1:{port}", log, backend_port)


def banners(chat: ChatClient) -> list[dict[str, Any]]:
    return [said for said in chat.of("window_message") if said.get("pagoda") == "banner"]


async def test_ready_follows_the_model_server_and_health_does_not(tmp_path: Path) -> None:
    async with app(tmp_path) as app_:
        status, body = app_.ready()
        assert status == 503
        assert {**body, "for_s": 0} == {
            "ready": False,
            "reason": "absent",
            "for_s": 0,
            "waiting": None,
            "queue_limit": LIMIT,
        }
        assert app_.lives()
        with socket.socket() as vllm_while_loading:
            vllm_while_loading.bind(("127.0.0.1", app_.backend_port))
            await until(lambda: app_.reason() == "loading")
            assert app_.metrics()["pagoda_ready"] == 0
        with FakeVllm(app_.backend_port) as fake:
            await until(lambda: app_.ready()[0] == 200)
            assert app_.reason() == "ready"
            assert app_.metrics()["pagoda_ready"] == 1
            fake.waiting = LIMIT
            await until(lambda: app_.reason() == "overloaded")
            assert app_.ready()[1]["waiting"] == app_.metrics()["pagoda_model_server_waiting"] == LIMIT
            fake.waiting = 0
            await until(lambda: app_.reason() == "ready")
            fake.healthy = False
            await until(lambda: app_.reason() == "failing")
        await until(lambda: app_.reason() == "restarting")
        assert app_.lives()


async def test_ready_asks_seldom(tmp_path: Path) -> None:
    async with app(tmp_path) as app_:
        with FakeVllm(app_.backend_port) as fake:
            fake.waiting = 0
            before = time.monotonic()
            async with httpx.AsyncClient(timeout=10) as client:
                for _ in range(20):
                    await asyncio.gather(*(client.get(f"{app_.url}/ready") for _ in range(10)))
            assert fake.looked <= 2 + (time.monotonic() - before)


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_the_pages_are_told_what_has_changed(tmp_path: Path, language: Language) -> None:
    async with app(tmp_path) as app_, ChatClient(app_.url, language) as chat:
        await chat.until(lambda: bool(banners(chat)))
        assert banners(chat)[-1]["text"] == text(language, "banner_absent")
        with FakeVllm(app_.backend_port) as fake:
            await chat.until(lambda: banners(chat)[-1]["reason"] == "ready")
            assert "text" not in banners(chat)[-1]
            fake.waiting = LIMIT + 2
            await chat.until(lambda: banners(chat)[-1]["reason"] == "overloaded")
            assert banners(chat)[-1]["note"] == text(language, "banner_waiting", count=LIMIT + 2)
            fake.waiting = 1
            await chat.until(lambda: banners(chat)[-1]["reason"] == "ready")
            fake.waiting = 2  # below the limit, a number is no news
            looked, told = fake.looked, len(banners(chat))
            await fake.until(lambda: fake.looked >= looked + 2)
            assert len(banners(chat)) == told
        await chat.until(lambda: banners(chat)[-1]["reason"] == "restarting")
        # A page that comes now, or comes back, is told at once.
        async with ChatClient(app_.url, "en-US") as other:
            await other.until(lambda: bool(banners(other)))
            assert [said["reason"] for said in banners(other)] == ["restarting"]


async def test_one_watch_for_all_pages_and_none_without_pages(tmp_path: Path) -> None:
    async with app(tmp_path) as app_:
        with FakeVllm(app_.backend_port) as fake:
            fake.waiting = 0
            pages = [ChatClient(app_.url) for _ in range(20)]
            await asyncio.gather(*(page.__aenter__() for page in pages))
            assert app_.metrics()["pagoda_pages"] == 20
            looked, before = fake.looked, time.monotonic()
            await fake.until(lambda: fake.looked >= looked + 2)
            assert time.monotonic() - before > 2  # were it one each, they would have come at once
            await asyncio.gather(*(page.__aexit__(None, None, None) for page in pages))
            await until(lambda: app_.metrics()["pagoda_pages"] == 0)
            await asyncio.sleep(4)  # what was begun has ended
            looked = fake.looked
            await asyncio.sleep(4)
            assert fake.looked == looked


async def test_the_metrics_of_answers_hold_no_words_of_the_user(tmp_path: Path) -> None:
    async with app(tmp_path, PAGODA_READ_TIMEOUT_S="2") as app_:
        with FakeVllm(app_.backend_port) as fake:
            async with ChatClient(app_.url) as chat:
                for script in (Script(["Hel", "lo"]), Script(["Hel"], die=True), Script(status=400)):
                    fake.script = script
                    await chat.ask(SECRET)
                seen = app_.metrics()
        assert SECRET not in str(seen)
        assert seen["pagoda_answers_total complete"] == 1
        assert seen["pagoda_answers_total broken"] == 2
        assert seen["pagoda_errors_total backend_broke"] == 1
        assert seen["pagoda_refusals_total request_refused"] == 1
        assert seen["pagoda_generation_tokens_total"] == 2
        assert seen["pagoda_prompt_tokens_total"] > len(SECRET)
        assert seen["pagoda_time_to_first_token_seconds_count"] == 2
        assert seen["pagoda_active_streams"] == 0


async def test_an_answer_under_way_is_counted(tmp_path: Path) -> None:
    async with app(tmp_path) as app_:
        with FakeVllm(app_.backend_port) as fake:
            fake.script = Script(["Hel"], hang=True)
            async with ChatClient(app_.url) as chat:
                await chat.send("Hello?")
                await until(lambda: app_.metrics()["pagoda_active_streams"] == 1)
                await chat.emit("stop")
                await until(lambda: app_.metrics()["pagoda_active_streams"] == 0)
            assert app_.metrics()["pagoda_answers_total stopped"] == 1


async def test_what_the_gate_refuses_is_counted(tmp_path: Path) -> None:
    async with app(tmp_path) as app_:
        async with httpx.AsyncClient() as client:
            assert (await client.get(app_.url, headers={"Host": "evil.example"})).status_code == 421
        assert app_.metrics()["pagoda_refusals_total gate_host"] == 1


@pytest.mark.skipif(own_address() is None, reason="this machine has no address but loopback")
async def test_metrics_are_for_this_machine_or_for_a_token(tmp_path: Path) -> None:
    published = {"CHAINLIT_HOST": "0.0.0.0", "PAGODA_USER_HEADER": "X-User", "PAGODA_TRUSTED_PROXIES": "192.0.2.1"}
    async with app(tmp_path, PAGODA_METRICS_TOKEN=TOKEN, **published) as app_:
        elsewhere = app_.url.replace("127.0.0.1", str(own_address()))
        asked: list[tuple[str, dict[str, str], int]] = [
            (app_.url, {}, 200),
            (elsewhere, {}, 403),
            (app_.url, {"X-Forwarded-For": "10.0.0.2"}, 403),
            (elsewhere, {"Authorization": f"Bearer {TOKEN}"}, 200),
            (elsewhere, {"Authorization": f"Bearer {TOKEN}x"}, 403),
        ]
        async with httpx.AsyncClient() as client:
            for url, headers, status in asked:
                assert (await client.get(f"{url}/metrics", headers=headers)).status_code == status


async def test_fault_88_a_json_log_is_about_turns_and_without_their_words(tmp_path: Path) -> None:
    """The JSON log names each turn and how it ended; no question, no key and nothing that vLLM quotes is in it."""
    key = "a-key-of-vllm"
    async with app(tmp_path, PAGODA_LOG_FORMAT="json", VLLM_API_KEY=key) as app_:
        with FakeVllm(app_.backend_port) as fake:
            async with ChatClient(app_.url) as chat:
                replies = [await chat.ask(SECRET)]
                fake.script = Script(status=400)
                replies.append(await chat.ask(SECRET))
        log = app_.log.read_text()
    written = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    answers = [line for line in written if line["logger"] == "chat.turn"]
    assert [(line["turn"], line["ending"]) for line in answers] == [
        (replies[0].question_id, "complete"),
        (replies[1].question_id, "broken"),
    ]
    assert (answers[0]["generation_tokens"], answers[1]["error"]) == (3, "RequestRefused")
    [failure] = [line for line in written if line["logger"] == "chat.model_server" and "turn" in line]
    assert (failure["turn"], failure["message"]) == (replies[1].question_id, "RequestRefused: RequestRefused (400)")
    assert SECRET not in log
    assert key not in log
    assert "secret-detail" not in log  # what the model server says may quote the user
