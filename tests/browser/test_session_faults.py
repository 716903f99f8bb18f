"""Faults of a session as a user sees them: drops, reloads, tabs, restarts, a sign-in that has run out."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import jwt
import pytest
from playwright.async_api import Browser, WebSocketRoute, expect

from chat.passwords import line_for
from chat.texts import Language, text
from tests.browser.page import ChatPage
from tests.browser.test_connecting import Routed
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

BOTH = pytest.mark.parametrize("language", ["en-US", "zh-CN"])
HELLO = Script(["Hello", " there."])
PASSWORD = "correct horse battery"


class Losable(Routed):
    """The page, whose connections the test can lose, and keep from coming back."""

    away = False

    def connected(self, socket: WebSocketRoute) -> None:
        # What is not connected to the server hears nothing, until the page gives it up.
        if not self.away:
            super().connected(socket)

    async def lose(self) -> None:
        self.away = True
        await self.sockets[-1].close()


async def test_fault_49_an_answer_that_ended_while_the_page_was_away(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    """Connected again, the page shows the whole answer and the line under it; the next question works."""
    held = threading.Event()
    fake.script = Script(["one ", "two ", "three ", "four"], held=held, hold_at=2)
    async with Losable(browser, fake_app_url) as chat:
        await chat.send("Count")
        await expect(chat.answers.last).to_contain_text("one two")
        await chat.lose()
        held.set()
        await expect(
            chat.page.get_by_text(text("en-US", "chainlit_common.status.error.serverConnection"))
        ).to_be_visible()
        chat.away = False
        await expect(chat.answers.last).to_contain_text("one two three four")
        await expect(chat.status).to_have_count(1)
        await chat.ended()
        fake.script = HELLO
        assert await chat.ask("And then?") == "Hello there."
        assert chat.failures == []


async def test_fault_50_a_reload_in_mid_answer(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    """A reloaded page begins a new chat and answers at once; the answer that nobody reads any more is ended."""
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script, before = Script(["word "] * 1000, delay_s=0.5), fake.aborted
        await chat.send("Write")
        await expect(chat.answers.last).to_contain_text("word")
        await chat.page.reload()
        await expect(chat.json_toggle).to_be_visible()
        await expect(chat.answers).to_have_count(0)
        fake.script = HELLO
        assert await chat.ask("Hello?") == "Hello there."
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["Hello?"]
        await fake.until(lambda: fake.aborted > before, patience_s=60)
        assert chat.failures == []


async def test_fault_51_two_tabs_of_one_browser(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    """Each tab has its own conversation, and each is answered."""
    fake.script = HELLO
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.ask("In the first")
        first, second = chat.page, await chat.page.context.new_page()
        await second.goto(fake_app_url)
        chat.page = second
        await expect(chat.json_toggle).to_be_visible()
        await expect(chat.answers).to_have_count(0)
        await chat.ask("In the second")
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["In the second"]
        chat.page = first
        await chat.ask("Next")
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["In the first", "Hello there.", "Next"]


@BOTH
async def test_fault_61_the_app_is_restarted_under_an_open_page(
    browser: Browser, fake: FakeVllm, tmp_path: Path, language: Language
) -> None:
    """The page says that the model no longer knows what stands above, and what to do; the next question works."""
    port, held = free_port(), threading.Event()
    url = f"http://127.0.0.1:{port}"
    with app_service(port, fake.url, tmp_path / "first.log") as app:
        async with ChatPage(browser, url, language) as chat:
            fake.script = HELLO
            await chat.ask("Hello?")
            fake.script = Script(["one ", "two ", "three"], held=held, hold_at=2)
            await chat.send("Count")
            await expect(chat.answers.last).to_contain_text("one two")
            await expect(chat.waiting).to_be_visible()
            app.process.kill()
            app.process.wait()
            with app_service(port, fake.url, tmp_path / "second.log"):
                said = chat.page.get_by_text(text(language, "chat_lost"))
                await expect(said).to_have_count(1)
                # Nothing goes on that has no end any more.
                await chat.ended()
                await expect(chat.waiting).to_have_count(0)
                await expect(chat.answers.nth(1)).to_contain_text("one two")
                again = threading.Event()
                fake.script = Script(["Hello", " there."], held=again, hold_at=1)
                await chat.send("Again?")
                await expect(chat.answers.last).to_contain_text("Hello")
                # Chainlit draws the answers above anew while another one is under way.
                assert await chat.answers.nth(1).locator(".as-wait").count() == 0
                again.set()
                await expect(chat.answers.last).to_contain_text("Hello there.")
                await chat.ended()
                assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["Again?"]
                await expect(said).to_have_count(1)
                # A new chat has nothing above.
                await chat.page.locator("#new-chat-button").click()
                await chat.page.locator("#new-chat-dialog #confirm").click()
                await expect(chat.page.locator("#welcome-screen")).to_be_visible()
                await chat.ask("Hello?")
                await expect(said).to_have_count(0)
                assert chat.failures == []
    held.set()


class SignedPage(Losable):
    """A visit by Ada, who signs in."""

    async def prepare(self) -> None:
        await super().prepare()
        await self.sign_in()

    async def sign_in(self) -> None:
        signed = await self.page.request.post(f"{self.url}/login", form={"username": "ada", "password": PASSWORD})
        assert signed.ok


async def test_fault_60_the_cookie_has_run_out(browser: Browser, fake: FakeVllm, tmp_path: Path) -> None:
    """The page leads to the sign-in form; after signing in, questions are answered again."""
    port = free_port()
    (tmp_path / "passwords").write_text(f"{line_for('ada', PASSWORD)}\n")
    settings = {"PAGODA_PASSWORD_FILE": str(tmp_path / "passwords"), "PAGODA_SECRET_FILE": str(tmp_path / "secret")}
    with app_service(port, fake.url, tmp_path / "app.log", **settings):
        async with SignedPage(browser, f"http://127.0.0.1:{port}") as chat:
            fake.script = HELLO
            await chat.ask("Hello?")
            await run_out(chat, (tmp_path / "secret").read_text())
            await chat.page.reload()
            await expect(chat.page.locator("#email")).to_be_visible()
            await chat.page.locator("#email").fill("ada")
            await chat.page.locator("#password").fill(PASSWORD)
            await chat.page.keyboard.press("Enter")
            await expect(chat.json_toggle).to_be_visible()
            assert await chat.ask("Hello?") == "Hello there."


async def run_out(chat: ChatPage, secret: str) -> None:
    """Put cookies of the same content, an hour too old, in place of those that the browser has."""
    context = chat.page.context
    for cookie in await context.cookies():
        if "access_token" in cookie["name"]:
            content = jwt.decode(cookie["value"], secret, algorithms=["HS256"])
            cookie["value"] = jwt.encode({**content, "exp": int(time.time()) - 3600}, secret, "HS256")
            await context.add_cookies([cookie])  # type: ignore[list-item]  # what it gives, it takes


@BOTH
async def test_a_text_that_no_connection_could_carry_is_not_taken(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    fake.script = HELLO
    async with ChatPage(browser, fake_app_url, language) as chat:
        box = chat.page.locator("#chat-input")
        await box.fill("A draft")
        await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await chat.page.evaluate("() => navigator.clipboard.writeText('x'.repeat(4_100_000))")
        await box.press("End")
        await box.press("Control+v")
        notice = text(language, "bar_text_too_long", length="4,100,007", limit="1,000,000")
        await expect(chat.page.get_by_text(notice)).to_be_visible()
        assert await box.evaluate("box => box.value.length") == len("A draft")
        await box.press("Enter")
        await expect(chat.answers.last).to_contain_text("Hello there.")
        assert chat.failures == []
