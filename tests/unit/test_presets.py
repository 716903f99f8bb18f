"""The presets that come with Pagoda, and those that a user saves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from chat.errors import DataFileError
from chat.presets import LONGEST_NAME, LONGEST_PROMPT, MOST_OWN, PRESETS_DIR, PresetChoice, load_presets, presets
from chat.schema.ready import ready_schemas
from chat.texts import LANGUAGES, Language

CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Their prompts or questions are in one language on purpose.
OF_ONE_LANGUAGE = ("english", "chinese")


def test_there_are_a_dozen_good_ones() -> None:
    with_prompt = [preset for preset in presets().values() if all(preset.prompt.values())]
    assert len(with_prompt) >= 12
    assert list(presets()) == sorted(presets(), key=lambda key: presets()[key].order)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_differ(language: Language) -> None:
    assert len({preset.name[language] for preset in presets().values()}) == len(presets())


@pytest.mark.parametrize("preset_id", presets())
def test_each_is_written_in_both_languages(preset_id: str) -> None:
    preset = presets()[preset_id]
    assert 3 <= len(preset.starters["en-US"]) == len(preset.starters["zh-CN"]) <= 4
    forms = [[starter.json_schema for starter in preset.starters[language]] for language in LANGUAGES]
    assert forms[0] == forms[1]
    for language in LANGUAGES:
        assert len({starter.label for starter in preset.starters[language]}) == len(preset.starters[language])
        assert bool(CHINESE.search(preset.name[language])) == (language == "zh-CN")
    if preset_id not in OF_ONE_LANGUAGE:
        english, chinese = ([s.message for s in preset.starters[language]] for language in LANGUAGES)
        assert all(CHINESE.search(message) for message in chinese)
        assert preset_id == "translator" or not any(CHINESE.search(message) for message in english)
        assert bool(CHINESE.search(preset.prompt["zh-CN"])) == (preset_id != "none")


def test_starters_ask_for_schemas_that_exist() -> None:
    asked = {s.json_schema for preset in presets().values() for starters in preset.starters.values() for s in starters}
    assert asked - {None, "any"} <= set(ready_schemas())
    assert len(asked) > 5


def broken(**changes: object) -> str:
    content = yaml.safe_load((PRESETS_DIR / "concise.yaml").read_text(encoding="utf-8"))
    return yaml.safe_dump({**content, **changes}, allow_unicode=True)


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "x",
        broken(extra=1),
        broken(name={"en-US": "A"}),
        broken(prompt={"en-US": "A", "zh-CN": "B", "de": "C"}),
        broken(starters={"en-US": [], "zh-CN": []}),
        broken(starters={language: [{"label": "a", "message": "a", "json": "nothing"}] * 3 for language in LANGUAGES}),
        broken(starters={language: [{"label": "a", "message": "a", "schema": "books"}] * 3 for language in LANGUAGES}),
    ],
)
def test_a_bad_preset_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.yaml").write_text(content)
    with pytest.raises(DataFileError, match=r"broken\.yaml"):
        load_presets(tmp_path)


def test_a_good_preset_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / "fine.yaml").write_text(broken(order=3))
    assert load_presets(tmp_path)["fine"].order == 3


def test_an_own_preset_is_saved_replaced_and_deleted() -> None:
    choice = PresetChoice()
    saved = choice.save("  My   own\nvoice ", "Speak.", "en-US")
    assert saved == "own:My own voice"
    assert choice.save("My own voice", "Sing.", "en-US") == saved
    assert choice.prompts("en-US")[saved] == "Sing."
    assert choice.names("en-US")[saved] == choice.own_name(saved) == "My own voice"
    choice.delete("pirate")
    choice.delete(saved)
    assert choice.own == {}
    assert choice.own_name(saved) is None
    assert "pirate" in choice.names("en-US")


def test_an_own_preset_never_takes_the_name_of_another() -> None:
    choice = PresetChoice()
    name = presets()["pirate"].name["zh-CN"]
    assert choice.save(name, "x", "zh-CN") == f"own:{name} (2)"
    assert list(choice.names("zh-CN").values()).count(name) == 1


def test_own_presets_have_limits() -> None:
    choice = PresetChoice()
    assert choice.save("long", "x" * (LONGEST_PROMPT + 1), "en-US") is None
    assert choice.own == {}
    for number in range(MOST_OWN + 3):
        choice.save(f"{number}", "x", "en-US")
    assert (len(choice.own), next(iter(choice.own))) == (MOST_OWN, "3")
    saved = choice.save("n" * 200, "x", "en-US")
    assert saved == "own:" + "n" * LONGEST_NAME
