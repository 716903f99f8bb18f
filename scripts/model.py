"""What MODEL means: nothing (the bundled model), a local folder, or the id of a model on Hugging Face.

Looks before anything is installed: a folder must hold a model, an id must exist, as far as the hub can be asked.
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from backend.profiles import BUNDLED_MODEL
from scripts.problems import Problem
from scripts.stopping import Stopping

HUB = "https://huggingface.co"
TIMEOUT_S = 15


def resolve(text: str, stopping: Stopping) -> str | None:
    """The model for `backend.serve --model`: None for the bundled one, a folder's full path, or a hub id."""
    if not text:
        _check_folder(BUNDLED_MODEL, "The bundled model is not in this checkout")
        return None
    folder = Path(text).expanduser()
    if folder.is_dir() or text.startswith(("/", "./", "../", "~")):
        _check_folder(folder, f"MODEL={text} is not a folder with a model")
        return str(folder.resolve())
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", text) is None:
        raise Problem(f"MODEL={text} is neither a folder nor a Hugging Face id such as Qwen/Qwen2.5-0.5B-Instruct.")
    if not is_cached(text) and not os.environ.get("VLLM_USE_MODELSCOPE"):
        with stopping.interruptible():
            _ask_hub(text)
    return text


def is_cached(model: str) -> bool:
    """Whether huggingface_hub has some of it already, so that it can do without the hub or say itself what is wrong."""
    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface"))
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()
    return any(hub.glob(f"models--{model.replace('/', '--')}/snapshots/*/config.json"))


def _check_folder(folder: Path, complaint: str) -> None:
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise Problem(f"{complaint}: {folder} needs config.json and *.safetensors.")


def _ask_hub(model: str) -> None:
    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    request = urllib.request.Request(f"{endpoint}/{model}/resolve/main/config.json", method="HEAD")
    token = os.environ.get("HF_TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise Problem(f"There is no model {model} at {endpoint} (or no config.json in it): check MODEL.") from None
        if error.code in (401, 403):
            raise Problem(
                f"There is no model {model} at {endpoint}, or it is private or gated: check MODEL, accept the model's "
                "terms on its page, and set HF_TOKEN."
            ) from None
        raise Problem(f"{endpoint} answered {error.code} when asked for {model}: try again later.") from None
    except OSError as error:
        raise Problem(
            f"{endpoint} cannot be reached to download {model} ({getattr(error, 'reason', error)}): check the network, "
            "set HF_ENDPOINT to a mirror, or give MODEL a local folder."
        ) from None
