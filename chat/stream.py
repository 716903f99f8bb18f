"""The stream of an answer, and how long it may be silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True, slots=True)
class Stream:
    """`reply` was asked for with the patience for a first token; `between_tokens_s` is that for each further one."""

    reply: aiohttp.ClientResponse
    first_token_s: float
    between_tokens_s: float

    @property
    def received(self) -> AsyncIterator[bytes]:
        """Its bytes, as they come."""
        return self.reply.content.iter_any()

    @contextmanager
    def ending_with_its_connection(self) -> Iterator[None]:
        """Around reading it: aiohttp closes a connection with malformed HTTP, and whoever reads waits for ever."""
        protocol = self.reply.connection.protocol if self.reply.connection else None
        closed = protocol.closed if protocol is not None else None

        def end(_closed: object) -> None:
            self.reply.content.feed_eof()

        if closed is not None:
            closed.add_done_callback(end)
        try:
            yield
        finally:
            if closed is not None:
                closed.remove_done_callback(end)

    def begun(self) -> None:
        """The first token has come. Before it, the question may have stood in a queue, and a long prompt is read."""
        protocol = self.reply.connection.protocol if self.reply.connection else None
        if protocol is not None:
            protocol.read_timeout = self.between_tokens_s
            protocol.start_timeout()

    async def rest(self, seconds: float) -> None:
        """Leave the connection alone for so long: what comes meanwhile is then read at once, not token by token."""
        transport = self.reply.connection.transport if self.reply.connection else None
        if transport is None:
            await asyncio.sleep(seconds)
            return
        transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            transport.resume_reading()
