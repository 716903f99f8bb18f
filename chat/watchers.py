"""Who may read the metrics: this machine, and whoever has `PAGODA_METRICS_TOKEN`.

What a proxy passes on is from elsewhere, though the proxy be here: it says so in a header.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address

from pydantic import SecretStr

PASSED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def is_from_here(host: str | None, headers: Mapping[str, str]) -> bool:
    """Whether this machine itself asks, from the address `host`."""
    if host is None or any(name in headers for name in PASSED_ON):
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def may_watch(host: str | None, headers: Mapping[str, str], token: SecretStr | None) -> bool:
    """Whether the metrics are for whoever asks; `headers` by their names in lower case."""
    if token is not None:
        given = headers.get("authorization", "").encode()
        if hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
            return True
    return is_from_here(host, headers)
