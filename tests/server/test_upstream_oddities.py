"""What listens where a model server should, and is none, or one that sends nonsense, too much, or too slowly.

Each reply is written to the socket as it stands here: a framework would not send most of them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import httpx

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import free_port
from tests.fault_client import HEL, piece
from tests.processes import Service, app_service

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
CHAT = "/v1/chat/completions"
LONG = "hello " * 20  # has to be counted


def http(body: bytes | str, status: str = "200 OK", *headers: str) -> bytes:
    """A reply that ends with its connection."""
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""])
    return head.encode() + (body.encode() if isinstance(body, str) else body)


GOOD: dict[str, Reply] = {
    "/v1/models": http(json.dumps({"data": [{"id": "odd", "max_model_len": 200}]})),
    "/health": http(""),
    "/metrics": http("vllm:num_requests_waiting 0\n"),
    "/tokenize": http('{"count": 5}'),
    CHAT: http(HEL + piece({"content": "lo"}, "stop")),
}


class Upstream:
    """`replies` are those that differ from `GOOD`, by path; `app` is the page in front of it."""

    def __init__(self, url: str, app: Service) -> None:
        self.url, self.app = url, app
        self.replies: dict[str, Reply] = {}
        self.under_way: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            reply = self.replies.get(path, GOOD.get(path, http("", "404 Not Found")))
            if callable(reply):
                await reply(writer)
            else:
                writer.write(reply)
                await writer.drain()
        writer.close()

    async def until(self, path: str, status: int) -> httpx.Response:
        """Wait until the page answers so."""
        async with httpx.AsyncClient() as client:
            while True:
                reply = await client.get(self.url + path)
                if reply.status_code == status:
                    return reply
                await asyncio.sleep(0.1)


@asynccontextmanager
async def upstream(log: Path, **settings: str) -> AsyncIterator[Upstream]:
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", log, **settings) as app:
        made = Upstream(f"http://127.0.0.1:{port}", app)
        listening = await asyncio.start_server(made.answer, "127.0.0.1", backend_port)
        try:
            yield made
        finally:
            listening.close()
            for task in made.under_way:
                task.cancel()
            await asyncio.gather(*made.under_way)


NO_MODELS = [http("<html>x</html>"), http("x", "500 X", "Content-Type: text/html; charset=hex")]


async def test_what_is_no_list_of_models(tmp_path: Path) -> None:
    """The page gets its settings, the banner and /ready say failing, a question says so, and all is well later."""
    async with upstream(tmp_path / "app.log") as odd, asyncio.timeout(120):
        for reply in NO_MODELS:
            odd.replies = {"/v1/models": reply}
            async with ChatClient(odd.url) as chat:  # it has come once the settings have
                answer = await chat.ask("Hello?")
                assert (answer.errors, answer.status) == ([text("en-US", "error_backend_failing")], [])
                assert (await odd.until("/ready", 503)).json()["reason"] == "failing"
                await odd.until("/metrics", 200)
                await chat.until(partial(_showed, chat, "failing"))
                odd.replies = {}
                assert (await chat.ask("Again?")).text == "Hello"
                await odd.until("/ready", 200)
                await chat.until(partial(_showed, chat, "ready"))
        assert "ERROR" not in odd.app.tail()


def _showed(chat: ChatClient, reason: str) -> bool:
    """Whether the newest banner is that one."""
    said = [data for data in chat.of("window_message") if isinstance(data, dict) and data.get("pagoda") == "banner"]
    return bool(said) and said[-1]["reason"] == reason


def dripping(head: bytes) -> Reply:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.2)

    return drip


DRIPPING = [
    (CHAT, http("", "500 X"), "error_backend_failing"),
    (CHAT, b"HTTP/1.1 200 OK\r\nX: ", "error_backend_silent"),
    ("/tokenize", http(""), "error_backend_silent"),
    ("/v1/models", http(""), "error_backend_silent"),
]


async def test_a_reply_that_drips(tmp_path: Path) -> None:
    """However often a byte comes, or the server is asked again, a question ends in time: others wait for their turn."""
    limits = {f"PAGODA_{name}_TIMEOUT_S": "1" for name in ("CONNECT", "READ", "FIRST_TOKEN")}
    limits["PAGODA_ANSWER_TIMEOUT_S"] = "3"
    async with upstream(tmp_path / "app.log", **limits) as odd, ChatClient(odd.url) as chat:
        await odd.until("/ready", 200)
        for path, head, error in DRIPPING:
            odd.replies = {path: dripping(head)}
            async with asyncio.timeout(15):
                assert (path, (await chat.ask(LONG)).errors) == (path, [text("en-US", error)])
        odd.replies = {CHAT: http("", "503 Busy")}
        assert (await chat.ask("Hello?")).errors == [text("en-US", "error_answer_too_long", minutes=1)]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (len(HEL), HEL)


async def breaking_later(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    await asyncio.sleep(0.3)
    writer.write(b"zz\r\n")


MALFORMED: dict[str, tuple[Reply, str]] = {
    "garbage": (b"\x00\x01garbage\r\n\r\n", ""),
    "a_header_without_end": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", ""),
    "an_unknown_encoding": (http("x", "200 OK", "Content-Encoding: zstd"), ""),
    "two_lengths": (http(HEL, "200 OK", "Content-Length: 10", "Content-Length: 20"), ""),
    "a_redirect_to_itself": (http("", "307 X", f"Location: {CHAT}"), ""),
    "a_chunk_of_no_length": (breaking_later, "Hel"),
}
NO_COUNT = ["[]", "{}", '{"count": null}', '{"count": 1e999}', '{"count": {}}', '{"count": 1e300}', "[" * 100_000]


async def test_malformed_http_and_counts(tmp_path: Path) -> None:
    """Nothing of it is called a question that was refused, or an answer without a word; what had arrived is kept."""
    async with upstream(tmp_path / "app.log") as odd, ChatClient(odd.url) as chat, asyncio.timeout(60):
        for name, (reply, kept) in MALFORMED.items():
            odd.replies = {CHAT: reply}
            answer = await chat.ask("Hello?")
            broke = [text("en-US", "error_backend_broke")]
            assert (name, answer.errors, answer.text) == (name, broke, kept)
        for told in NO_COUNT:
            odd.replies = {"/tokenize": http(told)}
            answer = await chat.ask(LONG)
            failing = [text("en-US", "error_backend_failing")]
            assert (told[:20], answer.errors, answer.text) == (told[:20], failing, "")
        assert "ERROR" not in odd.app.tail()


def _peak_mb(app: Service) -> int:
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1000


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(http(""))
    while True:
        writer.write(b" " * 1_000_000)
        await writer.drain()


ENDLESS: list[Reply] = [endless, http(gzip.compress(bytes(300_000_000), 1), "200 OK", "Content-Encoding: gzip")]


async def test_a_reply_without_end(tmp_path: Path) -> None:
    """What the server sends, and what it would become, takes no more memory than its longest reply."""
    async with upstream(tmp_path / "app.log") as odd, ChatClient(odd.url) as chat, asyncio.timeout(120):
        await odd.until("/ready", 200)
        assert (await chat.ask("Hello?")).text == "Hello"
        before = _peak_mb(odd.app)
        for reply in ENDLESS:
            for path in ("/tokenize", "/v1/models", CHAT):
                odd.replies = {path: reply, "/metrics": reply}
                assert (await chat.ask(LONG)).errors
            await odd.until("/ready", 200)  # for which it has been asked how many wait
        assert _peak_mb(odd.app) - before < 100
