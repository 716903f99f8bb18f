"""A sentence over the message box that is no part of the conversation; it stays until it is closed, or the next one.

`public/conversation_bar.js` shows it.
"""

from __future__ import annotations

import chainlit as cl


async def say(sentence: str) -> None:
    """Show the sentence; "" takes away what is there."""
    await cl.send_window_message({"pagoda": "conversation_said", "text": sentence})
