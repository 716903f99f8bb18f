"""What can be done with an answer: again, other versions, more of it, an edited question, the reasoning before it."""

from __future__ import annotations

from typing import Any

from chat.texts import text
from tests.chat_client import ChatClient, Reply
from tests.fake_vllm import FakeVllm, Script

SYSTEM = 1  # messages before the first question


def sent(fake: FakeVllm) -> list[Any]:
    """The last prompt but its system prompt."""
    return [message["content"] for message in fake.requests[-1]["messages"][SYSTEM:]]


async def test_regenerating_keeps_the_versions_and_the_one_shown_is_remembered(
    fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatClient(fake_app_url) as chat:
        replies: list[Reply] = []
        for number in range(3):
            fake.script = Script([f"answer {number}"])
            replies.append(await (chat.act("answer_regenerate", replies[0].answer_id) if replies else chat.ask("Q")))
        answer = replies[0].answer_id
        assert [reply.text for reply in replies] == ["answer 0", "answer 1", "answer 2"]
        assert [reply.version for reply in replies] == [(1, 1), (2, 2), (3, 3)]
        assert {reply.answer_id for reply in replies} == {answer}
        assert sent(fake) == ["Q"]
        start = len(chat.events)
        assert await chat.call("answer_version", {"id": answer, "number": 2}) == {"ok": True}
        shown = chat.reply(start)
        assert (shown.text, shown.version) == ("answer 1", (2, 3))
        await chat.ask("Next")
        assert sent(fake) == ["Q", "answer 1", "Next"]


async def test_an_older_answer_is_asked_for_as_it_was_and_later_turns_stay(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["one"])
        first = await chat.ask("1")
        fake.script = Script(["two"])
        await chat.ask("2")
        fake.script = Script(["one again"])
        assert (await chat.act("answer_regenerate", first.answer_id)).text == "one again"
        assert sent(fake) == ["1"]
        await chat.ask("3")
        assert sent(fake) == ["1", "one again", "2", "two", "3"]


async def test_a_question_that_failed_is_asked_again(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(status=500)
        failed = await chat.ask("Q")
        assert failed.errors == [text("en-US", "error_backend_failing")]
        assert failed.line is not None
        assert failed.line["actions"] == {"copy": False, "regenerate": True, "continue": False}
        fake.script = Script(["ok"])
        again = await chat.act("answer_regenerate", failed.answer_id)
        # The failure is no version of the answer.
        assert (again.text, again.errors, again.version) == ("ok", [], (1, 1))
        fake.script = Script(status=503)
        failed = await chat.act("answer_regenerate", again.answer_id)
        assert (failed.text, failed.errors) == ("ok", [text("en-US", "error_backend_busy")])
        assert failed.version == (1, 1)
        fake.script = Script(["yes"])
        await chat.ask("Next")
        assert sent(fake) == ["Q", "ok", "Next"]


async def test_a_version_stopped_before_its_first_token_leaves_the_earlier_one(
    fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["first"])
        first = await chat.ask("Q")
        fake.script, asked = Script(["late"], delay_s=30), len(fake.requests)
        start, ended = len(chat.events), chat.count("task_end")
        assert await chat.call("answer_regenerate", {"id": first.answer_id}) == {"ok": True}
        await fake.until(lambda: len(fake.requests) > asked)
        busy = {"error": text("en-US", "answer_busy")}
        for event in ("answer_regenerate", "answer_continue"):
            assert await chat.call(event, {"id": first.answer_id}) == busy
        assert await chat.call("answer_version", {"id": first.answer_id, "number": 1}) == busy
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        left = chat.reply(start)
        assert (left.text, left.version, left.status, left.errors) == ("first", (1, 1), [], [])


async def test_a_json_answer_has_versions_too(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(['{"a":', " 1}"])
        first = await chat.ask("Q", json_mode=True)
        fake.script = Script(['{"a":', " 2"], finish_reason="length")
        second = await chat.act("answer_regenerate", first.answer_id)
        assert fake.requests[-1]["response_format"] == {"type": "json_object"}
        assert (first.verdict, second.verdict) == ("valid", "cut")
        assert (second.version, second.answer_id) == ((2, 2), first.answer_id)
        assert second.canvas_id != first.canvas_id
        # Its own buttons are those of the version shown.
        fake.script = Script(["}"])
        longer = await chat.act("json_continue", second.canvas_id)
        assert longer.canvas is not None
        assert longer.canvas["text"] == '{"a": 2}'
        start = len(chat.events)
        await chat.call("answer_version", {"id": first.answer_id, "number": 1})
        shown = chat.reply(start)
        assert shown.canvas is not None
        assert (shown.canvas_id, shown.canvas["text"]) == (first.canvas_id, '{"a": 1}')
        lines = await chat.call("json_export", {"id": first.canvas_id, "pane": "answer", "format": "jsonl"})
        assert lines["text"].count("\n") == 1
        await chat.ask("Next")
        assert sent(fake) == ["Q", '{"a": 1}', "Next"]


async def test_a_json_answer_that_failed_is_asked_for_again(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(status=500)
        failed = await chat.ask("Q", json_mode=True)
        assert failed.errors == [text("en-US", "error_backend_failing")]
        assert chat.count("remove_element") == 1
        fake.script = Script(['{"a": 1}'])
        again = await chat.act("answer_regenerate", failed.answer_id)
        assert (again.verdict, again.errors, again.version) == ("valid", [], (1, 1))


async def test_a_cut_answer_goes_on(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["one ", "two "], finish_reason="length")
        cut = await chat.ask("Count")
        assert cut.line is not None
        assert cut.line["actions"]["continue"]
        # A reasoning parser without the mark of its end calls all that comes reasoning.
        fake.script = Script([], reasoning=["three ", "four"])
        longer = await chat.act("answer_continue", cut.answer_id)
        assert (longer.text, longer.version, longer.thought) == ("one two three four", (1, 1), None)
        request = fake.requests[-1]
        assert request["continue_final_message"] is True
        assert request["messages"][-1] == {"role": "assistant", "content": "one two "}
        assert longer.line is not None
        assert not longer.line["actions"]["continue"]
        refused = await chat.call("answer_continue", {"id": cut.answer_id})
        assert refused == {"error": text("en-US", "answer_cannot_continue")}
        await chat.ask("Next")
        assert sent(fake) == ["Count", "one two three four", "Next"]


async def test_the_error_of_an_edited_question_is_shown_and_it_can_be_asked_again(
    fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["ok"])
        first = await chat.ask("Q")
        fake.script = Script(status=500)
        edited = await chat.ask("Q, edited", message_id=first.question_id)
        assert edited.errors == [text("en-US", "error_backend_failing")]
        gone = {"error": text("en-US", "answer_gone")}
        assert await chat.call("answer_regenerate", {"id": first.answer_id}) == gone
        fake.script = Script(["fine"])
        assert (await chat.act("answer_regenerate", edited.answer_id)).text == "fine"
        assert sent(fake) == ["Q, edited"]
        # Edited once more, the question itself stays on the page.
        await chat.ask("Q, twice", message_id=first.question_id)
        assert first.question_id not in [message["id"] for message in chat.of("delete_message")]
        assert {edited.answer_id, first.answer_id} <= {message["id"] for message in chat.of("delete_message")}


async def test_fault_57_an_edit_during_a_stream(fake: FakeVllm, fake_app_url: str) -> None:
    """The answer under way is ended, and the edited question answered as if what came after had not been."""
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["ok"])
        first = await chat.ask("1")
        fake.script, before, asked = Script(["word "] * 1000, delay_s=0.5), fake.aborted, len(fake.requests)
        await chat.send("2")
        await fake.until(lambda: len(fake.requests) > asked)
        fake.script, ended = Script(["new"]), chat.count("task_end")
        await chat.send("1, edited", message_id=first.question_id)
        await chat.until(lambda: chat.count("task_end") >= ended + 2)
        await fake.until(lambda: fake.aborted > before)
        assert chat.reply().text == "new"
        fake.script = Script(["yes"])
        await chat.ask("3")
        assert sent(fake) == ["1, edited", "new", "3"]


async def test_reasoning_is_apart_from_answer_json_and_prompt(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["Forty", "-two"], reasoning=["six ", "times 😀 ", "seven"], delay_s=0.1)
        reply = await chat.ask("6 x 7?")
        assert reply.text == "Forty-two"
        assert "".join(reply.flushes) == "Forty-two"
        assert reply.thought is not None
        assert (reply.thought["text"], reply.thought["thinking"]) == ("six times 😀 seven", False)
        assert reply.thought["name"].startswith("Thought for 0.")
        fake.script = Script(['{"a": 1}'], reasoning=["Hm {"])
        json = await chat.ask("As JSON", json_mode=True)
        assert (json.verdict, json.text) == ("valid", '{\n  "a": 1\n}')
        assert json.thought is not None
        assert json.thought["text"] == "Hm {"
        fake.script = Script(["ok"])
        again = await chat.act("answer_regenerate", json.answer_id)
        assert again.thought is None
        start = len(chat.events)
        await chat.call("answer_version", {"id": json.answer_id, "number": 1})
        shown = chat.reply(start)
        assert shown.thought is not None
        assert shown.thought["text"] == "Hm {"
        await chat.ask("Next")
        assert sent(fake) == ["6 x 7?", "Forty-two", "As JSON", '{"a": 1}', "Next"]


async def test_stop_while_thinking_and_answers_that_are_all_reasoning(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script(["late"], reasoning=["Hm"] * 300, delay_s=0.1)
        ended = chat.count("task_end")
        await chat.send("Q")
        await chat.until(lambda: chat.count("thought_delta") >= 1)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        stopped = chat.reply()
        assert stopped.thought is not None
        assert stopped.thought["text"].startswith("HmHm")
        assert not stopped.thought["thinking"]
        assert (stopped.text, stopped.status) == ("", [text("en-US", "status_stopped")])
        for ending, sentence in (("stop", "answer_only_thought"), ("length", "answer_cut_thinking")):
            fake.script = Script([], reasoning=["Hm"], finish_reason=ending)
            reply = await chat.act("answer_regenerate", stopped.answer_id)
            assert reply.text == text("en-US", sentence, max_tokens=500)
            assert reply.errors == []
        fake.script = Script(["yes"])
        await chat.ask("Next")
        assert sent(fake) == ["Next"]  # a question without an answer is not sent again


async def test_an_empty_answer_is_called_so(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        fake.script = Script([])
        assert (await chat.ask("Q")).text == text("en-US", "answer_empty")


async def test_the_text_of_an_answer_is_as_the_model_wrote_it(fake: FakeVllm, fake_app_url: str) -> None:
    written = "It costs $5 to $7."
    fake.script = Script([written])
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("How much?")
        assert reply.text != written  # on the page, no formula
        assert await chat.call("answer_text", {"id": reply.answer_id}) == {"text": written}
        assert reply.line is not None
        assert reply.line["actions"]["copy"] is True
        assert await chat.call("answer_text", {"id": "another"}) == {"error": text("en-US", "answer_gone")}
