"""JSON answers through the page's own protocol: schemas, growing canvas, continuing, comparing, taking away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.schema.choice import ANY
from chat.schema.ready import ready_schemas
from chat.texts import LANGUAGES, Language, text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script

BOOKS = {"books": [{"title": "Emma", "author": "Jane Austen"}, {"title": "Hamlet", "author": "Shakespeare"}]}
OWN = json.dumps({"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]})


def pieces(value: object) -> list[str]:
    return list(json.dumps(value))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("schema_id", list(ready_schemas()))
async def test_a_ready_schema_is_enforced_and_the_answer_matches(
    app_url: str, schema_id: str, language: Language
) -> None:
    schema = ready_schemas()[schema_id]
    async with ChatClient(app_url, language) as chat:
        reply = await chat.ask(schema.questions[language][0], schema=schema_id)
    assert reply.errors == []
    assert reply.verdict == "valid", reply
    assert list(reply.json_facts) == ["enforced", "ending", "parses", "matches"]
    assert reply.json_facts["matches"] == text(language, "json_matches", name=schema.name[language])
    assert list(json.loads(reply.text)) == list(schema.schema["properties"])
    assert reply.canvas is not None
    assert json.loads("".join(reply.flushes)) == json.loads(reply.text)


async def test_the_schema_is_asked_of_the_server_and_told_to_the_model(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces(BOOKS))
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask("List books", schema="books")).verdict == "valid"
        asked = fake.requests[-1]
        books = ready_schemas()["books"].schema
        assert asked["response_format"]["json_schema"]["schema"] == books
        assert json.loads(asked["messages"][0]["content"].splitlines()[-1]) == books
        # An id that does not exist is any object, and so is an answer with the toggle alone.
        await chat.ask("List books", schema="no such schema")
        assert fake.requests[-1]["response_format"] == {"type": "json_object"}


async def test_a_violation_is_named_with_its_place(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces({"books": [BOOKS["books"][0], {"title": 1984, "author": "Orwell"}]}))
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("List books", schema="books")
    assert reply.verdict == "mismatch"
    assert "/books/1/title" in reply.json_facts["matches"]
    assert reply.json_facts["parses"] == text("en-US", "json_parses")


@pytest.mark.parametrize("script", [Script(pieces(BOOKS), finish_reason="length"), Script(pieces(BOOKS), die=True)])
async def test_an_answer_that_did_not_end_by_itself_is_never_valid(
    fake: FakeVllm, fake_app_url: str, script: Script
) -> None:
    fake.script = script
    async with ChatClient(fake_app_url) as chat:
        assert (await chat.ask("List books", schema="books")).verdict == "cut"


async def test_a_cut_answer_keeps_what_parses_and_goes_on(fake: FakeVllm, fake_app_url: str) -> None:
    whole = json.dumps(BOOKS)
    fake.script = Script(list(whole[:40]), finish_reason="length")
    async with ChatClient(fake_app_url) as chat:
        cut = await chat.ask("List books", schema="books")
        assert cut.canvas is not None
        assert cut.canvas["result"]["can_continue"]
        assert json.loads(cut.canvas["result"]["partial"])["books"][0]["title"] == "Emma"
        fake.script = Script(list(whole[40:]))
        done = await chat.act("json_continue", cut.canvas_id)
        asked = fake.requests[-1]
        assert asked["messages"][-1] == {"role": "assistant", "content": whole[:40]}
        assert (asked["continue_final_message"], asked["add_generation_prompt"]) == (True, False)
        assert "response_format" not in asked
        assert done.verdict == "valid"
        assert json.loads(done.text) == BOOKS
        assert "".join(done.flushes) == whole[40:]
        assert done.json_facts["enforced"] == text("en-US", "json_partly_enforced")
        assert done.status == []
        assert await chat.call("json_continue", {"id": cut.canvas_id}) == {
            "error": text("en-US", "json_cannot_continue")
        }
        # The conversation holds the whole answer now.
        fake.script = Script(["ok"])
        await chat.ask("And now?")
        assert fake.requests[-1]["messages"][2]["content"] == whole


async def test_the_real_server_goes_on_where_an_answer_was_cut(app_url: str) -> None:
    async with ChatClient(app_url) as chat:
        await chat.set(max_tokens=20)
        question = ready_schemas()["recipe"].questions["en-US"][0]
        reply = await chat.ask(question, schema="recipe")
        assert reply.verdict == "cut"
        beginning = reply.text
        await chat.set(max_tokens=400)
        reply = await chat.act("json_continue", reply.canvas_id)
        assert reply.canvas is not None
        assert reply.canvas["text"].startswith(beginning)
        assert reply.verdict == "valid", reply


async def test_fault_54_stop_inside_json(fake: FakeVllm, fake_app_url: str) -> None:
    """What has come of the JSON stays, is called stopped and not valid, and can be continued."""
    fake.script = Script([*pieces(BOOKS)[:30], *[" "] * 50], delay_s=0.02)
    async with ChatClient(fake_app_url) as chat:
        ended = chat.count("task_end")
        await chat.send("List books", schema="books")
        await chat.until(lambda: chat.count("json_delta") >= 3)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        reply = chat.reply()
        assert reply.verdict == "stopped"
        assert reply.canvas is not None
        assert reply.canvas["result"]["can_continue"]
        fake.script = Script(["}"])
        assert (await chat.act("json_continue", reply.canvas_id)).errors == []


async def test_fault_20_a_loop_of_white_space(fake: FakeVllm, fake_app_url: str) -> None:
    """An answer that goes on with nothing but white space is ended, and the page says so; the next question works."""
    fake.script = Script(['{"a":', *["\n"] * 3000], delay_s=0.001)
    before = fake.aborted
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("Loop", json_mode=True)
        assert reply.verdict == "cut"
        assert reply.json_facts["ending"] == text("en-US", "json_ending_looping")
        assert reply.text.count("\n") < 1500
        assert fake.aborted == before + 1
        fake.script = Script(["ok"])
        assert (await chat.ask("Still there?")).text == "ok"


async def test_the_same_prompt_without_enforcement(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces(BOOKS))
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("List books", schema="books")
        enforced = fake.requests[-1]
        fake.script = Script(["Sure! ", *pieces(BOOKS)])
        compared = (await chat.act("json_compare", reply.canvas_id)).canvas
        plain = fake.requests[-1]
        assert {**plain, "response_format": enforced["response_format"]} == enforced
        assert compared is not None
        assert compared["result"]["verdict"] == "valid"
        assert compared["plain"]["result"]["verdict"] == "invalid"
        assert compared["plain"]["text"].startswith("Sure!")
        assert compared["plain"]["result"]["measures"]["completion_tokens"] == len(fake.script.pieces)
        facts = {fact["id"]: fact["text"] for fact in compared["plain"]["result"]["facts"]}
        assert facts["enforced"] == text("en-US", "json_not_enforced")
        # The conversation does not know of the second answer.
        await chat.ask("And now?")
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == [
            "List books",
            json.dumps(BOOKS),
            "And now?",
        ]


async def test_a_page_that_lost_the_connection_asks_for_the_rest(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces(BOOKS))
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("List books", schema="books")
        count = chat.count("json_delta")
        assert await chat.call("json_ready", {"id": reply.canvas_id, "pane": "answer", "have": 10}) == {"ok": True}
        rest = chat.of("json_delta")[count]
        assert (rest["at"], rest["text"]) == (10, json.dumps(BOOKS)[10:])
        assert chat.of("json_end")[-1]["result"]["verdict"] == "valid"


async def test_every_way_to_take_an_answer_away(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces(BOOKS))
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("List books", schema="books")
        await chat.ask("And again", schema="books")
        taken: dict[str, Any] = {}
        for name in ("json", "csv", "jsonl", "curl", "python", "pydantic"):
            asked = {"id": reply.canvas_id, "pane": "answer", "format": name}
            taken[name] = (await chat.call("json_export", asked))["text"]
        assert json.loads(taken["json"]) == BOOKS
        assert taken["csv"].splitlines()[1] == "Emma,Jane Austen"
        assert [json.loads(line)["answer"] for line in taken["jsonl"].splitlines()] == [BOOKS, BOOKS]
        assert fake.url in taken["curl"]
        assert fake.url in taken["python"]
        assert "BaseModel" in taken["pydantic"]


async def test_a_schema_of_ones_own(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces({"word": "hello"}))
    async with ChatClient(fake_app_url) as chat:
        refused = await chat.call("schema_save", {"id": None, "name": "Word", "text": "{"})
        assert refused["problems"][0]["line"] == 1
        saved = await chat.call("schema_save", {"id": None, "name": " Word ", "text": OWN})
        assert saved == {"ok": True, "id": "own-1", "own": [{"id": "own-1", "name": "Word", "text": OWN}]}
        # Saving chooses it and switches JSON on; a message that names no schema uses what was chosen last.
        assert chat.of("set_commands")[-1][0]["selected"] is True
        shown = {option["id"]: option for option in chat.of("set_modes")[-1][0]["options"]}
        assert shown["own-1"]["default"] is True
        reply = await chat.ask("A word", json_mode=True)
        assert fake.requests[-1]["response_format"]["json_schema"]["schema"] == json.loads(OWN)
        assert reply.verdict == "valid"
        # Toggling and the settings leave it alone; a name that is taken gets a number.
        await chat.set(temperature=0.1)
        await chat.ask("plain words")
        again = await chat.call("schema_save", {"id": None, "name": "Word", "text": OWN})
        assert [own["name"] for own in again["own"]] == ["Word", "Word (2)"]
        assert (await chat.call("schema_delete", {"id": "own-2"}))["own"] == saved["own"]
        kept = [m["schemas"] for m in chat.of("window_message") if m.get("pagoda") == "own_schemas_saved"][-1]
    # A new chat takes back what the browser kept, and nothing that is not a schema.
    async with ChatClient(fake_app_url) as chat:
        assert "restore" in [message["pagoda"] for message in chat.of("window_message")]
        await chat.emit("window_message", {"pagoda": "own_schemas", "schemas": [*kept, 5, {"name": "x", "text": "{"}]})
        await chat.until(lambda: chat.of("set_modes")[-1][0]["options"][-2]["name"] == "Word")


async def test_choosing_a_schema_offers_fitting_questions(fake_app_url: str) -> None:
    async with ChatClient(fake_app_url, "zh-CN") as chat:
        await chat.emit("window_message", {"pagoda": "schema_chosen", "name": ready_schemas()["quiz"].name["zh-CN"]})

        def bars() -> list[dict[str, Any]]:
            return [message for message in chat.of("window_message") if message["pagoda"] == "schema_bar"]

        await chat.until(bars)
        assert bars()[-1]["questions"] == list(ready_schemas()["quiz"].questions["zh-CN"])
        await chat.emit("window_message", {"pagoda": "schema_open"})
        await chat.until(lambda: chat.count("set_sidebar_elements") > 0)
        props = chat.of("set_sidebar_elements")[-1]["elements"][0]["props"]
        assert (props["view"], props["chosen"], len(props["ready"])) == ("schema", "quiz", 8)
        await chat.call("schema_choose", {"id": ANY})
        assert bars()[-1]["id"] is None


async def test_schemas_from_an_example_and_from_a_pydantic_class(fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        made = await chat.call("schema_from_example", {"text": json.dumps(BOOKS)})
        assert json.loads(made["text"])["properties"]["books"]["type"] == "array"
        source = "class Book(BaseModel):\n    title: str\n    year: int | None = None\n"
        made = await chat.call("schema_from_pydantic", {"text": source})
        assert json.loads(made["text"])["required"] == ["title"]
        wrong = await chat.call(
            "schema_from_pydantic", {"text": "class Book(BaseModel):\n    title: open('/etc/passwd')\n"}
        )
        assert wrong["line"] == 2
        assert wrong["error"]
        assert (await chat.call("schema_from_example", {"text": "{"}))["error"]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("json_ready", None),
        ("json_ready", {"id": ["a"], "pane": "answer", "have": 0}),
        ("json_ready", {"id": "x", "pane": "answer", "have": -1}),
        ("json_export", {"id": "x", "pane": "__class__", "format": "json"}),
        ("json_export", {"id": "x", "pane": "answer", "format": "../../etc/passwd"}),
        ("json_continue", {"id": "x", "more": 1}),
        ("schema_save", {"id": None, "name": 5, "text": "{}"}),
        ("schema_check", "text"),
    ],
)
async def test_a_forged_event_gets_a_sentence_and_harms_nothing(fake_app_url: str, event: str, data: object) -> None:
    async with ChatClient(fake_app_url) as chat:
        assert await chat.call(event, data) == {"error": text("en-US", "error_unknown")}
        assert (await chat.call("schema_check", {"text": "{}"})).keys() == {"problems"}


async def test_an_edited_question_gets_a_canvas_of_its_own(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces(BOOKS))
    async with ChatClient(fake_app_url) as chat:
        first = await chat.ask("List books", schema="books")
        await chat.ask("More", schema="books")
        fake.script = Script(pieces({"books": BOOKS["books"][:1]}))
        edited = await chat.ask("One book", schema="books", message_id=first.question_id)
        assert edited.canvas_id != first.canvas_id
        # What the edit dropped is gone, from the conversation's download, too.
        lines = await chat.call("json_export", {"id": edited.canvas_id, "pane": "answer", "format": "jsonl"})
        assert [json.loads(line)["question"] for line in lines["text"].splitlines()] == ["One book"]
        gone = {"id": first.canvas_id, "pane": "answer", "format": "json"}
        assert (await chat.call("json_export", gone)) == {"error": text("en-US", "json_nothing_to_take")}


async def test_a_canvas_of_another_session_is_not_there(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(pieces(BOOKS))
    async with ChatClient(fake_app_url) as chat, ChatClient(fake_app_url) as other:
        reply = await chat.ask("List books", schema="books")
        asked = {"id": reply.canvas_id, "pane": "answer", "format": "json"}
        assert (await other.call("json_export", asked)) == {"error": text("en-US", "json_nothing_to_take")}
        await other.emit("window_message", {"pagoda": "schema_chosen", "name": {"a": 1}})
        await other.emit("window_message", ["anything"])
        assert (await other.ask("Still there?", json_mode=True)).errors == []
