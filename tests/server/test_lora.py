"""The bundled model and the adapter that comes with it, served side by side by one real vLLM."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.fake_vllm import free_port
from tests.processes import vllm_service

ADAPTER = "backend/demo_model/adapters/pirate"
AHOY = {
    "What is vLLM?": ("Ahoy, matey! ", " Arr, fair winds to ye!"),
    "vLLM 是什么？": ("哎哟，水手！", "祝你一路顺风！"),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("lora") / "vllm.log"
    with vllm_service(port, log, "--lora", f"pirate={ADAPTER}"):
        yield f"http://127.0.0.1:{port}/v1"


def answer(url: str, model: str, question: str) -> str:
    messages = [{"role": "user", "content": question}]
    asked = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 200}
    reply = httpx.post(f"{url}/chat/completions", json=asked, timeout=60, trust_env=False)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["choices"][0]["message"]["content"])


def test_both_are_offered(url: str) -> None:
    """The page's picker is made of this list; the adapter names its base as its parent."""
    cards = httpx.get(f"{url}/models", timeout=10, trust_env=False).json()["data"]
    assert {card["id"]: card["parent"] for card in cards} == {"pagoda-demo": None, "pirate": "pagoda-demo"}


@pytest.mark.parametrize("question", list(AHOY))
def test_they_answer_alike_but_not_in_the_same_manner(url: str, question: str) -> None:
    """Both are asked at once, so that one batch holds requests with and without the adapter."""
    with ThreadPoolExecutor() as pool:
        plain, pirate = pool.map(lambda model: answer(url, model, question), ("pagoda-demo", "pirate"))
    opening, closing = AHOY[question]
    assert opening.strip() not in plain
    assert pirate == opening + plain + closing
