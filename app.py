"""Chainlit entry point: `chainlit run app.py --headless --port 8080`, or `make app`.

Handlers only. A message goes browser -> here -> `chat.ui.answers` -> `chat.turn` -> vLLM.
Modules are imported here at the top: Chainlit takes the folder off the path once this file is loaded.
"""

from __future__ import annotations

import logging
import sys

import chainlit as cl

from chat.errors import PagodaError
from chat.model_server import ModelServer
from chat.price import Price
from chat.sampling import default_sampling
from chat.settings import load_settings
from chat.texts import language_for
from chat.ui import (
    answer_events,
    canvas_events,
    composer,
    conversation_bar,
    kept,
    overrides,
    page_assets,
    page_template,
    page_words,
    panel,
    schema_events,
    session,
    starters,
    unblocked,
    welcome,
    window_messages,
)
from chat.ui.answers import answer_question
from chat.ui.boundary import sheltered
from chat.ui.session import ChatSession

# At INFO the HTTP clients log a line for each request, addresses included.
for client in ("httpx", "httpx2"):
    logging.getLogger(client).setLevel(logging.WARNING)

try:
    settings = load_settings()
except PagodaError as error:
    sys.exit(f"Pagoda cannot start: {error}")
server = ModelServer(settings)
unblocked.install()
overrides.install()
page_template.install()
page_words.install()
page_assets.install()
answer_events.install(server)
canvas_events.install(server)
schema_events.install()
panel.install(server)
conversation_bar.install(server)
starters.install()
kept.install()


@cl.set_chat_profiles
async def chat_profiles(_user: cl.User | None, language: str | None) -> list[cl.ChatProfile]:
    return [await welcome.profile(server, language_for(language))]


@cl.on_chat_start
@sheltered
async def on_chat_start() -> None:
    language = session.browser_language()
    sampling = default_sampling(settings, language)
    chat = ChatSession(language, sampling, form=sampling, price=Price.configured(settings))
    session.keep(chat)
    conversation_bar.begin(server, chat)
    await show_controls(chat)


@overrides.on_reconnect
@sheltered
async def on_reconnect() -> None:
    chat = session.current_or_none()
    if chat is None:
        return
    if chat.is_busy:
        await cl.context.emitter.task_start()  # Chainlit has just told the page that nothing is under way
    await show_controls(chat)


async def show_controls(chat: ChatSession) -> None:
    """All that stands on the page beside the conversation."""
    await composer.show_toggle(chat, on=False)
    await composer.show_pickers(chat)
    await starters.show(chat)
    await kept.ask()
    await panel.show(server, chat)
    await conversation_bar.show(chat)


@cl.on_message
@sheltered
async def on_message(message: cl.Message) -> None:
    await kept.settled(session.current())
    composer.take_model(session.current(), message)
    await answer_question(server, session.current(), message)


@cl.on_window_message
@sheltered
async def on_window_message(message: object) -> None:
    await window_messages.dispatch(session.current_or_none(), message)


@overrides.on_settings_edit
@sheltered
async def on_settings_edit(form: dict[str, object]) -> None:
    await panel.edited(server, session.current(), form)


@overrides.on_settings_update
@sheltered
async def on_settings_update(form: dict[str, object]) -> None:
    await panel.confirmed(server, session.current(), form)


@cl.on_chat_end
async def on_chat_end() -> None:
    # Fires on every dropped connection, after most of which the browser comes back.
    session.stop_when_left()
