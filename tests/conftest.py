"""What several kinds of tests share: one vLLM for the whole run, and app processes in front of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.fake_vllm import FakeVllm, free_port
from tests.processes import Service, app_service, vllm_service


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every running service's log with a test that failed."""
    report = yield
    if report.failed:
        for service in Service.running:
            report.sections.append((f"log of {service.command[2]}", service.tail()))
    return report


@pytest.fixture(scope="session")
def vllm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real vLLM with the bundled model, started once."""
    port = free_port()
    with vllm_service(port, tmp_path_factory.mktemp("vllm") / "vllm.log"):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="session")
def app_url(vllm_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app in front of the real vLLM."""
    port = free_port()
    with app_service(port, vllm_url, tmp_path_factory.mktemp("app") / "app.log", PAGODA_TEMPERATURE="0"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    """A model server that misbehaves on demand."""
    with FakeVllm() as server:
        yield server


@pytest.fixture(scope="module")
def fake_app_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app in front of `fake`; it waits only 2 s for a token."""
    port = free_port()
    log = tmp_path_factory.mktemp("app") / "app.log"
    patience = {"PAGODA_READ_TIMEOUT_S": "2", "PAGODA_FIRST_TOKEN_TIMEOUT_S": "2"}
    with app_service(port, fake.url, log, PAGODA_MAX_TOKENS="500", **patience):
        yield f"http://127.0.0.1:{port}"
