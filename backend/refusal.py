"""The one exception for what can't work."""

from __future__ import annotations


class Refusal(Exception):
    """It can't work; the message is a sentence that names the remedy."""
