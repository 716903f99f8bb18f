"""The fields of the settings panel: preset, system prompt, temperature, top_p, max tokens, seed, own presets."""

from __future__ import annotations

import chainlit as cl
from chainlit.input_widget import InputWidget, Select, Slider, Switch, TextInput

from chat.presets import CUSTOM
from chat.texts import text
from chat.ui.session import ChatSession

SAVE_AS = "save_preset"
DELETE = "delete_preset"


def form(chat: ChatSession, context: int) -> cl.ChatSettings:
    """The panel showing `chat.form`; max tokens are bounded by `context`, the model's length in tokens."""
    sampling, language = chat.form, chat.language

    def label(key: str) -> str:
        return text(language, f"setting_{key}")

    def hint(key: str) -> str:
        return text(language, f"setting_{key}_help", context=context)

    presets = chat.presets.names(language)
    own = chat.presets.own_name(sampling.preset)
    items = {name: preset_id for preset_id, name in presets.items()} | {label("preset_custom"): CUSTOM}
    fields: list[InputWidget] = [
        Select(
            id="preset",
            label=label("preset"),
            description=hint("preset"),
            items=items,
            initial_value=sampling.preset if sampling.preset in presets else CUSTOM,
        ),
        TextInput(
            id="system_prompt",
            label=label("system_prompt"),
            description=hint("system_prompt"),
            initial=sampling.system_prompt,
            multiline=True,
        ),
        TextInput(
            id=SAVE_AS,
            label=label(SAVE_AS),
            description=hint(SAVE_AS),
            initial=own or "",
            placeholder=label("save_preset_placeholder"),
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
        TextInput(  # a NumberInput shows 0 where there is no seed, and takes 0 for none
            id="seed",
            label=label("seed"),
            description=hint("seed"),
            initial="" if sampling.seed is None else str(sampling.seed),
            placeholder=label("seed_placeholder"),
        ),
    ]
    if own:
        fields.insert(3, Switch(id=DELETE, label=label(DELETE), description=hint(DELETE), initial=False))
    return cl.ChatSettings(fields)
