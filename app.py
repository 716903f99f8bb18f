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
from chat.sampling import default_sampling
from chat.settings import load_settings
from chat.texts import language_for
from chat.ui import canvas_events, composer, overrides, panel, schema_events, session, welcome
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
overrides.install()
canvas_events.install(server)
schema_events.install()


@cl.set_chat_profiles
async def chat_profiles(_user: cl.User | None, language: str | None) -> list[cl.ChatProfile]:
    return [await welcome.profile(server, language_for(language))]


@cl.on_chat_start
@sheltered
async def on_chat_start() -> None:
    language = session.browser_language()
    sampling = default_sampling(settings, language)
    chat = ChatSession(language, sampling, form=sampling)
    session.keep(chat)
    await composer.show_toggle(chat, on=False)
    await composer.show_picker(chat)
    await schema_events.ask_for_own_schemas()
    await panel.show(server, language, sampling)


@cl.on_message
@sheltered
async def on_message(message: cl.Message) -> None:
    await answer_question(server, session.current(), message)


@cl.on_window_message
@sheltered
async def on_window_message(message: object) -> None:
    await schema_events.on_window_message(session.current_or_none(), message)


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
    if session.is_left_for_good():
        session.current().stop()
