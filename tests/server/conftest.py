"""An app with tight limits, for the tests of its door and of its limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.door_client import ALLOWED
from tests.fake_vllm import FakeVllm, free_port
from tests.processes import app_service


@pytest.fixture(scope="module")
def narrow_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app with tight limits, behind a proxy on this machine, whose users come in as `ALLOWED`."""
    port = free_port()
    limits = {
        "PAGODA_SOCKETS_PER_ADDRESS": "3",
        "PAGODA_ANSWERS_PER_USER": "2",
        "PAGODA_MAX_MESSAGE_CHARS": "1000",
        "PAGODA_FIRST_TOKEN_TIMEOUT_S": "3",
        "PAGODA_READ_TIMEOUT_S": "1",
        "PAGODA_ANSWER_TIMEOUT_S": "2",
        "PAGODA_MAX_TOKENS": "500",
        "PAGODA_ALLOWED_ORIGINS": ALLOWED,
        "PAGODA_TRUSTED_PROXIES": "127.0.0.1",
    }
    with app_service(port, fake.url, tmp_path_factory.mktemp("narrow") / "app.log", **limits):
        yield f"http://127.0.0.1:{port}"
