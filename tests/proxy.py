"""A reverse proxy as some are: it passes no WebSocket on, or closes connections on which nothing has come for a while.

`async with Proxy(port) as proxy:` listens on `proxy.url`. Bytes go through as they are, on a connection to the
app for each one here.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType


class Proxy:
    """`cut` counts the connections that it closed for their silence, `refused` the upgrades that it did not pass on."""

    def __init__(self, port: int, *, websockets: bool = True, idle_s: float | None = None) -> None:
        self._port, self._websockets, self._idle_s = port, websockets, idle_s
        self.cut = self.refused = 0
        self._through: set[asyncio.Task[None]] = set()
        self._ending = False

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._ending = True
        await asyncio.gather(*self._through)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._through.add(task)
        task.add_done_callback(self._through.discard)
        from_app, to_app = await asyncio.open_connection("127.0.0.1", self._port)
        last = _Last(asyncio.get_running_loop().time())
        ways = [
            asyncio.create_task(self._pass(reader, to_app, last, asked=True)),
            asyncio.create_task(self._pass(from_app, writer, last, asked=False)),
        ]
        try:
            while not self._ending and not any(way.done() for way in ways):
                await asyncio.wait(ways, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
                if self._idle_s is not None and asyncio.get_running_loop().time() - last.at > self._idle_s:
                    self.cut += 1
                    break
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            to_app.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: _Last, *, asked: bool
    ) -> None:
        while data := await reader.read(65_536):
            last.at = asyncio.get_running_loop().time()
            if asked and not self._websockets:
                data, count = re.subn(rb"(?i)\r\nupgrade: websocket", b"\r\nx-upgrade: websocket", data)
                self.refused += count
            writer.write(data)
            await writer.drain()


class _Last:
    """When something came through a connection last, either way."""

    def __init__(self, at: float) -> None:
        self.at = at
