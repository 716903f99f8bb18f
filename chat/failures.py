"""From an exception of an HTTP or the openai client to the `TurnError` that says what it means."""

from __future__ import annotations

import aiohttp
import httpx2
import openai

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

# What the clients raise on purpose, and what a malformed stream makes them raise by accident
# (ValueError: JSON and UTF-8 decoding).
CLIENT_ERRORS = (openai.APIError, httpx2.HTTPError, aiohttp.ClientError, ValueError)
_NOT_CONNECTED = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
)
_TIMED_OUT = (httpx2.TimeoutException, openai.APITimeoutError, aiohttp.ServerTimeoutError)


def classify(error: Exception) -> TurnError:
    """The `TurnError` for one of `CLIENT_ERRORS`. Whether "absent" means more, only a look can tell."""
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    detail = repr(cause)
    if _was_reset(cause):
        return BackendBroke(detail)
    if isinstance(cause, _NOT_CONNECTED):
        return BackendAbsent(detail)
    if isinstance(cause, _TIMED_OUT):
        return BackendSilent(detail)
    if isinstance(cause, openai.APIStatusError):
        return _from_status(cause.status_code, detail)
    if isinstance(cause, httpx2.HTTPStatusError):
        return _from_status(cause.response.status_code, detail)
    if isinstance(cause, aiohttp.ClientResponseError):
        return _from_status(cause.status, f"{cause.status}: {cause.message}")  # its repr has the request's headers
    # An error event inside a stream that began with 200, a dropped connection, a malformed event.
    return BackendBroke(detail)


def _was_reset(error: BaseException | None) -> bool:
    """Whether a connection was made, and then reset; httpx calls that a connection that could not be made."""
    cause = error.__cause__ if isinstance(error, httpx2.HTTPError) else error
    return isinstance(cause, aiohttp.ClientOSError) and not isinstance(cause, aiohttp.ClientConnectorError)


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
