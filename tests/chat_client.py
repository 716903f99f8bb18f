"""A browser's side of the conversation without a browser: Chainlit's socket.io protocol.

async with ChatClient("http://127.0.0.1:8080") as chat:
    reply = await chat.ask("Hello")
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import socketio

Event = dict[str, Any]
PATIENCE_S = 60


@dataclass
class Reply:
    """What one question brought: the answer's text, the flushes it came in, status lines, errors.

    For a JSON answer: the verdict, what is said of it by id of the fact, and the canvas's last properties.
    `facts` has the figures of the answer by id, and `waits` what was said while it was waited for.
    `line` has the properties of the line under the answer, `thought` those of the reasoning above it, None without.
    """

    question_id: str = ""
    text: str = ""
    flushes: list[str] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    waits: list[Event] = field(default_factory=list)
    verdict: str | None = None
    json_facts: dict[str, str] = field(default_factory=dict)
    canvas: Event | None = None
    line: Event | None = None
    thought: Event | None = None
    errors: list[str] = field(default_factory=list)
    language: str | None = None

    @property
    def canvas_id(self) -> str:
        assert self.canvas is not None, self
        return str(self.canvas["id"])

    @property
    def answer_id(self) -> str:
        assert self.line is not None, self
        return str(self.line["id"])

    @property
    def version(self) -> tuple[int, int]:
        """The number of the version shown, and how many there are."""
        assert self.line is not None, self
        return self.line["version"]["number"], self.line["version"]["of"]


class ChatClient:
    """One browser session. `language` is the Accept-Language header.

    It says at once that it has nothing kept to give back, unless `restores` is off. `comes_back`: it was connected
    before, under the same `session_id`, to an app that knows it still.
    """

    def __init__(
        self,
        url: str,
        language: str = "en-US",
        session_id: str | None = None,
        *,
        restores: bool = True,
        comes_back: bool = False,
    ) -> None:
        self.url = url
        self.language = language
        self.session_id = session_id or str(uuid.uuid4())
        self.restores = restores
        self.comes_back = comes_back
        self.events: list[tuple[str, Any]] = []
        self._news = asyncio.Condition()
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("*", self._note)

    async def __aenter__(self) -> ChatClient:
        auth = {
            "sessionId": self.session_id,
            "clientType": "webapp",
            "userEnv": "{}",
            "chatProfile": "Pagoda",
            "threadId": "",
        }
        await self._socket.connect(
            self.url,
            headers={"Accept-Language": self.language},
            auth=auth,
            socketio_path="/ws/socket.io",
            transports=["websocket"],
        )
        await self._socket.emit("connection_successful")
        await self.until(lambda: self.count("chat_settings") > 0)
        # The connection's, then on_chat_start's.
        await self.until(lambda: self.count("task_end") >= (1 if self.comes_back else 2))
        if self.restores:
            await self.emit("window_message", {"pagoda": "restored"})
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._socket.disconnect()

    async def drop(self) -> None:
        """Lose the connection, without a word."""
        await self._socket.eio.disconnect(abort=True)

    async def _note(self, event: str, data: Any = None) -> None:
        async with self._news:
            self.events.append((event, data))
            self._news.notify_all()
        if event == "element" and data["name"] == "JsonCanvas" and data["props"]["result"] is None:
            await self.emit("json_ready", {"id": data["props"]["id"], "pane": "answer", "have": 0})

    def count(self, name: str) -> int:
        return len(self.of(name))

    def of(self, name: str) -> list[Any]:
        """The data of all events called `name` so far."""
        return [data for event, data in self.events if event == name]

    async def until(self, condition: Any) -> None:
        """Wait until `condition()` holds; it is looked at after every event."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(condition), PATIENCE_S)

    async def emit(self, event: str, data: Any = None) -> None:
        await self._socket.emit(event, data)

    async def call(self, event: str, data: Any = None) -> Any:
        """Emit an event and return what the app acknowledges it with."""
        return await self._socket.call(event, data, timeout=PATIENCE_S)

    async def act(self, event: str, its_id: str) -> Reply:
        """Have an answer regenerated, continued or compared, and wait for the end of it."""
        start, ended = len(self.events), self.count("task_end")
        assert await self.call(event, {"id": its_id}) == {"ok": True}
        await self.until(lambda: self.count("task_end") > ended)
        return self.reply(start)

    async def send(
        self,
        text: str,
        *,
        json_mode: bool = False,
        schema: str | None = None,
        model: str | None = None,
        message_id: str | None = None,
    ) -> str:
        """Send a question without waiting; returns the message's id. An earlier id makes it an edit."""
        new_id = message_id or str(uuid.uuid4())
        message = {
            "id": new_id,
            "threadId": "",
            "name": "User",
            "type": "user_message",
            "output": text,
            "createdAt": datetime.now(UTC).isoformat(),
            "command": "JSON" if json_mode or schema else None,
            "modes": {mode: chosen for mode, chosen in (("schema", schema), ("model", model)) if chosen} or None,
        }
        event = "edit_message" if message_id else "client_message"
        await self.emit(event, {"message": message, "fileReferences": []})
        return new_id

    async def ask(
        self,
        text: str,
        *,
        json_mode: bool = False,
        schema: str | None = None,
        model: str | None = None,
        message_id: str | None = None,
    ) -> Reply:
        """Send a question and wait for the end of its answer."""
        start, ended = len(self.events), self.count("task_end")
        question_id = await self.send(text, json_mode=json_mode, schema=schema, model=model, message_id=message_id)
        await self.until(lambda: self.count("task_end") > ended)
        reply = self.reply(start)
        reply.question_id = question_id
        return reply

    def reply(self, start: int = 0) -> Reply:
        """The reply that the events from number `start` on make."""
        reply = Reply()
        canvases: dict[str, Event] = {}
        for number, (event, data) in enumerate(self.events):
            if event == "element" and data["name"] == "JsonCanvas":
                canvases[data["props"]["id"]] = dict(data["props"])
            elif event == "json_end":
                ended = {"text": data["text"], "result": data["result"]}
                canvases[data["id"]] |= ended if data["pane"] == "answer" else {"plain": ended}
            else:
                continue
            if number >= start:
                reply.canvas = canvases[(data.get("props") or data)["id"]]
        if reply.canvas is not None and (result := reply.canvas["result"]):
            reply.verdict = result["verdict"]
            reply.json_facts = {fact["id"]: fact["text"] for fact in result["facts"]}
        thought_id = None
        for event, data in self.events[start:]:
            if event == "stream_token":
                reply.flushes.append(data["token"])
            elif event == "json_delta" and data["pane"] == "answer":
                reply.flushes.append(data["text"])
            elif event == "element" and data["name"] == "Reasoning":
                reply.thought, thought_id = data["props"], data["id"]
            elif event == "remove_element" and data["id"] == thought_id:
                reply.thought = None
            elif event == "element" and data["name"] == "AnswerStatus":
                reply.line = data["props"]
                reply.status = [item["text"] for item in data["props"]["items"] if item["id"] != "error"]
                reply.errors += [item["text"] for item in data["props"]["items"] if item["id"] == "error"]
                reply.facts = {figure["id"]: figure["text"] for figure in data["props"]["line"]}
                reply.waits += [data["props"]["wait"]] if data["props"]["wait"] else []
            elif event in ("stream_start", "new_message", "update_message"):
                if data["type"] != "assistant_message":
                    continue
                if data["isError"]:
                    reply.errors.append(data["output"])
                else:
                    if event == "stream_start":
                        reply.flushes.append(data["output"])
                    reply.text, reply.language = data["output"], data["language"]
        return reply

    async def set(self, **values: Any) -> None:
        """Confirm the settings panel with `values` changed."""
        shown = {field["id"]: field["initial"] for field in self.of("chat_settings")[-1]}
        panels = self.count("chat_settings")
        await self.emit("chat_settings_change", {**shown, **values})
        await self.until(lambda: self.count("chat_settings") > panels)
