"""Where Chainlit 2.12 makes everybody in the process wait for one, it is kept from it.

- Each message and step that it makes sleeps a millisecond, without letting others run: three of them before the first
  token of each answer.
- It has asyncio run in pure Python, so that one event loop can be run inside another (nest_asyncio). The only use of
  that is asking for the chat profiles while a session connects, which blocks all others until the model server has
  answered; the profiles here have no configuration of their own to ask for.
- It writes the properties of each element of the page into a file, by another thread, which nothing reads: they go to
  the page with the element.
- Python looks through the half million objects of Chainlit's modules every so often for what is no longer used: 100 ms
  in which nobody's answer moves. They stay; it need not look at them.
"""

from __future__ import annotations

import _asyncio
import asyncio
import gc
import sys
import time
from asyncio import events, futures, runners, tasks
from types import SimpleNamespace
from typing import Any

from chainlit.config import config
from chainlit.element import CustomElement
from chainlit.session import WebsocketSession


def install() -> None:
    """To be called once, while `app.py` loads: before the event loop runs."""
    for name in ("chainlit.message", "chainlit.step"):
        module: Any = sys.modules[name]
        module.time = SimpleNamespace(time=time.time, sleep=lambda _seconds: None)
    session: Any = WebsocketSession
    session.get_config = lambda _session: config
    element: Any = CustomElement
    element._create = _create
    _run_natively()
    gc.collect()
    gc.freeze()


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
