"""Who may come in: users of a password file, those whom a trusted proxy names, or, on this machine alone, everybody.

The app does not start where others could reach it without a sign-in. Chainlit asks for name and password on its own
page and keeps the answer in a signed cookie; the key that signs it is made here, once, and kept in a file.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from pathlib import Path

import chainlit as cl
from chainlit.config import config
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from chat.access import caller, is_loopback
from chat.attempts import Attempts
from chat.errors import SettingsError
from chat.passwords import Passwords
from chat.settings import ROOT, Settings
from chat.texts import text
from chat.ui.routes import Needs

logger = logging.getLogger(__name__)

SECRET = "CHAINLIT_AUTH_SECRET"
SHORTEST_SECRET = 32
LONGEST_NAME = 128
# So many passwords are tried at the same time: each takes 32 MB.
AT_A_TIME = 2
# By name only shortly: nobody is to be locked out by others who try.
BY_NAME_S = 30.0


def install(settings: Settings) -> frozenset[Needs]:
    """What is switched on; `SettingsError` where others could come in without a sign-in."""
    switched_on: set[Needs] = {"nothing"}
    if settings.password_file is not None:
        _with_passwords(Passwords.read(ROOT / settings.password_file))
        switched_on |= {"sign-in", "passwords"}
    if settings.user_header is not None:
        if not settings.trusted_proxies:
            raise SettingsError("PAGODA_USER_HEADER needs PAGODA_TRUSTED_PROXIES: whose header is to be believed?")
        _with_header(settings.user_header)
        switched_on |= {"sign-in", "header"}
    if "sign-in" in switched_on:
        _secret(ROOT / settings.secret_file)
    elif not is_loopback(config.run.host) and not settings.loopback_only:
        raise SettingsError(
            f"the page would listen on {config.run.host}, where others reach it, and nobody has to sign in: set "
            "PAGODA_PASSWORD_FILE or PAGODA_USER_HEADER (docs/security.md), or listen on 127.0.0.1"
        )
    return frozenset(switched_on)


def _with_passwords(passwords: Passwords) -> None:
    by_address, by_name, free = Attempts(), Attempts(BY_NAME_S), asyncio.Semaphore(AT_A_TIME)

    async def check(name: str, password: str) -> cl.User:
        who = caller.get()
        address = who.address
        async with free:
            if by_address.wait_s(address) or by_name.wait_s(name):
                logger.warning("a sign-in from %s has to wait: too many attempts", address)
                raise HTTPException(429, text(who.language, "sign_in_wait"))
            # Counted before it is known: attempts at the same time are as many attempts.
            by_address.failed(address)
            by_name.failed(name[:LONGEST_NAME])
            if not await asyncio.to_thread(passwords.are, name, password):
                logger.warning("a sign-in from %s failed", address)
                raise HTTPException(401, text(who.language, "sign_in_wrong"))
        by_address.succeeded(address)
        by_name.succeeded(name)
        return cl.User(identifier=name)

    # Not by Chainlit's decorator, which lets no sentence of ours through.
    config.code.password_auth_callback = check


def _with_header(name: str) -> None:
    async def told(headers: Headers) -> cl.User | None:
        """`chat.ui.gate` has taken the header away from everybody but the proxy."""
        user = headers.get(name, "").strip()
        return cl.User(identifier=user[:LONGEST_NAME]) if user else None

    config.code.header_auth_callback = told


def _secret(path: Path) -> None:
    """Have the key that signs cookies: the one that is set, that of the file, or a new one."""
    given = os.environ.get(SECRET)
    if given is not None and len(given) < SHORTEST_SECRET:
        raise SettingsError(f"{SECRET} is too short; have at least {SHORTEST_SECRET} characters, or leave it to Pagoda")
    os.environ[SECRET] = given or _kept_secret(path)


def _kept_secret(path: Path) -> str:
    made = secrets.token_urlsafe(48)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made)
        return made
    except FileExistsError:
        pass
    except OSError as error:
        logger.warning("PAGODA_SECRET_FILE=%s can't be written (%s): a restart signs everybody out", path, error)
        return made
    try:
        kept = path.read_text(encoding="ascii").strip()
        shared = path.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        raise SettingsError(f"PAGODA_SECRET_FILE={path} can't be read: {type(error).__name__}") from None
    if shared:
        raise SettingsError(f"PAGODA_SECRET_FILE={path} can be read by other users: chmod 600 it, or delete it")
    if len(kept) < SHORTEST_SECRET:
        raise SettingsError(f"PAGODA_SECRET_FILE={path} holds too short a secret: delete it for a new one")
    return kept
