"""The settings a user may change, and what a forged form can't."""

from __future__ import annotations

from typing import Any

import pytest

from chat.errors import FormError
from chat.presets import CUSTOM, PresetChoice, presets
from chat.sampling import Sampling, default_sampling, follow_preset, sampling_from_form, what_is_right
from chat.settings import Settings
from chat.texts import Language

BEFORE = default_sampling(Settings(), "en-US")


def test_the_defaults_come_from_the_settings() -> None:
    assert BEFORE.system_prompt == presets()["assistant"].prompt["en-US"]
    assert (BEFORE.temperature, BEFORE.top_p, BEFORE.max_tokens, BEFORE.seed) == (0.7, 0.8, 2048, None)


def test_the_form_replaces_only_what_it_holds() -> None:
    after = sampling_from_form({"temperature": 0, "seed": 7, "system_prompt": None}, BEFORE)
    assert after == BEFORE.model_copy(update={"temperature": 0, "seed": 7, "system_prompt": ""})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "hot"),
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("top_p", 0),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("seed", -1),
        ("seed", 2**70),
        ("system_prompt", {"a": 1}),
        ("n", 100),
        ("chat_template", "{{ 1 }}"),
    ],
)
def test_a_bad_value_is_named(field: str, value: object) -> None:
    with pytest.raises(FormError) as caught:
        sampling_from_form({field: value}, BEFORE)
    assert caught.value.values["field"] == field


def test_however_many_fields_there_are_that_are_none_the_form_is_looked_at_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[object] = []

    def validated(values: dict[str, Any]) -> Sampling:
        looked.append(values)
        return Sampling(**values)

    monkeypatch.setattr(Sampling, "model_validate", validated)
    forged = {f"k{number}": 1 for number in range(5000)} | {"temperature": "hot", "top_p": 0.5}
    right, first = what_is_right(forged, BEFORE)
    assert right == BEFORE.model_copy(update={"top_p": 0.5})
    assert first is not None
    assert first.values["field"] == "k0"
    assert len(looked) == 2


def prompts(language: Language) -> dict[str, str]:
    return PresetChoice().prompts(language)


def test_choosing_a_preset_brings_its_prompt() -> None:
    edited = BEFORE.model_copy(update={"preset": "concise"})
    assert follow_preset(edited, BEFORE, prompts("zh-CN")).system_prompt == presets()["concise"].prompt["zh-CN"]


def test_writing_a_prompt_makes_it_ones_own() -> None:
    edited = BEFORE.model_copy(update={"system_prompt": "Speak like a pirate."})
    assert follow_preset(edited, BEFORE, prompts("en-US")) == edited.model_copy(update={"preset": CUSTOM})


def test_an_own_prompt_stays_with_its_name() -> None:
    own = Sampling(preset=CUSTOM, system_prompt="x", temperature=0, top_p=1, max_tokens=1)
    assert follow_preset(own, own, prompts("en-US")) == own


def test_a_preset_that_does_not_exist_is_none() -> None:
    forged = BEFORE.model_copy(update={"preset": "own:gone"})
    assert follow_preset(forged, BEFORE, prompts("en-US")) == forged.model_copy(update={"preset": CUSTOM})
