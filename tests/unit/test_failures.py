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
from chat.failures import classify


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
def test_a_status_says_what_is_wrong_and_the_log_has_no_key(status: int, kind: type[TurnError]) -> None:
    url, headers = URL("http://vllm/v1/chat/completions"), CIMultiDict(Authorization="Bearer secret")
    request = aiohttp.RequestInfo(url, "POST", CIMultiDictProxy(headers), url)
    error = classify(aiohttp.ClientResponseError(request, (), status=status, message="too long"))
    assert type(error) is kind
    assert str(error) == f"{status}: too long"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (aiohttp.ConnectionTimeoutError(), BackendAbsent),
        (aiohttp.SocketTimeoutError(), BackendSilent),
        (aiohttp.ServerDisconnectedError(), BackendBroke),
        (aiohttp.ClientPayloadError(), BackendBroke),
    ],
)
def test_a_connection_that_fails_says_where(raised: Exception, kind: type[TurnError]) -> None:
    assert type(classify(raised)) is kind
