"""What an exception of aiohttp, through which answers are asked for, comes to."""

from __future__ import annotations

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
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
from chat.failures import BadStatus, classify


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, BackendRefusedKey),
        (404, ModelUnknown),
        (429, BackendBusy),
        (500, BackendFailing),
        (503, BackendBusy),
    ],
)
def test_a_status_says_what_is_wrong(status: int, kind: type[TurnError]) -> None:
    error = classify(BadStatus(status, "too long"))
    assert type(error) is kind
    assert str(error) == f"{status}: too long"


def test_malformed_http_is_no_refusal_and_the_log_has_no_key() -> None:
    """aiohttp calls it a response with status 400."""
    url, headers = URL("http://vllm/v1/chat/completions"), CIMultiDict(Authorization="Bearer secret")
    request = aiohttp.RequestInfo(url, "POST", CIMultiDictProxy(headers), url)
    error = classify(aiohttp.ClientResponseError(request, (), status=400, message="bad chunk"))
    assert type(error) is BackendBroke
    assert str(error) == "ClientResponseError(bad chunk)"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (aiohttp.ConnectionTimeoutError(), BackendAbsent),
        (aiohttp.SocketTimeoutError(), BackendSilent),
        (TimeoutError(), BackendSilent),
        (aiohttp.ServerDisconnectedError(), BackendBroke),
        (aiohttp.ClientPayloadError(), BackendBroke),
    ],
)
def test_a_connection_that_fails_says_where(raised: Exception, kind: type[TurnError]) -> None:
    assert type(classify(raised)) is kind
