"""The model server as the app sees it: which model, how many tokens, and what is wrong when it fails.

Speaks to vLLM through the openai client; `/tokenize` and `/health` are vLLM's own, beside `/v1`. Answers are asked for
without it: it takes longer to send a question than all else that is done before the first token together.
Every failure leaves here as a `TurnError`, never as an exception of the client.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
import httpx2
import openai
from openai.types.chat import ChatCompletionMessageParam

from chat import door
from chat.errors import (
    BackendAbsent,
    BackendBroke,
    BackendBusy,
    BackendFailing,
    BackendLoading,
    BackendRestarting,
    ModelGone,
    ModelUnknown,
    TurnError,
)
from chat.failures import CLIENT_ERRORS, classify
from chat.pace import PACE
from chat.server_metrics import QueueWatch
from chat.settings import Settings
from chat.shutdown import SHUTDOWN
from chat.stream import Stream

logger = logging.getLogger(__name__)

DEMO_MODEL_ID = "pagoda-demo"
# Under both clients is aiohttp: its parser is C, and it finds a free connection at once, where httpx looks at all of
# them for each request. A connection is given up before the server does so, after 5 s.
KEEP_ALIVE_S = 3
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=KEEP_ALIVE_S)
# Who asks for the models gets the reply that another one waits for, unless that one waits for this long.
TOGETHER_S = 1.0
# Where many ask, the reply is good for so long.
AGAIN_S = 0.1
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the server offers. `max_model_len` is its context in tokens, prompt and answer.

    An adapter (LoRA) names the model it sits on as its `parent`.
    """

    id: str
    max_model_len: int
    parent: str | None = None

    @property
    def is_demo(self) -> bool:
        return self.id == DEMO_MODEL_ID


