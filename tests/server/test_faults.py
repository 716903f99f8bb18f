"""What a question may be, what is told of its answer, and what is switched off.

Faults of the model server are in test_backend_faults.py and test_stream_faults.py, those of a session in
test_session_faults.py and test_under_way.py.
"""

from __future__ import annotations

import re

import aiohttp
import pytest

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script

HELLO = Script(["Hello", " there."])


async def test_an_answer_tells_its_length_and_speed(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["a", "b", "c", "d", "e"], delay_s=0.1)
    async with ChatClient(fake_app_url) as chat:
        facts = (await chat.ask("Hello?")).facts
    assert facts["tokens"].endswith("→ 5 tokens")
    assert re.fullmatch(r"TTFT [\d.]+ m?s", facts["ttft"])
    assert 0 < float(facts["rate"].split()[0]) <= 10.1  # four more in 0.4 s at least


async def test_choosing_a_preset_fills_in_its_prompt(fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        shown = {field["id"]: field["initial"] for field in chat.of("chat_settings")[-1]}
        panels = chat.count("chat_settings")
        await chat.emit("chat_settings_edit", {**shown, "preset": "concise"})
        await chat.until(lambda: chat.count("chat_settings") > panels)
        shown = {field["id"]: field["initial"] for field in chat.of("chat_settings")[-1]}
        assert shown["system_prompt"] == "Answer in one short sentence."


@pytest.mark.parametrize("blank", ["", "  \n "])
async def test_fault_23_an_empty_question(fake: FakeVllm, fake_app_url: str, blank: str) -> None:
    """The page asks for a question, and the model server is not asked."""
    asked = len(fake.requests)
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask(blank)).errors == [text("en-US", "error_empty")]
    assert len(fake.requests) == asked


async def test_a_foreign_page_gets_no_socket(fake_app_url: str) -> None:
    address = f"{fake_app_url}/ws/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as web:
        async with web.ws_connect(address, headers={"Origin": fake_app_url}) as own:
            assert (await own.receive_str()).startswith("0")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await web.ws_connect(address, headers={"Origin": "https://evil.example"})


async def test_uploads_and_mcp_are_off(fake_app_url: str) -> None:
    async with aiohttp.ClientSession() as web:
        async with web.get(f"{fake_app_url}/project/settings?language=en-US") as reply:
            features = (await reply.json())["features"]
        assert features["spontaneous_file_upload"]["enabled"] is False
        assert features["mcp"]["enabled"] is False
        assert features["unsafe_allow_html"] is False
        async with web.get(fake_app_url, headers={"Origin": "https://evil.example"}) as reply:
            assert "Access-Control-Allow-Origin" not in reply.headers
            assert 'href="https://' not in await reply.text()
