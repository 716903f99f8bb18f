"""Where Chainlit 2.12 makes everybody in the process wait for one, it is kept from it.

- Each message and step that it makes sleeps a millisecond, without letting others run: three of them before the first
  token of each answer.
- It has asyncio run in pure Python, so that one event loop can be run inside another (nest_asyncio). The only use of
  that is asking for the chat profiles while a session connects, which blocks all others until the model server has
  answered; the profiles here have no configuration of their own to ask for.
- It writes the properties of each element of the page into a file, by another thread, which nothing reads: they go to
  the page with the element.
- Each event for a page is looked through for bytes, which none has, sent by a task of its own, and compressed where the
  browser can, though most are shorter than what they come in.
- The writer of each socket makes a task and sets a timer for each packet that it waits for.
- Where many ask at once, all of them are taken up before the first has its first words (chat/door.py).
- Python looks through the half million objects of Chainlit's modules every so often for what is no longer used: 100 ms
  in which nobody's answer moves. They stay; it need not look at them.
"""

from __future__ import annotations

import _asyncio
import asyncio
import gc
import json
import sys
import time
from asyncio import events, futures, runners, tasks
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial, partialmethod
from types import SimpleNamespace
from typing import Any

import uvicorn
from chainlit import server
from chainlit.config import config
from chainlit.context import init_ws_context
from chainlit.element import CustomElement
from chainlit.session import WebsocketSession
from chainlit.socket import process_message
from chainlit.types import MessagePayload
from engineio.async_socket import AsyncSocket
from engineio.exceptions import SocketIsClosedError
from engineio.packet import MESSAGE, Packet
from socketio.packet import EVENT

from chat.door import Door
from chat.ui import questions


def install() -> None:
    """To be called once, while `app.py` loads: before the event loop runs."""
    for name in ("chainlit.message", "chainlit.step"):
        module: Any = sys.modules[name]
        module.time = SimpleNamespace(time=time.time, sleep=lambda _seconds: None)
    session: Any = WebsocketSession
    session.get_config = lambda _session: config
    element: Any = CustomElement
    element._create = _create
    manager: Any = server.sio.manager
    manager.emit = partial(_emit, manager.emit)
    eio_socket: Any = AsyncSocket
    eio_socket.poll = partialmethod(_poll, eio_socket.poll)
    uvicorn_config: Any = uvicorn.Config
    uvicorn_config.ws_per_message_deflate = property(lambda _: False, lambda _, _wanted: None)
    door = Door()

    async def client_message(sid: str, payload: Any = None) -> None:
        socket_session = WebsocketSession.require(sid)
        init_ws_context(socket_session)
        if not await questions.is_one(payload):
            return
        socket_session.current_task = asyncio.create_task(_ask(door, socket_session, payload))

    server.sio.on("client_message", client_message)
    _run_natively()
    gc.collect()
    gc.freeze()


async def _emit(
    with_callback: Callable[..., Awaitable[None]], event: str, data: object, namespace: str, **options: Any
) -> None:
    """As socketio's, which makes a task for each recipient and waits for all of them."""
    if options.get("callback"):
        await with_callback(event, data, namespace, **options)
        return
    packet = Packet(MESSAGE, f"{EVENT}{json.dumps([event, data], separators=(',', ':'))}")
    for _, recipient in server.sio.manager.get_participants(namespace, options["room"]):
        with suppress(SocketIsClosedError):
            await server.sio.eio.send_packet(recipient, packet)


async def _poll(eio_socket: Any, with_limit: Callable[[Any], Awaitable[list[Packet]]]) -> list[Packet]:
    """As engineio's, without a time limit where the page has a WebSocket, whose reader has the same one."""
    if not eio_socket.upgraded:
        return await with_limit(eio_socket)
    queue: asyncio.Queue[Packet | None] = eio_socket.queue
    packets: list[Packet] = []
    while (packet := queue.get_nowait() if packets else await queue.get()) is not None:
        queue.task_done()
        packets.append(packet)
        if queue.empty():
            return packets
    queue.task_done()
    if packets:
        queue.put_nowait(None)  # the end, which comes alone
    return packets


async def _ask(door: Door, socket_session: WebsocketSession, payload: MessagePayload) -> None:
    await door.enter()
    await process_message(socket_session, payload)


async def _create(element: CustomElement, persist: bool = True) -> bool:
    element.chainlit_key = element.id
    return True


def _run_natively() -> None:
    """Take back what nest_asyncio has put over asyncio's classes and functions."""
    patched: Any = asyncio
    if not hasattr(patched, "_nest_patched"):
        return
    policy: Any = type(events.get_event_loop_policy())
    loop: Any = type(events.get_event_loop_policy().get_event_loop())
    for owner in (policy, loop):
        for name, value in list(vars(owner).items()):
            if getattr(value, "__module__", None) == "nest_asyncio":
                delattr(owner, name)
    for module, name in ((tasks, "Task"), (futures, "Future")):
        native = getattr(_asyncio, name)
        for where, called in ((asyncio, name), (module, name), (module, f"_C{name}")):
            setattr(where, called, native)
    modules: tuple[Any, ...] = (asyncio, events)
    for where in modules:
        where.get_event_loop = _asyncio.get_event_loop
    if hasattr(_asyncio, "_get_event_loop"):
        setattr(events, "_get_event_loop", _asyncio._get_event_loop)  # noqa: B010
    asyncio.run = runners.run
    del patched._nest_patched, loop._nest_patched
