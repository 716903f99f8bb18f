"""The model server as the app sees it: which model, how many tokens, and what is wrong when it fails.

Speaks to vLLM through aiohttp: its parser is C, and it finds a free connection at once, where httpx looks at all of
them for each request. The openai client on top of that takes longer to send a question than all else that is done
before the first token together, and reads whatever a server sends without a limit.
`/tokenize`, `/health` and `/metrics` are vLLM's own, beside `/v1`.
Every failure leaves here as a `TurnError`, never as an exception of the client.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
import httpx2
from openai.types.chat import ChatCompletionMessageParam
from yarl import URL

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
from chat.failures import CLIENT_ERRORS, classify, is_starting
from chat.pace import PACE
from chat.replies import Cards, Counted, raise_for_status, understood, whole
from chat.server_metrics import QueueWatch
from chat.settings import Settings
from chat.shutdown import SHUTDOWN
from chat.stream import Stream

logger = logging.getLogger(__name__)

DEMO_MODEL_ID = "pagoda-demo"
# A connection is given up before the server does so, after 5 s.
KEEP_ALIVE_S = 3
# Who asks for the models gets the reply that another one waits for, unless that one waits for this long.
TOGETHER_S = 1.0
# Where many ask, the reply is good for so long.
AGAIN_S = 0.1


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
        self._root = URL(self.base_url).origin()
        # Nothing is taken compressed: a small reply could become one of any size.
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        connect_s, read_s = settings.connect_timeout_s, settings.read_timeout_s
        self._first_token_s = settings.first_token_timeout_s
        self._between_tokens_s = read_s
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=self._first_token_s)
        self._reply_timeout = aiohttp.ClientTimeout(total=connect_s + read_s, sock_connect=connect_s, sock_read=read_s)
        self.answer_timeout_s = settings.answer_timeout_s
        self.needs_key = settings.vllm_api_key is not None
        self._wanted_model = settings.model
        self._last_answer_at: float | None = None
        self._failed = True  # since `check` last found all in order; at first nobody knows
        self.offered: list[Model] = []  # as last seen
        self._asking: asyncio.Task[list[Model]] | None = None
        self._asking_since = 0.0
        self.queue = QueueWatch(self._metrics)

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
            cards = understood(Cards, await self._reply("GET", self._under_v1("models"))).data
            lengths = {card.id: card.max_model_len for card in cards}
            if not cards or self._wanted_model not in (None, *lengths):
                raise ModelUnknown(f"{self._wanted_model!r} is not among {list(lengths)}")
            models: list[Model] = []
            for card in cards:
                # vLLM's card of an adapter says nothing of the context, which is that of its base.
                length = lengths[card.id] or (card.parent and lengths.get(card.parent))
                if length and self._wanted_model in (None, card.id):
                    models.append(Model(card.id, length, card.parent))
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
        async with self.guarded():
            return understood(Counted, await self._reply("POST", self._root / "tokenize", json=body)).count

    async def check(self) -> None:
        """Raise the `TurnError` that a question would meet now. Asked often: no line in the log for each failure.

        Which models there are is asked only at first and after a failure, be it of a question.
        """
        try:
            async with self._session.get(self._root / "health", timeout=self._reply_timeout) as reply:
                if reply.status != 404:  # servers other than vLLM
                    await raise_for_status(reply)
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
        async with self.guarded(), AsyncExitStack() as stack:
            async with asyncio.timeout(self._first_token_s):
                asked = self._session.post(self._under_v1("chat/completions"), json=body)
                reply = await stack.enter_async_context(asked)
                await raise_for_status(reply)
            stream = Stream(reply, self._first_token_s, self._between_tokens_s)
            with stream.ending_with_its_connection():
                yield stream

    def _under_v1(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path}"

    async def _metrics(self) -> bytes:
        return await self._reply("GET", self._root / "metrics")

    async def _reply(self, method: str, url: str | URL, json: object = None) -> bytes:
        async with self._session.request(method, url, json=json, timeout=self._reply_timeout) as reply:
            await raise_for_status(reply)
            return await whole(reply)

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        """Made with the first request, as it belongs to the event loop."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=httpx2.create_ssl_context())
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_on_its_way)
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            timeout=self._timeout,
            auto_decompress=False,
            trace_configs=[trace],
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
        except (BackendBroke, BackendFailing) as error:
            self._failed = self._failed or isinstance(error, BackendFailing)
            logger.log(level, "%s: %s", type(error).__name__, str(error))  # of this app's words alone
            raise
        self._last_answer_at = time.monotonic()

    async def _explain(self, error: TurnError) -> TurnError:
        """Tell failures apart that look alike from outside: absent, loading, restarting, failing."""
        if isinstance(error, BackendAbsent):
            if self._last_answer_at is not None:
                return BackendRestarting(str(error), seconds=round(time.monotonic() - self._last_answer_at))
            return BackendLoading(str(error)) if is_starting(self._root) else error
        if isinstance(error, BackendBusy) and not await self._is_healthy():
            return BackendFailing(str(error))
        return error

    async def _is_healthy(self) -> bool:
        try:
            async with self._session.get(self._root / "health", timeout=self._reply_timeout) as reply:
                return reply.ok
        except CLIENT_ERRORS:
            return False


async def _on_its_way(_session: object, _context: object, sent: aiohttp.TraceRequestHeadersSentParams) -> None:
    """A question has been sent: the next one may follow, however long the server takes to accept this one."""
    if sent.method == "POST":
        door.leave()
