"""Who asks, from where, and under which name: headers that are believed, and those that are not."""

from __future__ import annotations

import pytest

from chat.access import Access, is_loopback
from chat.settings import load_settings


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> Access:
    monkeypatch.setenv("PAGODA_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")
    monkeypatch.setenv("PAGODA_ALLOWED_ORIGINS", "https://chat.example")
    return Access(load_settings(None), names=True)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "LOCALHOST"])
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "localhost.evil.example", "evil.example", "x@localhost", "localhost/x", "localhost:x", "1, y",
     "[::1", "[::]", "10.0.0.1", "localhost#"],
)  # fmt: skip
def test_other_names(host: str) -> None:
    assert not is_loopback(host)


# peer, X-Forwarded-For, whose address that is
FORWARDED = {
    "a stranger says it is another": ("1.2.3.4", "9.9.9.9", "1.2.3.4"),
    "a proxy": ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
    "a stranger behind a proxy says it is another": ("10.0.0.1", "6.6.6.6, 9.9.9.9", "9.9.9.9"),
    "two proxies": ("10.0.0.1", "9.9.9.9, 10.0.0.2", "9.9.9.9"),
    "a proxy itself": ("10.0.0.1", "", "10.0.0.1"),
    "version 6": ("fd00::1", "2001:db8::1", "2001:db8::1"),
}


@pytest.mark.parametrize("case", FORWARDED)
def test_a_proxy_says_who_asks(access: Access, case: str) -> None:
    peer, forwarded, address = FORWARDED[case]
    headers = {"host": "a", "x-forwarded-for": forwarded, "x-forwarded-proto": "https", "x-forwarded-host": "B"}
    who = access.caller(peer, "http", headers)
    assert who.address == address
    assert (who.scheme, who.host) == (("https", "b") if who.by_proxy else ("http", "a"))
    assert who.by_proxy is not case.startswith("a stranger says")


def test_the_origin_has_to_be_that_of_the_page(access: Access) -> None:
    who = access.caller("1.2.3.4", "http", {"host": "localhost:8080"})
    assert access.is_own(who, {"origin": "http://localhost:8080"})
    assert access.is_own(who, {"origin": "https://CHAT.example"})
    assert access.is_own(who, {})
    assert access.is_own(who, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})  # a link to the page
    for origin in (
        "http://localhost",
        "https://localhost:8080",
        "null",
        "",
        "http://localhost:8080, http://evil.example",
    ):
        assert not access.is_own(who, {"origin": origin}), origin
    assert not access.is_own(who, {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"})
