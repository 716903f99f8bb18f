"""Knocking at the app's door by hand: single requests, and sockets that introduce themselves as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import socketio

ALLOWED = "https://chat.example"  # how users come in where `narrow_url` is
POLLING = "/ws/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/ws/socket.io/?EIO=4&transport=websocket"


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, **options)


def post(url: str, **options: Any) -> httpx.Response:
    return httpx.post(url, **options)


async def socket_status(url: str, **headers: str) -> int:
    """101 where a WebSocket opens, else the status it is refused with."""
    async with aiohttp.ClientSession() as web:
        try:
            async with web.ws_connect(url + WEBSOCKET, headers=headers) as socket:
                await socket.receive_str()
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


def introduction(session_id: str) -> dict[str, str]:
    """What a page says of itself as it connects."""
    return {"sessionId": session_id, "clientType": "webapp", "userEnv": "{}", "chatProfile": "", "threadId": ""}


@asynccontextmanager
async def connected(url: str, auth: Any, headers: dict[str, str] | None = None) -> AsyncIterator[socketio.AsyncClient]:
    """A socket; raises ConnectionError where it is not let in."""
    async with aiohttp.ClientSession() as web:
        client = socketio.AsyncClient(reconnection=False, http_session=web)
        await client.connect(
            url, headers=headers or {}, auth=auth, socketio_path="/ws/socket.io", transports=["websocket"]
        )
        try:
            yield client
        finally:
            await client.disconnect()
