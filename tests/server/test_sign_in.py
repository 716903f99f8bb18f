"""Who may chat: by a password file or a proxy's word, and that an open door does not start."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
import socketio

from chat.passwords import line_for
from chat.texts import text
from tests.door_client import connected, get, introduction, post
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import ROOT, app_service

HELLO = Script(["Hello", " there."])
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def signed_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app that asks for a password, or takes a proxy's word."""
    folder, port = tmp_path_factory.mktemp("signed"), free_port()
    (folder / "passwords").write_text(f"# who may come in\n{line_for('ada', PASSWORD)}\n{line_for('bob', PASSWORD)}\n")
    settings = {
        "CHAINLIT_HOST": "0.0.0.0",
        "PAGODA_PASSWORD_FILE": str(folder / "passwords"),
        "PAGODA_SECRET_FILE": str(folder / "secret"),
        "PAGODA_USER_HEADER": "X-User",
        "PAGODA_TRUSTED_PROXIES": "127.0.0.2",
    }
    with app_service(port, fake.url, folder / "app.log", **settings):
        assert (folder / "secret").stat().st_mode & 0o777 == 0o600
        yield f"http://127.0.0.1:{port}"


def login(url: str, name: str, password: str, **headers: str) -> httpx.Response:
    return post(f"{url}/login", data={"username": name, "password": password}, headers=headers)


def session_of(url: str, cookies: dict[str, str], session_id: str) -> AbstractAsyncContextManager[socketio.AsyncClient]:
    """A page whose browser has `cookies`."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return connected(url, introduction(session_id), {"Cookie": cookie})


async def test_without_a_sign_in_there_is_no_chat(signed_url: str) -> None:
    assert get(f"{signed_url}/auth/config").json()["requireLogin"] is True
    assert get(f"{signed_url}/user").status_code == 401
    assert get(f"{signed_url}/project/settings").status_code == 401
    assert get(f"{signed_url}/login").status_code == 200
    for cookies in ({}, {"access_token": "x"}):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with session_of(signed_url, cookies, str(uuid.uuid4())):
                pass
    wrong = login(signed_url, "ada", "wrong", **{"Accept-Language": "zh-CN,zh"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, text("zh-CN", "sign_in_wrong"))
    assert login(signed_url, "nobody", PASSWORD).status_code == 401


async def test_fault_78_a_session_is_its_users_own(signed_url: str) -> None:
    """A socket with another user's session id is refused; its owner comes back to the conversation."""
    ada, bob = (dict(login(signed_url, name, PASSWORD).cookies) for name in ("ada", "bob"))
    assert get(f"{signed_url}/user", cookies=ada).json()["identifier"] == "ada"
    session_id = str(uuid.uuid4())
    async with session_of(signed_url, ada, session_id):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with session_of(signed_url, bob, session_id):
                pass
        async with session_of(signed_url, ada, session_id):  # a connection that comes back
            pass


def test_fault_77_no_file_is_read_without_signing_in(signed_url: str) -> None:
    """Who has not signed in gets the page's own scripts and pictures, and 401 or 404 for all else."""
    ada = dict(login(signed_url, "ada", PASSWORD).cookies)
    session_id = str(uuid.uuid4())
    files = ("/project/file/x", "/project/element/x", "/.files/x", "/.env", "/.auth-secret", "/passwords", "/app.py")
    for path in (*files, "/chat/settings.py", "/.chainlit/config.toml", "/logs/app.log", "/project/threads/x"):
        for cookies in ({}, ada):
            assert get(f"{signed_url}{path}?session_id={session_id}", cookies=cookies).status_code in (401, 404), path
    assert get(f"{signed_url}/project/settings").status_code == 401
    assert get(f"{signed_url}/public/pagoda.js").status_code == 200


def test_cookies_are_secure_but_on_this_machine(signed_url: str) -> None:
    port = signed_url.rpartition(":")[2]
    here = login(signed_url, "ada", PASSWORD).headers["set-cookie"].lower()
    assert "httponly" in here
    assert "samesite=lax" in here
    assert "secure" not in here
    there = login(signed_url, "ada", PASSWORD, Host=f"chat.example:{port}").headers["set-cookie"].lower()
    assert "; secure" in there


def test_fault_82_guessing_passwords_is_slowed_down(signed_url: str) -> None:
    """After five wrong passwords from an address, every attempt from it is told to wait (429), a right one included."""
    statuses = [login(signed_url, f"guess{number}", "wrong").status_code for number in range(8)]
    assert statuses[:3] == [401, 401, 401]
    assert 429 in statuses
    assert login(signed_url, "ada", PASSWORD).status_code == 429  # from that address, for a while


def test_only_the_proxy_says_who_has_signed_in(signed_url: str) -> None:
    address = f"{signed_url}/auth/header"
    assert post(address, headers={"X-User": "ada"}).status_code == 401
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as proxy:
        assert proxy.post(address).status_code == 401
        signed = proxy.post(address, headers={"X-User": "ada"})
    assert signed.status_code == 200
    assert get(f"{signed_url}/user", cookies=dict(signed.cookies)).json()["identifier"] == "ada"


STARTS: dict[str, tuple[dict[str, str], str]] = {
    "beyond_loopback": ({"CHAINLIT_HOST": "0.0.0.0"}, "PAGODA_PASSWORD_FILE"),
    "no_such_file": ({"PAGODA_PASSWORD_FILE": "/nowhere/passwords"}, "PAGODA_PASSWORD_FILE=/nowhere/passwords"),
    "header_from_anybody": ({"PAGODA_USER_HEADER": "X-User"}, "PAGODA_TRUSTED_PROXIES"),
    "short_secret": (
        {"CHAINLIT_AUTH_SECRET": "short", "PAGODA_USER_HEADER": "X-User", "PAGODA_TRUSTED_PROXIES": "127.0.0.1"},
        "CHAINLIT_AUTH_SECRET is too short",
    ),
}


@pytest.mark.parametrize("case", STARTS)
def test_fault_68_it_does_not_start_with_an_open_door(case: str) -> None:
    """The app does not start, and one sentence names the setting that is missing, short or not to be read."""
    settings, named = STARTS[case]
    command = [sys.executable, "-m", "chainlit", "run", "app.py", "--headless", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("Pagoda cannot start: ")]
    assert named in sentence
    assert "Traceback" not in done.stderr
