"""A user of the page at as little cost as Python allows: engine.io spoken by hand over aiohttp's WebSocket.

tests/chat_client.py reads every event; a few hundred of it in a process would measure themselves.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass

import aiohttp


@dataclass(slots=True)
class Times:
    """What came back for a question, in seconds after it was sent; `flushes` counts the events that brought text."""

    first_s: float = 0.0
    end_s: float = 0.0
    flushes: int = 0
    text: str = ""


class User:
    """One session: `await connect(…)`, then `await ask(…)`, one question at a time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, chat_profile: str) -> None:
        self._session, self._url, self._chat_profile = session, url, chat_profile
        self._id = str(uuid.uuid4())

    async def connect(self, quiet_after: int) -> None:
        """Open the session; it is ready when `quiet_after` tasks of the app have ended."""
        await self._open()
        for _ in range(quiet_after):
            await self._frame_starting('42["task_end"')
        await self.emit("window_message", {"pagoda": "restored"})  # as the page's script does

    async def reconnect(self) -> None:
        """Come back after `drop`, and wait for the end of the answer that is under way, if one is."""
        await self._open()
        is_busy = False
        while not (frame := await self._frame()).startswith('42["set_commands"'):
            is_busy = is_busy or frame.startswith('42["task_start"')
        if is_busy:
            await self._frame_starting('42["task_end"')

    async def drop(self) -> None:
        """The connection is gone, and nobody has said goodbye."""
        await self._socket.close()

    async def _open(self) -> None:
        url = f"{self._url}/ws/socket.io/?EIO=4&transport=websocket"
        self._socket = await self._session.ws_connect(url, max_msg_size=0)
        auth = {
            "sessionId": self._id,
            "clientType": "webapp",
            "userEnv": "{}",
            "chatProfile": self._chat_profile,
            "threadId": "",
        }
        await self._frame_starting("0")
        await self._socket.send_str("40" + json.dumps(auth))
        await self._frame_starting("40")
        await self.emit("connection_successful")

    async def ask(self, question: str) -> Times:
        """Ask, and wait for the end of the answer."""
        times, start = Times(), time.perf_counter()
        await self.send(question)
        while True:
            frame = await self._frame()
            if frame.startswith('42["stream_token"') or (
                frame.startswith('42["stream_start"') and json.loads(frame[2:])[1]["output"]
            ):
                times.flushes += 1
                times.first_s = times.first_s or time.perf_counter() - start
            elif frame.startswith(('42["update_message"', '42["new_message"')):
                step = json.loads(frame[2:])[1]
                if step["type"] == "assistant_message":
                    times.text = step["output"]
            elif frame.startswith('42["task_end"'):
                times.end_s = time.perf_counter() - start
                return times

    async def send(self, question: str) -> None:
        """Ask, without waiting for anything."""
        message = {"id": str(uuid.uuid4()), "threadId": "", "name": "User", "type": "user_message", "output": question}
        message["createdAt"] = "2026-01-01T00:00:00Z"
        await self.emit("client_message", {"message": message, "fileReferences": []})

    async def first_words(self) -> None:
        """Wait until the answer has begun."""
        await self._frame_starting('42["stream_')

    async def stopped(self) -> None:
        """Stop the answer, and wait for its end."""
        await self.emit("stop")
        await self._frame_starting('42["task_end"')

    async def close(self) -> None:
        """Leave for good, as for a new chat."""
        await self.emit("clear_session")
        await self._socket.close()

    async def emit(self, *event: object) -> None:
        await self._socket.send_str("42" + json.dumps(event))

    async def _frame_starting(self, start: str) -> str:
        while not (frame := await self._frame()).startswith(start):
            pass
        return frame

    async def _frame(self) -> str:
        while (frame := await self._socket.receive_str(timeout=120)) == "2":
            await self._socket.send_str("3")
        return frame
