"""From an exception of the HTTP client to the `TurnError` that says what it means."""

from __future__ import annotations

import socket

import aiohttp
from yarl import URL

from chat.errors import (
    BackendAbsent,
    BackendBroke,
    BackendBusy,
    BackendFailing,
    BackendRefusedKey,
    BackendSilent,
    ModelUnknown,
    RequestRefused,
    TurnError,
)


class BadStatus(aiohttp.ClientError):
    """A status of 400 or more, and what the server says of it; aiohttp's own stands for malformed HTTP, too."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"{status}: {why}")
        self.status = status


# What the client raises on purpose, and what a malformed stream makes it raise by accident
# (ValueError: JSON and UTF-8 decoding). TimeoutError: the reply as a whole took too long.
CLIENT_ERRORS = (aiohttp.ClientError, TimeoutError, ValueError)
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def classify(error: Exception) -> TurnError:
    """The `TurnError` for one of `CLIENT_ERRORS`. Whether "absent" means more, only a look can tell."""
    if isinstance(error, BadStatus):
        return _from_status(error.status, str(error))
    if isinstance(error, _NOT_CONNECTED):
        return BackendAbsent(repr(error))
    if isinstance(error, TimeoutError):
        return BackendSilent(repr(error))
    if isinstance(error, aiohttp.ClientResponseError):  # malformed HTTP; its repr has the request's headers
        return BackendBroke(f"{type(error).__name__}({error.message})")
    # A dropped connection, a malformed event.
    return BackendBroke(repr(error))


def _from_status(status: int, detail: str) -> TurnError:
    if status in (401, 403):
        return BackendRefusedKey(detail)
    if status == 404:
        return ModelUnknown(detail)
    if status in (429, 503):
        return BackendBusy(detail)
    if status >= 500:
        return BackendFailing(detail)
    return RequestRefused(detail)


def is_starting(server: URL) -> bool:
    """Whether the server's port is taken though nothing accepts connections on it yet.

    vLLM binds its port first and listens once the model is loaded. On this machine a second bind
    tells; elsewhere a name that resolves stands for a container that runs.
    """
    host, port = server.host or "", server.port or 80
    try:
        if host not in LOOPBACK:
            return bool(socket.getaddrinfo(host, port))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except socket.gaierror:
        return False
    except OSError:
        return True
    return False
