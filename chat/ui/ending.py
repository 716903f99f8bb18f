"""What SIGTERM and Ctrl-C do: the page ends in good order, which uvicorn by itself would not do.

No question is taken any more, and `/ready` and the banner say so. Answers under way have `PAGODA_SHUTDOWN_TIMEOUT_S`;
what is not done by then is cut, with a sentence, and what has arrived stays. Then the sockets are closed, and the
process ends with code 0. A second signal ends it at once.

Where the app cannot listen at its address, it ends with code 1; Chainlit would call it available, and end with 0.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from types import FrameType
from typing import Any

import uvicorn
from chainlit import server

from chat.limits import AtOnce
from chat.shutdown import SHUTDOWN
from chat.ui.banner import Banner

logger = logging.getLogger(__name__)

# For the sentence under each answer that is cut, for what is on its way to the pages, and for browsers to close.
LAST_WORDS_S, ON_ITS_WAY_S, CLOSE_S = 3, 2, 2
# Where a whole group of processes is ended, a signal may come from two sides at once.
SAME_SIGNAL_S = 1.0


class Ending:
    """How this process ends."""

    def __init__(self, timeout_s: float, at_once: AtOnce, banner: Banner) -> None:
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._banner = banner

    async def in_good_order(self) -> None:
        """Until nothing is under way any more; takes little longer than it may."""
        count = self._at_once.under_way
        logger.warning("asked to end: no more questions; %d answers under way have %g s", count, self._timeout_s)
        await self._banner.tell()
        if not await _in_time(self._at_once.none_under_way(), self._timeout_s):
            logger.warning("cut, as their time is over: %d answers", self._at_once.under_way)
            SHUTDOWN.cut()
            await _in_time(self._at_once.none_under_way(), LAST_WORDS_S)
        sockets: Any = server.sio.eio.sockets
        await _in_time(asyncio.gather(*(page.queue.join() for page in sockets.values())), ON_ITS_WAY_S)


async def _in_time(what: Any, seconds: float) -> bool:
    try:
        await asyncio.wait_for(what, seconds)
    except TimeoutError:
        return False
    return True


def cannot_listen(host: str, port: int) -> str | None:
    """Why not, in the system's words; None if it can."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return None
    except OSError as error:
        return (error.strerror or str(error)).partition(" (")[0]


def install(timeout_s: float, at_once: AtOnce, banner: Banner) -> None:
    """To be called once, while `app.py` loads: before uvicorn listens to signals."""
    ending = Ending(timeout_s, at_once, banner)
    uvicorn_server: Any = uvicorn.Server
    close_all = uvicorn_server.handle_exit
    tasks: set[asyncio.Task[None]] = set()

    async def end(of: uvicorn.Server, number: int) -> None:
        try:
            await ending.in_good_order()
        finally:
            of.config.timeout_graceful_shutdown = CLOSE_S
            close_all(of, number, None)

    def begin(of: uvicorn.Server, number: int) -> None:
        tasks.add(asyncio.create_task(end(of, number)))

    def handle_exit(of: uvicorn.Server, number: int, _frame: FrameType | None) -> None:
        if SHUTDOWN.began_at is None:
            SHUTDOWN.began_at = time.monotonic()
            at_once.closed = True
            asyncio.get_running_loop().call_soon_threadsafe(begin, of, number)
        elif time.monotonic() - SHUTDOWN.began_at > SAME_SIGNAL_S:
            os._exit(128 + number)

    start = uvicorn_server.startup

    async def startup(of: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        if problem := cannot_listen(of.config.host, of.config.port):
            sys.exit(f"Pagoda cannot start: port {of.config.port} of {of.config.host}: {problem}; --port N is another.")
        await start(of, sockets=sockets)

    uvicorn_server.handle_exit = handle_exit
    uvicorn_server.startup = startup
