"""What goes wrong behind the page: a sentence on it, what had arrived is kept, the next message works."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import aiohttp
import pytest

from chat.texts import Language, text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

HELLO = Script(["Hello", " there."])
ONE_CHUNK = (
    b'data: {"id":"x","object":"chat.completion.chunk","created":0,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n'
)

# fault, what the server does, the sentence on the page, what is kept of the answer
FAULTS = {
    "refused": (Script(status=400), "error_request_refused", ""),
    "wrong_key": (Script(status=401), "error_backend_refused_key", ""),
    "unknown_model": (Script(status=404), "error_model_unknown", ""),
    "too_many_requests": (Script(status=429), "error_backend_busy", ""),
    "queue_full": (Script(status=503), "error_backend_busy", ""),
    "server_error": (Script(status=500), "error_backend_failing", ""),
    "dies_before_the_first_token": (Script([], die=True), "error_backend_broke", ""),
    "dies_mid_stream": (Script(["Hel"], die=True), "error_backend_broke", "Hel"),
    "hangs": (Script([], hang=True), "error_backend_silent", ""),
    "stalls_between_tokens": (Script(["Hel"], hang=True), "error_backend_silent", "Hel"),
    "no_finish_reason": (Script(["Hel"], finish_reason=None), "error_backend_broke", "Hel"),
    "error_event": (
        Script(raw=ONE_CHUNK + b'data: {"error": {"message": "secret-detail", "code": 500}}\n\n'),
        "error_backend_broke",
        "Hel",
    ),
    "malformed_event": (Script(raw=ONE_CHUNK + b"data: {secret-detail\n\n"), "error_backend_broke", "Hel"),
    "no_done": (Script(raw=ONE_CHUNK), "error_backend_broke", "Hel"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failing_answer_is_explained_and_the_next_one_works(
    fake: FakeVllm, fake_app_url: str, fault: str
) -> None:
    fake.script, key, kept = FAULTS[fault]
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("Hello?")
        assert reply.errors == [text("en-US", key)]
        assert reply.text == kept
        assert reply.status == []  # the error has said that it was broken off
        assert "secret-detail" not in str(chat.events)
        fake.script = HELLO
        assert (await chat.ask("Again?")).text == "Hello there."
        sent = fake.requests[-1]["messages"][1:]
        kept_turn = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": kept}]
        assert sent == [*(kept_turn if kept else []), {"role": "user", "content": "Again?"}]


async def test_a_dead_engine_is_failing_not_busy(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script, fake.healthy = Script(status=503), False
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask("Hello?")).errors == [text("en-US", "error_backend_failing")]
    fake.healthy = True


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_absent_loading_restarting_and_back(tmp_path: Path, language: Language) -> None:
    port, backend_port = free_port(), free_port()
    backend_url = f"http://127.0.0.1:{backend_port}/v1"
    with app_service(port, backend_url, tmp_path / "app.log"):
        async with ChatClient(f"http://127.0.0.1:{port}", language) as chat:
            assert (await chat.ask("1")).errors == [text(language, "error_backend_absent")]
            with socket.socket() as vllm_while_loading:
                vllm_while_loading.bind(("127.0.0.1", backend_port))
                assert (await chat.ask("2")).errors == [text(language, "error_backend_loading")]
            with FakeVllm(backend_port):
                assert (await chat.ask("3")).text == "Hello there."
            [sentence] = (await chat.ask("4")).errors
            before, after = text(language, "error_backend_restarting", seconds="|").split("|")
            assert sentence.startswith(before)
            assert sentence.endswith(after)
            with FakeVllm(backend_port) as back:
                assert (await chat.ask("5")).text == "Hello there."
                # Nothing of the conversation was lost meanwhile.
                assert [m["content"] for m in back.requests[0]["messages"][1:]] == ["3", "Hello there.", "5"]


async def test_oddly_cut_streams_arrive_whole(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["", "你", "好", "", " 😀"])
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask("Hello?")).text == "你好 😀"


async def test_an_answer_tells_its_length_and_speed(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["a", "b", "c", "d", "e"], delay_s=0.1)
    async with ChatClient(fake_app_url) as chat:
        facts = (await chat.ask("Hello?")).facts
    assert facts["tokens"].endswith("→ 5 tokens")
    assert re.fullmatch(r"TTFT \d{3} ms", facts["ttft"])  # the first after 0.1 s
    assert 2 <= float(facts["rate"].split()[0]) <= 10  # four more in 0.4 s, and slack for a busy machine


async def test_stop_before_the_first_token_frees_the_server(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script, before = Script(["late"], delay_s=30), fake.aborted
    async with ChatClient(fake_app_url) as chat:
        asked, ended = len(fake.requests), chat.count("task_end")
        await chat.send("Hello?")
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        await fake.until(lambda: fake.aborted > before)
        reply = chat.reply()
        assert (reply.text, reply.status, reply.errors) == ("", [text("en-US", "status_stopped")], [])
        fake.script = HELLO
        assert (await chat.ask("Again?")).text == "Hello there."


async def test_stop_keeps_what_has_arrived(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["one ", "two ", "three ", "four"], delay_s=0.2)
    async with ChatClient(fake_app_url) as chat:
        ended = chat.count("task_end")
        await chat.send("Count")
        await chat.until(lambda: chat.count("stream_token") >= 1)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        reply = chat.reply()
        assert reply.text
        assert "one two three four".startswith(reply.text)
        assert len(reply.text) < len("one two three four")
        assert reply.status == [text("en-US", "status_stopped")]
        fake.script = HELLO
        await chat.ask("And then?")
        assert fake.requests[-1]["messages"][2] == {"role": "assistant", "content": reply.text}


async def test_an_edited_question_can_be_stopped_and_replaces_the_old_one(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        first = (await chat.ask("First")).question_id
        await chat.ask("Second")
        await chat.ask("First, edited", message_id=first)
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["First, edited"]
        fake.script, ended, asked = Script(["x"], delay_s=30), chat.count("task_end"), len(fake.requests)
        await chat.send("First, again", message_id=first)
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)


async def test_questions_in_quick_succession_are_answered_one_after_the_other(
    fake: FakeVllm, fake_app_url: str
) -> None:
    fake.script = Script(["ok"], delay_s=0.2)
    async with ChatClient(fake_app_url) as chat:
        asked = len(fake.requests)
        for number in range(3):
            await chat.send(f"question {number}")
        await fake.until(lambda: len(fake.requests) == asked + 3)
        await chat.until(lambda: chat.count("stream_start") == 3)
        sent = [[m["content"] for m in request["messages"][1:]] for request in fake.requests[asked:]]
        assert sent[2] == ["question 0", "ok", "question 1", "ok", "question 2"]


async def test_settings_hold_from_the_next_answer_on(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["a", "b"], delay_s=0.2)
    async with ChatClient(fake_app_url) as chat:
        asked, ended = len(fake.requests), chat.count("task_end")
        await chat.send("1")
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.set(temperature=0.25, top_p=0.5, max_tokens=77, seed=5, system_prompt="Be brief.")
        await chat.until(lambda: chat.count("task_end") > ended)
        await chat.ask("2")
        running, following = fake.requests[asked:]
        assert (running["temperature"], "seed" in running) == (0.7, False)
        keys = ("temperature", "top_p", "max_tokens", "seed", "n")
        assert [following[key] for key in keys] == [0.25, 0.5, 77, 5, 1]
        assert following["messages"][0] == {"role": "system", "content": "Be brief."}


def notices(chat: ChatClient) -> list[str]:
    """What was said beside the conversation."""
    said = [data["text"] for data in chat.of("window_message") if data["pagoda"] == "conversation_said"]
    return [sentence for sentence in said if sentence]


async def test_forged_settings_are_refused_and_the_old_ones_stay(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        for forged in ({"seed": "abc"}, {"temperature": 99}, {"n": 50}, {"chat_template": "x"}):
            told = len(notices(chat))
            await chat.emit("chat_settings_change", forged)
            await chat.until(lambda told=told: len(notices(chat)) > told)
        assert chat.reply().errors == []
        await chat.ask("Hello?")
        assert fake.requests[-1]["temperature"] == 0.7
        assert fake.requests[-1]["n"] == 1
        assert "chat_template" not in fake.requests[-1]


async def test_choosing_a_preset_fills_in_its_prompt(fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        shown = {field["id"]: field["initial"] for field in chat.of("chat_settings")[-1]}
        panels = chat.count("chat_settings")
        await chat.emit("chat_settings_edit", {**shown, "preset": "concise"})
        await chat.until(lambda: chat.count("chat_settings") > panels)
        shown = {field["id"]: field["initial"] for field in chat.of("chat_settings")[-1]}
        assert shown["system_prompt"] == "Answer in one short sentence."


async def test_a_full_context_leaves_out_the_oldest_turns_and_keeps_the_system_prompt(
    fake: FakeVllm, fake_app_url: str
) -> None:
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


async def test_a_question_longer_than_the_context_is_explained(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        [sentence] = (await chat.ask("x" * 3000)).errors
        assert "3,068 tokens" in sentence
        assert "1,548 fit" in sentence
        fake.script = HELLO
        assert (await chat.ask("Short")).text == "Hello there."


@pytest.mark.parametrize("blank", ["", "  \n "])
async def test_an_empty_question_asks_for_one(fake: FakeVllm, fake_app_url: str, blank: str) -> None:
    asked = len(fake.requests)
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask(blank)).errors == [text("en-US", "error_empty")]
    assert len(fake.requests) == asked


async def test_odd_characters_reach_the_model(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("NUL \x00 right-to-left \u202e zero-width \u200b 😀")
    assert fake.requests[-1]["messages"][-1]["content"] == "NUL \x00 right-to-left \u202e zero-width \u200b 😀"


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
