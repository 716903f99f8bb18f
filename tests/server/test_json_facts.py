"""What is said of a JSON answer where the plain facts would say too much: a full context, a schema enforced in part."""

from __future__ import annotations

import json

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script

# The server's grammar does not know `not`.
IN_PART = json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}, "not": {"required": ["b"]}})


async def test_a_full_context_is_called_so_and_nothing_goes_on(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(['{"a": 1'], finish_reason="length")
    async with ChatClient(fake_app_url) as chat:
        await chat.set(max_tokens=fake.max_model_len)
        reply = await chat.ask("Count", json_mode=True)
        assert reply.json_facts["ending"] == text("en-US", "json_ending_full")
        assert reply.canvas is not None
        assert not reply.canvas["result"]["can_continue"]
        compared = (await chat.act("json_compare", reply.canvas_id)).canvas
        assert compared is not None
        ending = {fact["id"]: fact["text"] for fact in compared["plain"]["result"]["facts"]}["ending"]
        assert ending == text("en-US", "json_ending_full")
        plain = await chat.ask("Count")
        assert plain.status == [text("en-US", "status_full")]


async def test_a_schema_that_is_enforced_in_part_is_not_called_enforced(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(['{"a": 1}'])
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.call("schema_save", {"id": None, "name": "Part", "text": IN_PART}))["ok"]
        reply = await chat.ask("One", json_mode=True)
        assert reply.verdict == "valid"
        assert reply.json_facts["enforced"] == text("en-US", "json_not_all_enforced")


async def test_the_length_of_a_stopped_answer_is_not_made_up(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(['{"a": ', *["1"] * 200], delay_s=0.02)
    async with ChatClient(fake_app_url) as chat:
        ended = chat.count("task_end")
        await chat.send("Count", json_mode=True)
        await chat.until(lambda: chat.count("json_delta") >= 2)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        fake.script = Script(["}"])
        done = await chat.act("json_continue", chat.reply().canvas_id)
        assert done.verdict == "valid"
        # The server told the length of the second part alone.
        assert "tokens" not in done.facts
        assert done.canvas is not None
        assert done.canvas["result"]["measures"]["completion_tokens"] is None


async def test_what_is_no_json_is_not_called_enforced(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["no JSON at all"])
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("One", json_mode=True)
        assert reply.verdict == "invalid"
        assert reply.json_facts == {
            "enforced": text("en-US", "json_enforcement_failed"),
            "ending": text("en-US", "json_ending_by_itself"),
            "parses": text("en-US", "json_does_not_parse"),
        }
        # Stopped midway, nothing speaks against the server.
        fake.script = Script(['{"a": '], finish_reason="length")
        reply = await chat.ask("Two", json_mode=True)
        assert reply.json_facts["enforced"] == text("en-US", "json_enforced")


async def test_a_limit_of_ours_is_called_so(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(['{"a": ' + "[" * 500 + "]" * 500 + "}"])
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("Deep", json_mode=True)
        assert reply.json_facts["parses"] == text("en-US", "json_beyond_limits", line=1, column=206)
        assert reply.json_facts["enforced"] == text("en-US", "json_enforced")


async def test_a_verdict_is_in_the_language_of_the_page(fake: FakeVllm, fake_app_url: str) -> None:
    schema = json.dumps({"type": "object", "properties": {"company": {"type": "string"}}, "required": ["company"]})
    async with ChatClient(fake_app_url, "zh-CN") as chat:
        assert (await chat.call("schema_save", {"id": None, "name": "公司", "text": schema}))["ok"]
        for answer, told in [("{}", "缺少属性“company”"), ('{"company": 5}', "类型应为 string")]:
            fake.script = Script([answer])
            reply = await chat.ask("One", json_mode=True)
            assert reply.json_facts["matches"].endswith(told)
            assert reply.json_facts["enforced"] == text("zh-CN", "json_enforcement_failed")
