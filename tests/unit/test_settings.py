"""Settings from the environment and `.env`: a wrong one is named, with its value, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.errors import SettingsError
from chat.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for key in list(os.environ):
        if key.startswith("PAGODA_") or key == "VLLM_API_KEY":
            monkeypatch.delenv(key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PAGODA_TEMPERATURE", "hot"),
        ("PAGODA_TOP_P", "0"),
        ("PAGODA_MAX_TOKENS", "-1"),
        ("PAGODA_BACKEND_URL", "not a url"),
        ("PAGODA_PRESET", "nobody"),
        ("PAGODA_TEMPRATURE", "0.5"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, key: str, value: str) -> None:
    monkeypatch.setenv(key, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    assert key in str(caught.value)
    assert value in str(caught.value) or "no setting of Pagoda" in str(caught.value)


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "hunter2")
    settings = load_settings(None)
    assert settings.vllm_api_key is not None
    assert "hunter2" not in repr(settings)


def test_an_env_file_from_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xef\xbb\xbfPAGODA_TEMPERATURE='0.25'\r\nPAGODA_PRESET=\"concise\"\r\nPAGODA_MODEL=\r\n")
    settings = load_settings(file)
    assert (settings.temperature, settings.preset, settings.model) == (0.25, "concise", None)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PAGODA_TEMPERATURE=0.1\n")
    monkeypatch.setenv("PAGODA_TEMPERATURE", "0.9")
    assert load_settings(file).temperature == 0.9


def test_the_example_names_every_setting_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        key = str(field.validation_alias or f"PAGODA_{name}".upper())
        default = "" if field.default in (None, ()) else f"{field.default}"
        lines = [line.lstrip("# ") for line in example.splitlines() if line.lstrip("# ").startswith(f"{key}=")]
        assert lines == [f"{key}={default}"], key
