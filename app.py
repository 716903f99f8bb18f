"""Chainlit entry point: `chainlit run app.py --headless --port 8080`, or `make app`.

Handlers only. A message goes browser -> here -> `chat.ui.answers` -> `chat.turn` -> vLLM.
Modules are imported here at the top: Chainlit takes the folder off the path once this file is loaded.
"""

from __future__ import annotations

import logging
import sys

import chainlit as cl
from chainlit.chat_context import chat_context
from chainlit.config import config

from chat import descriptors, logs
from chat.errors import PagodaError, TooLong
from chat.limits import AtOnce
from chat.model_server import ModelServer
from chat.price import Price
from chat.readiness import ReadinessProbe
from chat.sampling import default_sampling
from chat.settings import load_settings
from chat.texts import language_for
from chat.ui import (
    answer_events,
    canvas_events,
    composer,
    content_policy,
    conversation_bar,
    ending,
    gate,
    heard,
    kept,
    overrides,
    page_assets,
    page_template,
    page_words,
    panel,
    schema_events,
    session,
    sign_in,
    sockets,
    starters,
    unblocked,
    watching,
    welcome,
    window_messages,
)
from chat.ui.answers import answer_question
from chat.ui.banner import Banner
from chat.ui.boundary import sheltered
from chat.ui.session import ChatSession

# At INFO the HTTP clients log a line for each request, addresses included.
for client in ("httpx", "httpx2"):
    logging.getLogger(client).setLevel(logging.WARNING)

try:
    settings = load_settings()
    switched_on = sign_in.install(settings)
except PagodaError as error:
    sys.exit(f"Pagoda cannot start: {error}")
if settings.log_format == "json":
    logs.write(logs.JsonLines())
elif not config.run.debug:
    logs.write(logs.Lines())
descriptors.install()
server = ModelServer(settings)
at_once = AtOnce(settings.answers_per_user)
probe = ReadinessProbe(server, settings.queue_limit)
banner = Banner(probe)
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
content_policy.install()
sockets.install(settings)
heard.install()
gate.install(settings, switched_on)
watching.install(probe, settings.metrics_token)
ending.install(settings.shutdown_timeout_s, at_once, banner)


@cl.set_chat_profiles
async def chat_profiles(_user: cl.User | None, language: str | None) -> list[cl.ChatProfile]:
    return [await welcome.profile(server, language_for(language))]


@cl.on_chat_start
@sheltered
async def on_chat_start() -> None:
    language = session.browser_language()
    sampling = default_sampling(settings, language)
    who = sockets.who(cl.context.session)
    chat = ChatSession(language, sampling, form=sampling, price=Price.configured(settings), who=who, at_once=at_once)
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
    await chat.catch_up()


async def show_controls(chat: ChatSession) -> None:
    """All that stands on the page beside the conversation."""
    await composer.show_toggle(chat, on=False)
    await composer.show_pickers(chat)
    await starters.show(chat)
    await kept.ask()
    await panel.show(server, chat)
    await conversation_bar.show(chat)
    await banner.show(chat.language)


@cl.on_message
@sheltered
async def on_message(message: cl.Message) -> None:
    if len(message.content) > settings.max_message_chars:
        chat_context.remove(message)
        raise TooLong(length=len(message.content), limit=settings.max_message_chars)
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
