"""The stream's clock and the wire under it, byte by byte: however the bytes are cut, the same answer."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.benchmark.stream import Outcome, StreamClock, ask
from backend.benchmark.wire import Connection, Wire


def event(**values: object) -> bytes:
    return b"data: " + json.dumps(values, ensure_ascii=False).encode() + b"\n\n"


def chunk(content: str | None = None, finish_reason: str | None = None, **delta: object) -> bytes:
    if content is not None:
        delta["content"] = content
    return event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}])


USAGE = event(
    choices=[], usage={"prompt_tokens": 5, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}
)
DONE = b"data: [DONE]\n\n"


def read(*parts: bytes, status: int = 200) -> Outcome:
    """Feed parts a second apart; the request was sent at 0."""
    outcome = Outcome("p", 0, start_s=0.0)
    clock = StreamClock(outcome)
    for number, part in enumerate(parts):
        clock.feed(number + 1.0, part)
    clock.finish(status)
    return outcome


def test_vllms_definitions() -> None:
    outcome = read(chunk("", role="assistant"), chunk("a"), chunk("b"), chunk("c"), chunk("d", "stop"), USAGE + DONE)
    assert (outcome.ttft_s, outcome.e2el_s, outcome.tpot_s) == (2.0, 5.0, 1.0)
    assert outcome.itls_s == [1.0, 1.0, 1.0]
    assert (outcome.prompt_tokens, outcome.output_tokens, outcome.cached_tokens) == (5, 4, 3)
    assert (outcome.text, outcome.finish_reason, outcome.error) == ("abcd", "stop", None)


def test_tpot_counts_tokens_and_not_chunks() -> None:
    outcome = read(chunk("a"), chunk("bcd", "stop") + USAGE + DONE)
    assert outcome.tpot_s == pytest.approx(1 / 3)  # four tokens in two chunks, as with speculative decoding


def test_a_token_without_text_is_one_and_an_end_without_text_is_none() -> None:
    outcome = read(chunk("a"), chunk(""), chunk("b"), chunk(None, "stop"), DONE)
    assert (outcome.output_tokens, len(outcome.itls_s), outcome.e2el_s) == (3, 2, 4.0)


def test_thoughts_and_tool_calls_are_tokens() -> None:
    outcome = read(
        chunk(role="assistant", content=""), chunk(reasoning="hm"), chunk(tool_calls=[{}]), chunk("x", "stop")
    )
    assert (outcome.ttft_s, outcome.output_tokens) == (2.0, 3)


@pytest.mark.parametrize(
    ("parts", "status", "kind"),
    [
        ((b'{"error": {"message": "too long"}}',), 400, "HTTP 400"),
        ((b"<html>bad gateway</html>",), 502, "HTTP 502"),
        ((chunk("a"), event(error={"message": "died"}), DONE), 200, "error in the stream"),
        ((chunk("a"),), 200, "cut off"),
        ((DONE,), 200, "no token"),
    ],
)
def test_what_is_no_answer(parts: tuple[bytes, ...], status: int, kind: str) -> None:
    error = read(*parts, status=status).error
    assert error is not None
    assert error[0] == kind


def test_the_text_is_exact_whatever_is_in_it() -> None:
    words = [
        'say "hi"',
        "back\\slash",
        "\n\n",
        "字",
        "é",
        "\u2028",
        '"}',
        '"finish_reason": null',
        "data: x",
        "\U0001f600",
    ]
    outcome = read(*(chunk(word) for word in words), chunk(None, "stop"))
    assert outcome.text == "".join(words)
    assert len(outcome.itls_s) == len(words) - 1


def test_a_chunk_that_only_looks_like_the_others_is_read_as_json() -> None:
    delta = {"content": "c", "extra": "d"}
    unlike = event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    outcome = read(chunk("a"), chunk("b"), unlike, chunk("e"), chunk(None, "stop"))
    assert outcome.text == "abce"


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=8), st.lists(st.integers(1, 40)), st.booleans())
@settings(max_examples=200, deadline=None)
def test_however_it_is_cut_it_is_the_same_answer(words: list[str], sizes: list[int], with_returns: bool) -> None:
    body = b"".join(chunk(word) for word in words) + b": a ping\n\n" + chunk(None, "stop") + USAGE + DONE
    if with_returns:
        body = body.replace(b"\n\n", b"\r\n\r\n")
    framed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x; a=b\r\n%s\r\n0\r\n\r\n" % (
        9, body[:9], len(body) - 9, body[9:],
    )  # fmt: skip
    outcome = Outcome("p", 0, start_s=0.0)
    clock = StreamClock(outcome)

    async def receive() -> int:
        buffer = memoryview(bytearray(65536))
        connection = Connection(lambda: 1.0, buffer)
        connection.connection_made(_Transport())
        done = connection.send(b"", clock.feed)
        rest = framed
        for size in [*sizes, len(framed)]:
            part, rest = rest[:size], rest[size:]
            if part:
                buffer[: len(part)] = part
                connection.buffer_updated(len(part))
        return await done

    clock.finish(asyncio.run(receive()))
    assert outcome.error is None
    assert outcome.text == "".join(words)
    assert outcome.output_tokens == 4


class _Transport(asyncio.Transport):
    def write(self, data: object) -> None: ...

    def close(self) -> None: ...


async def test_a_connection_is_kept_and_one_that_was_closed_for_idling_is_replaced() -> None:
    connections, ended = 0, asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(asyncio.IncompleteReadError):
            for _ in range(2):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.readuntil(b"\r\n\r\n")  # a third is read and not answered
        writer.close()
        ended.release()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
        for _ in range(3):
            assert await wire.fetch("GET", "/x") == (200, b"ok")
        wire.close()
        await ended.acquire()
        await ended.acquire()
    assert connections == 2


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b'data: {"choices": [\n\n', "unreadable chunk", "'{\"choices\": [' is in the stream"),
        (b'data: {"choices": [5]}\n\n', "unreadable chunk", "'{\"choices\": [5]}' is in the stream"),
        (chunk("a") + chunk("b").replace(b'"b"', b'"\\x"') + DONE, "unreadable text", "Invalid \\escape"),
    ],
)
async def test_a_stream_that_can_not_be_read_is_no_fault_of_http(body: bytes, kind: str, message: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
        outcome = await ask(wire, "/x", {}, "p")
    assert outcome.error is not None
    assert outcome.error[0] == kind
    assert outcome.error[1].startswith(message)


async def test_what_is_not_http_is_said_to_be() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
        with pytest.raises(ConnectionError, match="not HTTP"):
            await wire.fetch("GET", "/x")
