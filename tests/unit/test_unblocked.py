"""What Chainlit is kept from, in a process as it is started."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import chainlit.cli  # as `chainlit run` begins: it has asyncio patched
import asyncio, _asyncio, inspect, time
from chainlit.server import sio
from engineio import AsyncServer
from engineio.async_socket import AsyncSocket
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
    # The writer of a socket has all that waits, and the end alone; each is accounted for.
    eio = AsyncServer(async_mode="asgi")
    socket = AsyncSocket(eio, "socket")
    socket.upgraded = True
    waits = asyncio.create_task(socket.poll())
    await asyncio.sleep(0)
    eio.ping_interval = eio.ping_timeout = None  # what a time limit would be made of
    for packet in ("a", "b", None):
        socket.queue.put_nowait(packet)
    assert await waits == ["a", "b"]
    assert await socket.poll() == []
    await socket.queue.join()
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