class ModelServer:
    """One vLLM server, shared by all conversations of the process."""

    def __init__(self, settings: Settings) -> None:
        key = settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else "none"
        self.base_url = str(settings.backend_url)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout_s, sock_read=settings.first_token_timeout_s
        )
        self._first_token_s = settings.first_token_timeout_s
        self._between_tokens_s = settings.read_timeout_s
        self._reply_timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout_s, sock_read=settings.read_timeout_s
        )
        self.answer_timeout_s = settings.answer_timeout_s
        self.needs_key = settings.vllm_api_key is not None
        self._wanted_model = settings.model
        self._last_answer_at: float | None = None
        self._failed = True  # since `check` last found all in order; at first nobody knows
        self.offered: list[Model] = []  # as last seen
        self._asking: asyncio.Task[list[Model]] | None = None
        self._asking_since = 0.0
        # No retries: a question is asked once, and the page says at once what is wrong.
        self.openai = openai.AsyncOpenAI(
            http_client=openai.DefaultAioHttpClient(limits=LIMITS),
            base_url=self.base_url,
            api_key=key,
            max_retries=0,
            timeout=openai.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
        )
        self._vllm = openai.DefaultAioHttpClient(
            limits=LIMITS,
            base_url=httpx2.URL(self.base_url).join("/"),
            headers=self._headers,
            timeout=openai.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
        )
        self._tokenize_url = str(self._vllm.base_url.join("tokenize"))
        self.queue = QueueWatch(self._vllm)

    async def models(self) -> list[Model]:
        """Every model there is to talk to; only that of `PAGODA_MODEL`, where it is set.

        Asked of `/v1/models` each time: a restart may have changed them. The first is the one to begin with.
        Who asks as another does gets the same reply; where many ask, so does who asks right after.
        """
        if self._asking is None or time.monotonic() - self._asking_since >= self._good_for_s(self._asking):
            self._asking_since = time.monotonic()
            self._asking = asyncio.create_task(self._ask_for_models())
        return await asyncio.shield(self._asking)

    def _good_for_s(self, asking: asyncio.Task[list[Model]]) -> float:
        if not asking.done():
            return TOGETHER_S
        return AGAIN_S if PACE.many else 0.0

    async def _ask_for_models(self, level: int = logging.WARNING) -> list[Model]:
        async with self.guarded(level):
            cards = (await self.openai.models.list()).data
        lengths = {card.id: getattr(card, "max_model_len", None) for card in cards}
        if not cards or self._wanted_model not in (None, *lengths):
            raise ModelUnknown(f"{self._wanted_model!r} is not among {list(lengths)}")
        models: list[Model] = []
        for card in cards:
            parent = getattr(card, "parent", None)
            # vLLM's card of an adapter says nothing of the context, which is that of its base.
            length = lengths[card.id] or lengths.get(str(parent))
            if isinstance(length, int) and self._wanted_model in (None, card.id):
                models.append(Model(card.id, length, parent))
        if not models:
            raise BackendFailing(f"{list(lengths)} come without max_model_len: not a vLLM server")
        self.offered = sorted(models, key=lambda model: model.parent is not None)
        return self.offered

    async def model(self, chosen: str | None = None) -> Model:
        """The model to talk to: the one `chosen` of `models`, or else the first; `ModelGone` if it is not there."""
        models = await self.models()
        found = next((model for model in models if chosen in (None, model.id)), None)
        if found is None:
            raise ModelGone(f"{chosen!r} is not among {[m.id for m in models]}", model=chosen, other=models[0].id)
        return found

    async def count_tokens(
        self, model: Model, messages: list[ChatCompletionMessageParam], *, unfinished: bool = False
    ) -> int:
        """Exact length of the prompt that `messages` make, in tokens, chat template included.

        `unfinished`: the last message is an answer to go on with.
        """
        body = {
            "model": model.id,
            "messages": messages,
            "add_generation_prompt": not unfinished,
            "continue_final_message": unfinished,
        }
        async with (
            self.guarded(),
            self._answers.post(self._tokenize_url, json=body, timeout=self._reply_timeout) as reply,
        ):
            await _raise_for_status(reply)
            return int(json.loads(await reply.read())["count"])

    async def check(self) -> None:
        """Raise the `TurnError` that a question would meet now. Asked often: no line in the log for each failure.

        Which models there are is asked only at first and after a failure, be it of a question.
        """
        try:
            reply = await self._vllm.get("/health")
            if reply.status_code != 404:  # servers other than vLLM
                reply.raise_for_status()
        except CLIENT_ERRORS as error:
            self._failed = True
            raise await self._explain(classify(error)) from error
        self._last_answer_at = time.monotonic()
        if self._failed:
            await self._ask_for_models(logging.DEBUG)
            self._failed = False

    @asynccontextmanager
    async def answering(self, body: dict[str, Any]) -> AsyncIterator[Stream]:
        """Ask for a streamed completion: its stream, once the server has accepted the request.

        Leaving it aborts the request in vLLM.
        """
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        async with self.guarded(), self._answers.post(url, json=body) as reply:
            await _raise_for_status(reply)
            yield Stream(reply, self._first_token_s, self._between_tokens_s)

    @cached_property
    def _answers(self) -> aiohttp.ClientSession:
        """Made with the first question, as it belongs to the event loop."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=httpx2.create_ssl_context())
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_on_its_way)
        return aiohttp.ClientSession(
            connector=connector, headers=self._headers, timeout=self._timeout, trace_configs=[trace]
        )

    @asynccontextmanager
    async def guarded(self, level: int = logging.WARNING) -> AsyncIterator[None]:
        """Around every call to the server: failures become `TurnError`s that say what is wrong, logged at `level`."""
        try:
            async with SHUTDOWN.time_left():
                yield
        except CLIENT_ERRORS as error:
            self._failed = True
            explained = await self._explain(classify(error))
            logger.log(level, "%s: %s", type(explained).__name__, explained)
            raise explained from error
        except BackendBroke as error:
            logger.log(level, "BackendBroke: %s", str(error))  # of this app's words alone
            raise
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
        except httpx2.HTTPError:
            return False


async def _raise_for_status(reply: aiohttp.ClientResponse) -> None:
    if not reply.ok:
        why = await reply.text()
        raise aiohttp.ClientResponseError(reply.request_info, (), status=reply.status, message=why)


async def _on_its_way(*_request: object) -> None:
    """A question has been sent: the next one may follow, however long the server takes to accept this one."""
    door.leave()
