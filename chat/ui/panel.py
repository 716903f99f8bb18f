"""The settings panel: system prompt, temperature, top_p, max tokens, seed."""

from __future__ import annotations

from collections.abc import Mapping

import chainlit as cl
from chainlit.input_widget import NumberInput, Select, Slider, TextInput

from chat.errors import FormError, TurnError
from chat.model_server import ModelServer
from chat.presets import presets
from chat.sampling import CUSTOM, Sampling, follow_preset, sampling_from_form
from chat.texts import Language, sentences, text
from chat.ui.session import ChatSession


async def show(server: ModelServer, language: Language, sampling: Sampling) -> None:
    """Send the panel; without a server the longest answer set is all that is known of the context."""
    try:
        context = (await server.model()).max_model_len
    except TurnError:
        context = sampling.max_tokens
    await _panel(sampling, language, context).refresh()


async def edited(server: ModelServer, chat: ChatSession, form: Mapping[str, object]) -> None:
    """A field changes while the panel is open: choosing a preset fills in its system prompt."""
    try:
        typed = sampling_from_form(form, chat.form)
    except FormError:
        return  # `confirmed` says so, if it is still wrong then.
    chat.form, before = typed, chat.form
    if typed.preset != before.preset:
        chat.form = follow_preset(typed, before, chat.language)
        await show(server, chat.language, chat.form)


async def confirmed(server: ModelServer, chat: ChatSession, form: Mapping[str, object]) -> None:
    """The panel is confirmed: its values hold from the next answer on."""
    try:
        chosen = sampling_from_form(form, chat.sampling)
    except FormError as error:
        field = error.values["field"]
        name = sentences(chat.language).get(f"setting_{field}", field)
        await cl.ErrorMessage(text(chat.language, error.text, **{**error.values, "field": name})).send()
    else:
        chat.sampling = follow_preset(chosen, chat.form, chat.language)
    chat.form = chat.sampling
    await show(server, chat.language, chat.sampling)


def _panel(sampling: Sampling, language: Language, context: int) -> cl.ChatSettings:
    """The panel showing `sampling`; max tokens are bounded by `context`, the model's length in tokens."""

    def label(key: str) -> str:
        return text(language, f"setting_{key}")

    def hint(key: str) -> str:
        return text(language, f"setting_{key}_help", context=context)

    names = {preset.name[language]: preset.id for preset in presets().values()}
    names[label("preset_custom")] = CUSTOM
    return cl.ChatSettings(
        [
            Select(
                id="preset",
                label=label("preset"),
                description=hint("preset"),
                items=names,
                initial_value=sampling.preset,
            ),
            TextInput(
                id="system_prompt",
                label=label("system_prompt"),
                description=hint("system_prompt"),
                initial=sampling.system_prompt,
                multiline=True,
            ),
            Slider(
                id="temperature",
                label=label("temperature"),
                description=hint("temperature"),
                initial=sampling.temperature,
                max=2,
                step=0.05,
            ),
            Slider(
                id="top_p",
                label=label("top_p"),
                description=hint("top_p"),
                initial=sampling.top_p,
                min=0.05,
                max=1,
                step=0.05,
            ),
            Slider(
                id="max_tokens",
                label=label("max_tokens"),
                description=hint("max_tokens"),
                initial=min(sampling.max_tokens, context),
                min=1,
                max=context,
            ),
            NumberInput(
                id="seed",
                label=label("seed"),
                description=hint("seed"),
                initial=sampling.seed,
                placeholder=label("seed_placeholder"),
            ),
        ]
    )
