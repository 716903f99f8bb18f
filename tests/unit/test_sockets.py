"""Sockets by address, and what is left of a session when it is gone; in a process as the app is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COUNTED = """
from chat.ui.sockets import SocketCount
count = SocketCount(2)
assert count.opened("a", "1.1.1.1")
assert count.opened("b", "1.1.1.1")
assert not count.opened("c", "1.1.1.1")
assert count.opened("d", "2.2.2.2")
count.closed("c")  # never counted
assert not count.opened("e", "1.1.1.1")
count.closed("a")
count.closed("a")
assert count.opened("f", "1.1.1.1")
assert not count.opened("g", "1.1.1.1")
for sid in "bdf":
    count.closed(sid)
assert not count._count and not count._address
"""

NAMED = """
from pydantic import ValidationError
from chat.ui.sockets import Introduction
Introduction.model_validate({"sessionId": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "clientType": "webapp"})
for session_id in ("..", "../../x", "/home", "", "a" * 36, None):
    try:
        Introduction.model_validate({"sessionId": session_id, "clientType": "webapp"})
    except ValidationError:
        continue
    raise AssertionError(session_id)
"""

# Chainlit keeps the messages for as long as the process runs.
FORGOTTEN = """
import asyncio
from chainlit.chat_context import chat_contexts
from chainlit.session import WebsocketSession
from chat.settings import Settings
from chat.ui import sockets
sockets.install(Settings())
async def main():
    session = WebsocketSession("id", "sid", None, None, {}, "webapp")
    chat_contexts["id"] = []
    await session.delete()
    assert "id" not in chat_contexts
    assert WebsocketSession.get_by_id("id") is None
asyncio.run(main())
"""


def run(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_sockets_are_counted_for_each_address() -> None:
    run(COUNTED)


def test_the_id_of_a_session_is_no_path() -> None:
    run(NAMED)


def test_the_messages_of_a_session_go_with_it() -> None:
    run(FORGOTTEN)
