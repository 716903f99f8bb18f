"""What the model server's replies must hold."""

from __future__ import annotations

import pytest

from chat.errors import BackendFailing
from chat.replies import Cards, understood


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"data": null}',
        b'{"data": "abc"}',
        b'{"data": [{"id": ["a"]}]}',
        b'{"data": [{"max_model_len": 5}]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_list_of_models_is_no_model_server(body: bytes) -> None:
    with pytest.raises(BackendFailing):
        understood(Cards, body)


@pytest.mark.parametrize(
    ("told", "length"),
    [("2048", 2048), ("null", None), ("-5", None), ("0", None), ("true", None), ('"x"', None), ("9" * 400, None)],
)
def test_a_context_that_cannot_be_is_none(told: str, length: int | None) -> None:
    [card] = understood(Cards, b'{"data": [{"id": "m", "max_model_len": %b}]}' % told.encode()).data
    assert card.max_model_len == length
