"""HTTP/1.1 over asyncio's own transports: kept-alive connections that stamp what arrives with a clock.

Written by hand because of what it costs: aiohttp's reader takes 1.5 to 1.9 times the processor time, more than 5 % of a
core for 100 streams (`python -m tests.load.bench_client` prints both), and a client that is busy stamps late. asyncio
itself allocates 256 KiB for each read, which costs as much as all the rest; here all connections read into one buffer.
Limits: no proxies, redirects or compression; a measurement goes straight to the server.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

Sink = Callable[[float, bytes], None]
Clock = Callable[[], float]
TIMEOUT_S = 600.0


class Broken(ConnectionError):
    """The connection ended before the response did; `fresh` where not a byte of it had come."""

    def __init__(self, message: str, fresh: bool) -> None:
        super().__init__(message)
        self.fresh = fresh


class BadBody(Exception):
    """Raised by a sink that can make nothing of what came: it ends the request, and whoever asked is told."""


class Connection(asyncio.BufferedProtocol):
    """One connection; one request at a time. `sink` is called with the time and bytes of the body as they come."""

    def __init__(self, clock: Clock, buffer: memoryview) -> None:
        self._clock = clock
        self._buffer = buffer
        self._done: asyncio.Future[int] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, sink: Sink) -> asyncio.Future[int]:
        """Send; the future holds the status once the response is complete."""
        self._sink = sink
        self._rest = b""
        self._status: int | None = None
        self._begun = False
        self._chunked = False
        self._left: int | None = None  # bytes still to come; None: until the connection closes
        self._keep = True
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._done

    def close(self) -> None:
        self.closed = True
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._done is None or self._done.done():
            return
        if self._status is not None and not self._chunked and self._left is None:
            self._done.set_result(self._status)
        else:
            what = str(error) if error else "the server closed the connection"
            self._done.set_exception(Broken(what, fresh=not self._begun))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        now = self._clock()
        data = bytes(self._buffer[:nbytes])
        if self._done is None or self._done.done():
            return self.close()  # nobody asked, or nobody waits any more
        self._begun = True
        try:
            self._take(now, data)
        except BadBody as error:
            self._done.set_exception(error)
            self.close()
        except ValueError as error:
            self._done.set_exception(Broken(f"not HTTP: {error}", fresh=False))
            self.close()

    def _take(self, now: float, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self._status is None:
            head, separator, data = data.partition(b"\r\n\r\n")
            if not separator:
                self._rest = head
                return
            self._read_head(head)
        if self._chunked:
            if self._unchunk(now, data):
                self._finish()
            return
        if data:
            self._sink(now, data)
        if self._left is not None:
            self._left -= len(data)
            if self._left <= 0:
                self._finish()

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        if not first.startswith(b"HTTP/1."):
            raise ValueError(repr(first[:40]))
        self._status = int(first.split()[1])
        for line in lines:
            name, _, value = line.partition(b":")
            name, value = name.strip().lower(), value.strip().lower()
            if name == b"content-length":
                self._left = int(value)
            elif name == b"transfer-encoding" and value == b"chunked":
                self._chunked = True
            elif name == b"connection" and value == b"close":
                self._keep = False

    def _unchunk(self, now: float, data: bytes) -> bool:
        """Hand on whole chunks and keep the rest; True after the last one."""
        at = 0
        while (end := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:end].partition(b";")[0], 16)  # extensions after a semicolon are nobody's here
            after = end + 2 + size
            if len(data) < after + 2:
                break
            if size == 0:
                return True
            self._sink(now, data[end + 2 : after])
            at = after + 2
        self._rest = data[at:]
        return False

    def _finish(self) -> None:
        assert self._done is not None
        assert self._status is not None
        if not self._keep:
            self.close()
        self._done.set_result(self._status)


class Wire:
    """Connections to one host, kept for the next request. Raises OSError where it cannot be reached."""

    def __init__(self, url: str, key: str | None, clock: Clock = time.perf_counter) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.clock = clock
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: list[Connection] = []
        self._buffer = memoryview(bytearray(65536))
        bearer = f"Authorization: Bearer {key}\r\n" if key else ""
        name = f"[{self.host}]" if ":" in self.host else self.host
        self._head = f"Host: {name}:{self.port}\r\nAccept: */*\r\n{bearer}"

    def prepare(self, method: str, path: str, content: object = None) -> bytes:
        """A request's bytes, made before its clock starts."""
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        kind = "Content-Type: application/json\r\n" if body else ""
        return f"{method} {path} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def exchange(self, request: bytes, sink: Sink, timeout_s: float = TIMEOUT_S) -> int:
        """Send and wait for the end; returns the status. Raises OSError, TimeoutError, or what `sink` raises."""
        async with asyncio.timeout(timeout_s):
            while True:
                connection, is_reused = await self._connection()
                try:
                    status = await connection.send(request, sink)
                except Broken as error:
                    # It had been closed for idling, which was not noticed yet.
                    if not (is_reused and error.fresh):
                        raise
                except asyncio.CancelledError:
                    connection.close()
                    raise
                else:
                    if not connection.closed:
                        self._idle.append(connection)
                    return status

    async def fetch(self, method: str, path: str, content: object = None, timeout_s: float = 30) -> tuple[int, bytes]:
        """A whole response: status and body."""
        body: list[bytes] = []
        status = await self.exchange(
            self.prepare(method, path, content), lambda _now, data: body.append(data), timeout_s
        )
        return status, b"".join(body)

    async def _connection(self) -> tuple[Connection, bool]:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection, True
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(
            lambda: Connection(self.clock, self._buffer), self.host, self.port, ssl=self._ssl
        )
        return made, False

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
