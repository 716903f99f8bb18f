"""Asking again where the model server's queue was full: nothing had begun, so nothing is done twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from chat.errors import BackendBusy
from chat.model_server import ModelServer
from chat.stream import Stream

# Seconds before each new attempt. Each is taken at random between its half and its whole: those who were refused
# together do not come back together.
PAUSES_S = (0.5, 1.0, 2.0, 4.0)


@asynccontextmanager
async def answering(server: ModelServer, body: dict[str, Any]) -> AsyncIterator[Stream]:
    """As `ModelServer.answering`, which raises `BackendBusy` for 429 and 503; here only once it has done so often."""
    async with AsyncExitStack() as stack:
        for pause_s in PAUSES_S:
            try:
                stream = await stack.enter_async_context(server.answering(body))
                break
            except BackendBusy:
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))
        else:
            stream = await stack.enter_async_context(server.answering(body))
        yield stream
