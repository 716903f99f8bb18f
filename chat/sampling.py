"""What a user sets for a conversation: model, system prompt, temperature, top_p, max tokens, seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chat.errors import FormError, PromptTooLong
from chat.presets import CUSTOM, presets
from chat.settings import Settings
from chat.texts import Language

SEED_LIMIT = 2**63 - 1
LONGEST_SYSTEM_PROMPT = 32_000  # characters


class Sampling(BaseModel):
    """How the next answer is made. Frozen: an answer under way keeps the values it began with.

    Without a `model`, the server's first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    preset: str = CUSTOM
    system_prompt: Annotated[str, Field(max_length=LONGEST_SYSTEM_PROMPT)] = ""
    temperature: Annotated[float, Field(ge=0, le=2)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_tokens: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0, le=SEED_LIMIT)] | None = None


def default_sampling(settings: Settings, language: Language) -> Sampling:
    """The values a conversation starts with."""
    return Sampling(
        preset=settings.preset,
        system_prompt=presets()[settings.preset].prompt[language],
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
    )


def sampling_from_form(form: Mapping[str, object], before: Sampling) -> Sampling:
    """The form's values over those `before`; raises `FormError` naming the first bad one.

    An empty field arrives as None or as empty text: no system prompt, no seed. A socket client may send anything.
    """
    if unknown := _unknown(form):
        raise unknown
    values = {**before.model_dump(), **form}
    values["system_prompt"] = values["system_prompt"] or ""
    values["seed"] = None if values["seed"] == "" else values["seed"]
    try:
        return Sampling.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        field = str(detail["loc"][0])
        if detail["type"] == "string_too_long" and field == "system_prompt":
            raise PromptTooLong(field=field, limit=LONGEST_SYSTEM_PROMPT) from None
        raise FormError(f"{field}: {detail['msg']}", field=field, value=str(detail["input"])[:40]) from None


def _unknown(form: Mapping[str, object]) -> FormError | None:
    """What is wrong with the first field that there is not."""
    name = next((name for name in form if name not in Sampling.model_fields), None)
    return None if name is None else FormError("no such field", field=name[:40], value=str(form[name])[:40])


def what_is_right(form: Mapping[str, object], before: Sampling) -> tuple[Sampling, FormError | None]:
    """The form's values as far as they are right, over those `before`; and what is wrong with the first that is not."""
    first = _unknown(form)
    right = {name: value for name, value in form.items() if name in Sampling.model_fields}
    while True:
        try:
            return sampling_from_form(right, before), first
        except FormError as error:
            first = first or error
            field = str(error.values["field"])
            if field not in right:
                raise
            del right[field]


def follow_preset(edited: Sampling, before: Sampling, prompts: Mapping[str, str]) -> Sampling:
    """Choosing another preset brings its prompt; writing another prompt makes the preset "custom".

    `prompts` are those of all presets there are, by id.
    """
    prompt = prompts.get(edited.preset)
    if prompt is None or prompt == edited.system_prompt:
        return edited if prompt is not None else edited.model_copy(update={"preset": CUSTOM})
    if edited.preset != before.preset:
        return edited.model_copy(update={"system_prompt": prompt})
    return edited.model_copy(update={"preset": CUSTOM})
