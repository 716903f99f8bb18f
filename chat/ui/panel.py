"""The settings panel, and everything else that sets how the next answer is made.

Beside the values themselves the form has two fields that do something once it is confirmed: a name saves the system
prompt as a preset of the user's own, and a switch deletes the own preset that is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chat.errors import FormError, TurnError
from chat.model_server import ModelServer
from chat.presets import CUSTOM, LONGEST_PROMPT, MOST_OWN
from chat.sampling import Sampling, follow_preset, sampling_from_form, what_is_right
from chat.texts import sentences, text
from chat.ui import composer, starters
from chat.ui.boundary import Payload
from chat.ui.kept import keep_choices, keep_presets
from chat.ui.notices import say
from chat.ui.panel_form import DELETE, SAVE_AS, form
from chat.ui.session import ChatSession
from chat.ui.window_messages import heard


class Picked(Payload):
    """A model in the picker beside the message box, by its name; or a preset on the empty page, by its id."""

    name: str


class Named(Payload):
    """An own preset as the browser keeps it."""

    name: str
    text: str


class Kept(Payload):
    """What the browser kept; each entry is checked by itself."""

    presets: list[object]


class Choices(Payload):
    """What was chosen in the chat before, as `chat.ui.kept` sent it."""

    settings: dict[str, Any]
    schema_name: str


def install(server: ModelServer) -> None:
    """Register what the page says of presets, models and choices; to be called once, while `app.py` loads."""

    async def model_chosen(chat: ChatSession, said: Picked) -> None:
        await apply(server, chat, chat.sampling.model_copy(update={"model": said.name}))

    async def preset_chosen(chat: ChatSession, said: Picked) -> None:
        edited = chat.sampling.model_copy(update={"preset": said.name})
        await apply(server, chat, follow_preset(edited, chat.sampling, chat.presets.prompts(chat.language)))

    async def own_presets(chat: ChatSession, said: Kept) -> None:
        """Take back what the browser kept, checked anew; what is not well-formed is left out."""
        for entry in said.presets[:MOST_OWN]:
            try:
                preset = Named.model_validate(entry)
            except ValidationError:
                continue
            if preset.name.strip() and preset.name not in chat.presets.own:
                chat.presets.save(preset.name, preset.text, chat.language)
        await show(server, chat)
        await starters.show(chat)

    async def choices(chat: ChatSession, said: Choices) -> None:
        try:
            chosen = sampling_from_form(said.settings, chat.sampling)
        except FormError:
            return
        by_name = {name: schema_id for schema_id, name in chat.schemas.names(chat.language).items()}
        chat.schemas.chosen = by_name.get(said.schema_name, chat.schemas.chosen)
        await apply(server, chat, follow_preset(chosen, chosen, chat.presets.prompts(chat.language)))
        await composer.show_schema(chat)

    heard("model_chosen", Picked, model_chosen)
    heard("preset_chosen", Picked, preset_chosen)
    heard("own_presets", Kept, own_presets)
    heard("choices", Choices, choices)


async def show(server: ModelServer, chat: ChatSession) -> None:
    """Send the panel, and the model picker if there is anything new to pick.

    Without a server the longest answer set is all that is known of the context.
    """
    try:
        models = await server.models()
    except TurnError:
        context = chat.form.max_tokens
    else:
        await composer.follow_models(server, chat)
        context = next((model for model in models if model.id == chat.form.model), models[0]).max_model_len
    await form(chat, context).refresh()


async def apply(server: ModelServer, chat: ChatSession, sampling: Sampling) -> None:
    """Make the next answer with `sampling`, and show it everywhere."""
    before, chat.sampling, chat.form = chat.sampling, sampling, sampling
    await show(server, chat)
    if sampling.model != before.model:
        await composer.show_pickers(chat)
    if sampling.preset != before.preset:
        await starters.show(chat)
    await keep_choices(chat)


async def edited(server: ModelServer, chat: ChatSession, typed: Mapping[str, object]) -> None:
    """A field changes while the panel is open: choosing a preset fills in its system prompt."""
    try:
        changed = sampling_from_form(_values(typed), chat.form)
    except FormError:
        return  # `confirmed` says so, if it is still wrong then.
    chat.form, before = changed, chat.form
    if changed.system_prompt == chat.sampling.system_prompt != before.system_prompt:
        before = chat.sampling  # what was typed before has been given up; the page tells of no Cancel
    if changed.preset != before.preset:
        chat.form = follow_preset(changed, before, chat.presets.prompts(chat.language))
        await show(server, chat)


async def confirmed(server: ModelServer, chat: ChatSession, typed: Mapping[str, object]) -> None:
    """The panel is confirmed: its values hold from the next answer on.

    Of one that is wrong it is said that it is, and the one before stays.
    """
    await say("")
    chosen, error = what_is_right(_values(typed), chat.sampling)
    if error:
        field = str(error.values["field"])
        label = sentences(chat.language).get(f"setting_{field}", field)
        await say(text(chat.language, error.text, **{**error.values, "field": label}))
    chosen = follow_preset(chosen, chat.form, chat.presets.prompts(chat.language))
    name = typed.get(SAVE_AS)
    if typed.get(DELETE) is True and (own := chat.presets.own_name(chosen.preset)):
        chat.presets.delete(chosen.preset)
        await keep_presets(chat, gone=own)
        chosen = chosen.model_copy(update={"preset": CUSTOM})
    elif isinstance(name, str) and name.strip():
        saved = chat.presets.save(name, chosen.system_prompt, chat.language)
        if saved is None:
            await say(text(chat.language, "presets_too_long", limit=LONGEST_PROMPT))
        else:
            chosen = chosen.model_copy(update={"preset": saved})
            await keep_presets(chat)
    await apply(server, chat, chosen)


def _values(typed: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in typed.items() if key not in (SAVE_AS, DELETE)}
