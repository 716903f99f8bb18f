"""Who may read the metrics."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from chat.watchers import PASSED_ON, may_watch

TOKEN = SecretStr("a-token-of-some-length")
GRANTED = {"authorization": f"Bearer {TOKEN.get_secret_value()}"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_may(host: str) -> None:
    assert may_watch(host, {}, None)
    assert may_watch(host, {}, TOKEN)


@pytest.mark.parametrize("host", ["10.0.0.2", "172.18.0.1", "::ffff:10.0.0.2", "testclient", None])
def test_others_may_with_the_token_alone(host: str | None) -> None:
    assert not may_watch(host, {}, None)
    assert not may_watch(host, {}, TOKEN)
    assert not may_watch(host, {"authorization": "Bearer another"}, TOKEN)
    assert not may_watch(host, {"authorization": "Bearer "}, None)
    assert may_watch(host, GRANTED, TOKEN)


@pytest.mark.parametrize("header", PASSED_ON)
def test_what_a_proxy_of_this_machine_passes_on_is_from_elsewhere(header: str) -> None:
    assert not may_watch("127.0.0.1", {header: "127.0.0.1"}, TOKEN)
    assert may_watch("127.0.0.1", {header: "127.0.0.1", **GRANTED}, TOKEN)
