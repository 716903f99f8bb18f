"""The page while its connection comes and goes: nothing that stands beside the conversation gets lost."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, Route, WebSocketRoute, expect

from chat.schema.ready import ready_schemas
from chat.texts import text
from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script

WEBSOCKET_ONLY = "window.transports = ['websocket']"  # what is polled would come past the test


class Routed(ChatPage):
    """The page, with what it and the server say to each other in the hands of the test."""

    sockets: list[WebSocketRoute]

    async def prepare(self) -> None:
        self.sockets = []
        await self.page.add_init_script(WEBSOCKET_ONLY)
        await self.page.route_web_socket("**/ws/socket.io/*", self.connected)

    def connected(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda message: self.said(socket, message))

    def said(self, socket: WebSocketRoute, message: str | bytes) -> None:
        socket.send(message)


class LateSettings(Routed):
    """A busy machine: the page's settings come late, so that Chainlit connects twice, and what the server says over
    the first connection comes when nobody listens any more."""

    async def prepare(self) -> None:
        self.lost: list[str] = []
        self.all_said = asyncio.Event()
        await self.page.route("**/project/settings?*chat_profile*", self._late)
        await super().prepare()

    async def _late(self, route: Route) -> None:
        await self.all_said.wait()
        await route.continue_()

    def said(self, socket: WebSocketRoute, message: str | bytes) -> None:
        if socket is not self.sockets[0] or not str(message).startswith("42"):
            socket.send(message)
            return
        self.lost.append(str(message))
        if "conversation_bar" in str(message):
            self.all_said.set()


async def test_a_page_that_connects_twice_is_complete(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["ok"])
    async with LateSettings(browser, fake_app_url) as chat:
        page = chat.page
        for event in ("set_commands", "set_modes", "starters", "restore", "chat_settings", "conversation_bar"):
            assert any(event in message for message in chat.lost)
        await expect(chat.schema_picker).to_have_text(text("en-US", "json_any"))
        await expect(page.locator(".starter").first).to_be_visible()
        await expect(page.get_by_test_id("conversation-bar")).to_have_attribute("data-state", "ok")
        await page.locator("#chat-settings-open-modal").click()
        await expect(page.locator("#system_prompt")).not_to_have_value("")
        await page.keyboard.press("Escape")
        assert await chat.ask("Hello") == "ok"
        assert len(chat.sockets) == 2
        assert chat.failures == []


async def test_fault_49_a_connection_that_comes_back_leaves_everything_as_it_was(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    """Draft, choices and Stop are where they were; only the line of questions is drawn anew."""
    fake.script = Script([f"word{number} " for number in range(200)], delay_s=0.2)
    async with Routed(browser, fake_app_url) as chat:
        page = chat.page
        recipe = ready_schemas()["recipe"].name["en-US"]
        await chat.pick(recipe)
        await expect(chat.json_toggle).to_have_attribute("aria-pressed", "true")
        await chat.json_toggle.click()
        await chat.send("Count")
        await expect(chat.answers.last).to_contain_text("word1")
        await page.locator("#chat-input").fill("A draft")
        line = page.locator(".schema-line")
        await line.evaluate("line => (line.firstChild.mark = 'the old one')")
        await chat.sockets[0].close()
        # It has been drawn anew; what was chosen and typed stands, and Stop is where it was.
        await expect(line).to_have_attribute("aria-label", recipe)
        drawn = "document.querySelector('.schema-line > .schema-questions')"
        await page.wait_for_function(f"() => {{ const line = {drawn}; return line && !line.mark; }}")
        await expect(chat.schema_picker).to_have_text(recipe)
        await expect(page.locator("#chat-input")).to_have_value("A draft")
        await expect(chat.json_toggle).to_have_attribute("aria-pressed", "false")
        await page.locator("#stop-button").click()
        await expect(chat.status).to_contain_text(text("en-US", "status_stopped"))
        assert len(chat.sockets) == 2
        assert chat.failures == []


async def test_enter_before_the_page_is_connected_leaves_the_question_in_the_box(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.script = Script(["ok"])
    async with ChatPage(browser, fake_app_url) as chat:
        page, connecting = chat.page, asyncio.Event()

        async def late(route: Route) -> None:
            await connecting.wait()
            await route.continue_()

        await page.route("**/set-session-cookie", late)
        await page.locator("#new-chat-button").click()
        await page.locator("#new-chat-dialog #confirm").click()
        await page.locator("#chat-input").click()
        await page.keyboard.type("Hello?")
        await page.keyboard.press("Enter")
        await expect(page.locator("#chat-submit")).to_be_disabled()
        await expect(page.locator("#chat-input")).to_have_value("Hello?")
        connecting.set()
        await chat.enter()
        await expect(chat.answers.last).to_contain_text("ok")
        assert chat.failures == []
