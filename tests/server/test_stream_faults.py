"""Faults of a stream that has begun: broken, malformed, odd, too long, or JSON that is none.

A sentence on the page, what had arrived is kept, and the next question works.
"""

from __future__ import annotations

import json

import pytest

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script
from tests.fault_client import HEL, HELLO, answered, event, explained, piece


async def test_fault_13_an_error_event_after_a_200(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says that the model server broke off, without the server's own words; what had arrived stays."""
    error = b'data: {"error": {"message": "secret-detail", "code": 500}}\n\n'
    await explained(fake, fake_app_url, Script(raw=[HEL + error]), "error_backend_broke", "Hel")


MALFORMED = {
    "no_json": b"data: {secret-detail\n\n",
    "no_object": b'data: ["secret-detail"]\n\n',
    "choices_of_no_list": event(choices="secret-detail"),
    "a_delta_of_no_object": piece("secret-detail"),
    "content_of_no_text": piece({"content": {"secret-detail": 1}}),
    "no_utf_8": b'data: {"secret-detail": "\xff"}\n\n',
}


@pytest.mark.parametrize("malformed", MALFORMED)
async def test_fault_14_a_malformed_event(fake: FakeVllm, fake_app_url: str, malformed: str) -> None:
    """The page says that the model server broke off; what had arrived stays, and the next question works."""
    await explained(fake, fake_app_url, Script(raw=[HEL + MALFORMED[malformed]]), "error_backend_broke", "Hel")


async def test_fault_15_a_stream_that_ends_without_an_end(fake: FakeVllm, fake_app_url: str) -> None:
    """Without a finish reason the page says that the answer broke off; what had arrived stays."""
    await explained(fake, fake_app_url, Script(raw=[HEL]), "error_backend_broke", "Hel")
    no_reason = Script(["Hel"], finish_reason=None)  # all the rest of an end is there
    await explained(fake, fake_app_url, no_reason, "error_backend_broke", "Hel")


async def test_fault_15_a_stream_without_done_that_says_how_it_ended(fake: FakeVllm, fake_app_url: str) -> None:
    """With a finish reason an answer is whole, whether or not `[DONE]` follows."""
    await answered(fake, fake_app_url, Script(raw=[HEL + piece({"content": "lo"}, "stop")]), "Hello")


@pytest.mark.parametrize("reason", ["abort", "error", "repetition", "content_filter", "of another server"])
async def test_fault_15_a_reason_that_is_no_end(fake: FakeVllm, fake_app_url: str, reason: str) -> None:
    """An answer that the server gave up is not shown as a whole one: the page says so; what had arrived stays."""
    await explained(fake, fake_app_url, Script(["Hel"], finish_reason=reason), "error_ended_early", "Hel")


async def test_fault_16_a_byte_order_mark_and_reasoning_by_its_other_name(fake: FakeVllm, fake_app_url: str) -> None:
    """As servers other than vLLM send them: nothing of the answer is lost, and the reasoning is shown."""
    raw = [b"\xef", b"\xbb\xbf" + piece({"reasoning_content": "Hm."}), HEL, piece({"content": "lo"}, "stop")]
    fake.script = Script(raw=raw)
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("Hello?")
        assert (reply.text, reply.errors) == ("Hello", [])
        assert reply.thought is not None
        assert reply.thought["text"] == "Hm."


async def test_fault_16_empty_choices_and_null_deltas(fake: FakeVllm, fake_app_url: str) -> None:
    """Events without choices, without a delta or with a null in it are passed over; the answer is whole."""
    odd = [event(choices=[]), event(choices=None), event(), piece(None), piece({}), piece({"content": None})]
    odd += [piece({"content": ""}), event(choices=[{"index": 0}])]
    raw = [*odd, HEL, *odd, piece({"content": "lo", "reasoning": None}), *odd, piece({}, "stop"), b"data: [DONE]\n\n"]
    await answered(fake, fake_app_url, Script(raw=raw), "Hello")


async def test_fault_17_characters_split_across_chunks(fake: FakeVllm, fake_app_url: str) -> None:
    """However the bytes of an answer are cut on their way, its characters are whole on the page."""
    written = "你好，宝塔 😀 — naïve"
    chunk = {"choices": [{"index": 0, "delta": {"content": written}, "finish_reason": "stop"}]}
    stream = b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\ndata: [DONE]\n\n"
    await answered(fake, fake_app_url, Script(raw=[bytes([byte]) for byte in stream], delay_s=0.002), written)
    pieces = Script(["", "你", "好", "", " 😀"])
    await answered(fake, fake_app_url, pieces, "你好 😀")


async def test_fault_17_half_a_character_is_shown_as_such(fake: FakeVllm, fake_app_url: str) -> None:
    """Half of an escaped surrogate pair is shown as U+FFFD; a pair that comes in two events is one character."""
    raw = [HEL, piece({"content": "\ud83d"}), piece({"content": "\ude00 "}), piece({"content": "\ud83d!"}, "stop")]
    await answered(fake, fake_app_url, Script(raw=raw), "Hel😀 \ufffd!")


async def test_fault_18_a_question_longer_than_the_context(fake: FakeVllm, fake_app_url: str) -> None:
    """The page says how many tokens the question has and how many fit; a shorter one works."""
    async with ChatClient(fake_app_url) as chat:
        [sentence] = (await chat.ask("x" * 3000)).errors
        assert "3,068 tokens" in sentence
        assert "1,548 fit" in sentence
        fake.script = HELLO
        assert (await chat.ask("Short")).text == "Hello there."


async def test_fault_18_a_conversation_longer_than_the_context(fake: FakeVllm, fake_app_url: str) -> None:
    """The oldest turns are left out and the page says how many; the system prompt is always sent."""
    fake.script = Script(["a" * 400])
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="Be brief.", max_tokens=500)
        replies = [await chat.ask(f"{number}" * 100) for number in range(5)]
        sent = fake.requests[-1]["messages"]
        # 2,048 less 500 for the answer hold the prompt's 9, the question's 100 and two turns of 500.
        assert sent[0] == {"role": "system", "content": "Be brief."}
        assert [message["content"][0] for message in sent[1::2]] == ["2", "3", "4"]
        assert replies[-1].status == [text("en-US", "status_left_out", count=2)]
        assert replies[2].status == []


async def test_fault_19_json_cut_by_the_limit(fake: FakeVllm, fake_app_url: str) -> None:
    """JSON that was cut is not called valid: the page says at which limit, shows what there is, and can go on."""
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(['{"a": 1, "b'], finish_reason="length")
        reply = await chat.ask("Hello?", json_mode=True)
        assert (reply.verdict, reply.text, reply.errors) == ("cut", '{"a": 1, "b', [])
        assert reply.json_facts["ending"] == text("en-US", "json_ending_cut", max_tokens=500)
        assert reply.canvas is not None
        assert reply.canvas["result"]["partial"] is not None
        fake.script = Script(['": 2}'])
        done = await chat.act("json_continue", reply.canvas_id)
        assert done.verdict == "valid"
        assert done.canvas is not None
        assert json.loads(done.canvas["text"]) == {"a": 1, "b": 2}
