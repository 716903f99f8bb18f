"""What gets past the page, and what gets into its log: through real processes."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chat_client import ChatClient
from tests.door_client import get, socket_status
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

TYPED = "what-the-user-typed"
KEY = "a-key-of-vllm"
FORGED = "2026-11-25 00:00:00 - INFO - forged"
SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENS = "0A"


def test_fault_87_vllm_listens_on_this_machine_alone(vllm_url: str) -> None:
    """As `make backend` and `make demo` start it, vLLM listens on 127.0.0.1, and on no address that others reach."""
    port = int(vllm_url.split(":")[2].removesuffix("/v1"))
    rows = [line.split() for file in SOCKETS for line in file.read_text().splitlines()]
    addresses = [row[1] for row in rows if row[3] == LISTENS and row[1].endswith(f":{port:04X}")]
    assert addresses == [f"0100007F:{port:04X}"]


async def test_fault_88_a_log_to_read_has_no_words_of_users_and_no_forged_lines(tmp_path: Path) -> None:
    """The log has neither questions nor keys, nor what the model server quotes; nothing that is sent forges a line."""
    port, log = free_port(), tmp_path / "app.log"
    quoted = f'{{"message": "{TYPED} {KEY}\\n{FORGED}"}}\n{FORGED}'
    with FakeVllm() as fake, app_service(port, fake.url, log, VLLM_API_KEY=KEY) as service:
        async with ChatClient(service.ready_url.removesuffix("/health")) as chat:
            fake.script = Script(["Hello"])
            assert (await chat.ask(TYPED)).text == "Hello"
            for raw in (f"data: {{broken {quoted}\n\n", f'data: {{"error": {{"message": "{TYPED}"}}}}\n\n'):
                fake.script = Script(raw=[raw.encode()])
                assert (await chat.ask(TYPED)).errors
            fake.script = Script(status=400)
            assert (await chat.ask(TYPED)).errors
            await chat.emit("window_message", {"pagoda": f"x\n{FORGED}"})
            await chat.emit("canvas_copy", {"id": f"\n{FORGED}"})
            await chat.call("answer_text", {"id": f"\n{FORGED}"})
        url = f"http://127.0.0.1:{port}"
        get(f"{url}/x%0A{FORGED.replace(' ', '%20')}", headers={"Origin": "https://evil.example"})
        await socket_status(url, Origin="https://evil.example", Host=f"x{FORGED}")
        said = log.read_text()
    assert "RequestRefused (400)" in said
    assert "refused: gate_origin" in said
    assert not re.search(rf"{TYPED}|{KEY}|secret-detail|^{FORGED}|Traceback", said, re.MULTILINE), said
