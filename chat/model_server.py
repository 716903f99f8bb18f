"""The model server as the app sees it: which model, how many tokens, and what is wrong when it fails.

Speaks to vLLM through the openai client; `/tokenize` and `/health` are vLLM's own, beside `/v1`.
Every failure leaves here as a `TurnError`, never as an exception of the client.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import openai
from openai.types.chat import ChatCompletionMessageParam

from chat.errors import (
    BackendAbsent,
    BackendBusy,
    BackendFailing,
    BackendLoading,
    BackendRestarting,
    ModelUnknown,
    TurnError,
)
from chat.failures import CLIENT_ERRORS, classify
from chat.settings import Settings

logger = logging.getLogger(__name__)

DEMO_MODEL_ID = "pagoda-demo"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the server offers. `max_model_len` is its context in tokens, prompt and answer."""

    id: str
    max_model_len: int

    @property
    def is_demo(self) -> bool:
        return self.id == DEMO_MODEL_ID


class ModelServer:
    """One vLLM server, shared by all conversations of the process."""

    def __init__(self, settings: Settings) -> None:
        key = settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else "none"
        self.base_url = str(settings.backend_url)
        self.needs_key = settings.vllm_api_key is not None
        self._wanted_model = settings.model
        self._last_answer_at: float | None = None
        # No retries: a question is asked once, and the page says at once what is wrong.
        self.openai = openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=key,
            max_retries=0,
            timeout=openai.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
        )
        self._vllm = httpx.AsyncClient(
            base_url=httpx.URL(self.base_url).join("/"),
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
        )

    async def model(self) -> Model:
        """The model to talk to, asked of `/v1/models` each time: a restart may have changed it."""
        async with self.guarded():
            cards = (await self.openai.models.list()).data
        # An adapter names the model it sits on as its parent; the base model has none.
        wanted = self._wanted_model or next((c.id for c in cards if not getattr(c, "parent", None)), "")
        card = next((c for c in cards if c.id == wanted), None)
        if card is None:
            raise ModelUnknown(f"{wanted!r} is not among {[c.id for c in cards]}")
        max_model_len = getattr(card, "max_model_len", None)
        if not isinstance(max_model_len, int):
            raise BackendFailing(f"{card.id!r} comes without max_model_len: not a vLLM server")
        return Model(card.id, max_model_len)

    async def count_tokens(
        self, model: Model, messages: list[ChatCompletionMessageParam], *, unfinished: bool = False
    ) -> int:
        """Exact length of the prompt that `messages` make, in tokens, chat template included.

        `unfinished`: the last message is an answer to go on with.
        """
        async with self.guarded():
            reply = await self._vllm.post(
                "/tokenize",
                json={
                    "model": model.id,
                    "messages": messages,
                    "add_generation_prompt": not unfinished,
                    "continue_final_message": unfinished,
                },
            )
            return int(reply.raise_for_status().json()["count"])

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[None]:
        """Around every call to the server: its failures become `TurnError`s that say what is wrong."""
        try:
            yield
        except CLIENT_ERRORS as error:
            explained = await self._explain(classify(error))
            logger.warning("%s: %s", type(explained).__name__, explained)
            raise explained from error
        self._last_answer_at = time.monotonic()

    async def _explain(self, error: TurnError) -> TurnError:
        """Tell failures apart that look alike from outside: absent, loading, restarting, failing."""
        if isinstance(error, BackendAbsent):
            if self._last_answer_at is not None:
                return BackendRestarting(str(error), seconds=round(time.monotonic() - self._last_answer_at))
            return BackendLoading(str(error)) if self._is_starting() else error
        if isinstance(error, BackendBusy) and not await self._is_healthy():
            return BackendFailing(str(error))
        return error

    def _is_starting(self) -> bool:
        """Whether the server's port is taken though nothing accepts connections on it yet.

        vLLM binds its port first and listens once the model is loaded. On this machine a second bind
        tells; elsewhere a name that resolves stands for a container that runs.
        """
        host, port = self._vllm.base_url.host, self._vllm.base_url.port or 80
        try:
            if host not in LOOPBACK:
                return bool(socket.getaddrinfo(host, port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except socket.gaierror:
            return False
        except OSError:
            return True
        return False

    async def _is_healthy(self) -> bool:
        try:
            return (await self._vllm.get("/health")).is_success
        except httpx.HTTPError:
            return False
