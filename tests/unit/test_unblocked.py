"""What Chainlit is kept from, in a process as it is started."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import chainlit.cli  # as `chainlit run` begins: it has asyncio patched
import asyncio, _asyncio, inspect, time
from chainlit.server import sio
from engineio.exceptions import SocketIsClosedError
assert asyncio.Task is not _asyncio.Task
from chat.ui import unblocked
unblocked.install()
async def main():
    assert type(asyncio.current_task()) is _asyncio.Task
    assert type(asyncio.get_event_loop().create_future()) is _asyncio.Future
    sent = []
    async def send(sid, packet):
        sent.append((sid, packet.encode()))
        raise SocketIsClosedError  # as for a page that is gone
    sio.eio.send_packet = send
    sio.manager.basic_enter_room("page", "/", "page", eio_sid="socket")
    await sio.emit("task_start", {"of": [1]}, to="page")
    await sio.emit("task_start", {}, to="nobody")
    assert sent == [("socket", '42["task_start",{"of":[1]}]')]
    nested = asyncio.sleep(0)
    try:
        asyncio.get_event_loop().run_until_complete(nested)
    except RuntimeError as error:
        nested.close()
        return str(error)
def no_sleep(_seconds):
    raise AssertionError("Chainlit slept")
time.sleep = no_sleep
from chainlit.message import MessageBase, Message
MessageBase.__post_init__ = lambda self: None
Message(content="made without a pause")
print(asyncio.run(main()))
"""


def test_asyncio_runs_natively_and_neither_messages_nor_events_hold_up_anybody() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "This event loop is already running"
