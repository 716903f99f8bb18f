"""Who asks, and under which name of this page: what the headers of a request say, and which of them are believed.

A browser that was lured says where it comes from (`Origin`); a name that an attacker points at this machine says so in
`Host`. What a reverse proxy adds (`X-Forwarded-*`) is believed only from the addresses of `PAGODA_TRUSTED_PROXIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from chat.settings import Settings
from chat.texts import Language, language_for

ELSEWHERE = ("cross-site", "same-site")  # Sec-Fetch-Site, where no Origin is sent


@dataclass(frozen=True, slots=True)
class Caller:
    """`address` is the browser's as far as it is known, `scheme` and `host` are those of the address it shows.

    `by_proxy`: the request came through a proxy that is trusted.
    """

    address: str
    scheme: str
    host: str
    by_proxy: bool
    language: Language


# Of the request at hand.
caller: ContextVar[Caller] = ContextVar("caller")


def is_loopback(host: str) -> bool:
    """Whether a name or an address, with or without a port, can only mean this machine."""
    name = urlsplit(f"//{host}").hostname or "" if _is_well_formed(host) else ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_well_formed(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        return parts.netloc == host and "@" not in host and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


class Access:
    """The rules for one process. `names` off: any name is good, as only a sign-in lets anybody in."""

    def __init__(self, settings: Settings, *, names: bool) -> None:
        self._origins = {origin.lower() for origin in settings.allowed_origins}
        self._hosts = {urlsplit(origin).netloc for origin in self._origins}
        self._proxies = settings.trusted_proxies
        self._names = names

    def caller(self, peer: str, scheme: str, headers: Mapping[str, str]) -> Caller:
        """Who asks. `headers` are by lower-case name; those sent twice are joined by commas."""
        host, language = headers.get("host", ""), language_for(headers.get("accept-language"))
        if not _within(peer, self._proxies):
            return Caller(peer, scheme, host.lower(), False, language)
        # Each proxy has added to the right whom it heard; the first one that is no proxy of ours is who asks.
        heard = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
        strangers = [address for address in heard if not _within(address, self._proxies)]
        address = strangers[-1] if strangers else peer
        told = headers.get("x-forwarded-proto", scheme)
        host = headers.get("x-forwarded-host", host)
        return Caller(address, told if told in ("http", "https") else scheme, host.lower(), True, language)

    def knows_host(self, who: Caller) -> bool:
        """Whether the page may be called by that name.

        Without a sign-in only as this machine, or as one of the allowed origins: another site's name that was made to
        point here would make that site's script the page's own.
        """
        return not self._names or is_loopback(who.host) or who.host in self._hosts

    def is_own(self, who: Caller, headers: Mapping[str, str]) -> bool:
        """Whether the request comes from a page of this origin, from an allowed one, or from no page at all."""
        origin = headers.get("origin")
        if origin is not None:
            return origin.lower() in (f"{who.scheme}://{who.host}", *self._origins)
        return headers.get("sec-fetch-site") not in ELSEWHERE or headers.get("sec-fetch-mode") == "navigate"


def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks if found.version == network.version)
