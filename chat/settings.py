"""The app's settings, read once from the environment and `.env`.

Every key is documented in `.env.example`; a wrong value or an unknown `PAGODA_` key stops the start
with a sentence that names it. Chainlit reads its own keys (`CHAINLIT_HOST`, `CHAINLIT_PORT`).
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AnyHttpUrl, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chat.errors import SettingsError
from chat.presets import presets

ROOT = Path(__file__).resolve().parent.parent
ENV_FILE = ROOT / ".env"
PREFIX = "PAGODA_"
# What takes 3 bytes each on its way here still is within what a socket accepts (chat/ui/sockets.py).
MOST_CHARS = 1_000_000


def _parts(value: object) -> object:
    return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value


Origin = Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")]


class Settings(BaseSettings):
    """One field for each key: `backend_url` is `PAGODA_BACKEND_URL`. Several values stand apart by commas or blanks."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    backend_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8000/v1")
    vllm_api_key: Annotated[SecretStr | None, Field(validation_alias="VLLM_API_KEY")] = None
    model: str | None = None
    preset: str = "assistant"
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.8
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    connect_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    first_token_timeout_s: Annotated[float, Field(gt=0)] = 300.0
    read_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    answer_timeout_s: Annotated[float, Field(gt=0)] = 1800.0
    shutdown_timeout_s: Annotated[float, Field(ge=0)] = 25.0
    queue_limit: Annotated[int, Field(ge=1)] = 200
    metrics_token: Annotated[SecretStr | None, Field(min_length=16)] = None
    log_format: Literal["text", "json"] = "text"
    price_per_hour: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    max_message_chars: Annotated[int, Field(ge=1, le=MOST_CHARS)] = 500_000
    answers_per_user: Annotated[int, Field(ge=1)] = 8
    sockets_per_address: Annotated[int, Field(ge=1)] = 100
    password_file: Path | None = None
    user_header: Annotated[str | None, Field(pattern="^[A-Za-z0-9-]+$")] = None
    secret_file: Path = Path(".auth-secret")
    loopback_only: bool = False
    allowed_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_parts)] = ()
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_parts)] = ()

    @field_validator("preset")
    @classmethod
    def _preset_exists(cls, value: str) -> str:
        if value not in presets():
            raise ValueError(f"choose one of {', '.join(presets())}")
        return value


def load_settings(env_file: Path | None = ENV_FILE) -> Settings:
    """Read the environment, then `env_file`; raises `SettingsError` naming each bad key and value."""
    _refuse_unknown_keys(env_file)
    try:
        # utf-8-sig: an editor on Windows may have left a byte order mark in front of the first key.
        return Settings(_env_file=env_file, _env_file_encoding="utf-8-sig")
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(dict(detail)) for detail in error.errors())) from None


def _refuse_unknown_keys(env_file: Path | None) -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    keys = set(os.environ)
    if env_file is not None and env_file.is_file():
        keys |= set(dotenv_values(env_file, encoding="utf-8-sig"))
    unknown = sorted(key for key in keys if key.upper().startswith(PREFIX) and key.upper() not in known)
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)} is no setting of Pagoda; remove it or see .env.example for the names"
        )


def _explain(detail: dict[str, object]) -> str:
    location = detail["loc"]
    name = str(location[0]) if isinstance(location, tuple) else str(location)
    key = name if name == "VLLM_API_KEY" else f"{PREFIX}{name}".upper()
    shown = "(hidden)" if "KEY" in key or "TOKEN" in key.split("_") else repr(detail["input"])
    return f"{key}={shown} is not valid: {detail['msg']}; change it in the environment or in .env"
