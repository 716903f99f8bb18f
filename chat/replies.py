"""The replies of the model server that are no streams: read to a limit, and understood in the shape they must have.

Whatever listens at its address may send anything, and without end.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import aiohttp
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from chat.errors import BackendFailing
from chat.failures import BadStatus

MOST_BYTES = 16_000_000  # `/tokenize` tells each token: a million of them are half of that
MOST_OF_WHY = 10_000  # bytes of what a refusal says of itself
MOST_TOKENS = 10**9


def _possible(length: object) -> object:
    can_be = isinstance(length, int) and not isinstance(length, bool) and 1 <= length <= MOST_TOKENS
    return length if can_be else None


class Card(BaseModel):
    """A model in `/v1/models`; a length that cannot be is none."""

    id: str
    max_model_len: Annotated[int | None, BeforeValidator(_possible)] = None
    parent: str | None = None


class Cards(BaseModel):
    """`/v1/models`."""

    data: list[Card]


class Counted(BaseModel):
    """`/tokenize`."""

    count: Annotated[int, Field(ge=0, le=MOST_TOKENS, strict=True)]


Shape = TypeVar("Shape", bound=BaseModel)


def understood(shape: type[Shape], body: bytes) -> Shape:
    """What a reply says; raises `BackendFailing` where that is something else."""
    try:
        return shape.model_validate_json(body)
    except ValidationError:
        raise BackendFailing(f"a reply that is no {shape.__name__}: not a vLLM server") from None


async def whole(reply: aiohttp.ClientResponse) -> bytes:
    """All of a reply; raises ValueError where it is longer than any can be."""
    body = bytearray()
    async for part in reply.content.iter_any():
        body += part
        if len(body) > MOST_BYTES:
            raise ValueError(f"a reply of more than {MOST_BYTES} bytes")
    return bytes(body)


async def raise_for_status(reply: aiohttp.ClientResponse) -> None:
    """Raise `BadStatus` for one; of the reason, what has come by then: it is only for those who debug."""
    if not reply.ok:
        why = await reply.content.read(MOST_OF_WHY)
        raise BadStatus(reply.status, why.decode(errors="replace"))
