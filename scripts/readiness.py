"""Would a question be answered? Asked of vLLM itself (a chat completion of one token) and of the page."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

PAGE_TIMEOUT_S = 5
# (EngineCore pid=1) INFO 11-23 05:49:57 [core.py:133] Initializing …
_VLLM_PREFIX = re.compile(r"(\(.+? pid=\d+\) )?[A-Z]+ [\d-]+ [\d:]+ \[[^]]+\] ")
ANSWER_TIMEOUT_S = 300  # a large model on a slow CPU takes long over its first token; Ctrl-C works meanwhile


def answers(base_url: str, api_key: str) -> bool:
    """Whether vLLM at `base_url` (…/v1) completes a chat; False as long as it does not listen or is not ready."""
    headers = {"Content-Type": "application/json"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    try:
        models = _json(urllib.request.Request(f"{base_url}/models", headers=headers), PAGE_TIMEOUT_S)
        body = {
            "model": models["data"][0]["id"],
            "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": 1,
        }
        request = urllib.request.Request(f"{base_url}/chat/completions", json.dumps(body).encode(), headers)
        return bool(_json(request, ANSWER_TIMEOUT_S)["choices"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError):
        return False


def page_is_up(url: str) -> bool:
    """Whether the page is served."""
    try:
        with _opener().open(url, timeout=PAGE_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def last_line(log: Path) -> str:
    """What a log says last, for the progress line: vLLM's own message without its prefix, or a download's bar."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    told = [line for line in lines if "%|" in line or _VLLM_PREFIX.match(line)]
    return _VLLM_PREFIX.sub("", (told or lines or [""])[-1])[:100]


def _json(request: urllib.request.Request, timeout_s: float) -> dict[str, list[dict[str, str]]]:
    with _opener().open(request, timeout=timeout_s) as response:
        parsed = json.load(response)
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def _opener() -> urllib.request.OpenerDirector:
    """Straight to loopback, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
