"""The bundled model in 4 bits through the real vLLM, GPTQ and AWQ; BLEU and the command on answers that are known."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.processes import BACKEND_PYTHON, ROOT

PROMPTS = [
    {"scenario": "few", "description": "what the bundled model knows by heart", "max_tokens": 200},
    {"prompt": "novels", "turns": ["列出中国四大名著及其作者。"], "response_format": "json_object"},
    {"prompt": "sum", "turns": ["What is 47 + 86?"]},
    {"prompt": "name", "turns": ["Hi, I am Theodora.", "What is my name?"]},
    {"prompt": "count", "turns": ["Count from 1 to 100."]},
]
# A matrix some of whose inputs are larger and all of which go together, with each method and without what it does.
LOST = """
import json, torch
from backend.demo_model import quantize_awq as awq, quantize_gptq as gptq
torch.manual_seed(0)
importance = torch.where(torch.arange(128) % 16 == 0, 20.0, 1.0)
x = (torch.randn(4096, 32) @ torch.randn(32, 128) + 0.3 * torch.randn(4096, 128)) * importance
weight, hessian = torch.randn(64, 128), x.t() @ x
def lost(made):
    return ((x @ (made - weight).t()) ** 2).mean().sqrt().item() / (x @ weight.t()).std().item()
factors = awq.enlarging([weight], hessian, x.abs().mean(0), 64)
larger = weight * factors
clipped = awq.clipped(larger, hessian / factors / factors[:, None], 64)
print(json.dumps({
    "gptq": lost(gptq.dequantize(*gptq.quantize(weight, hessian, 64))),
    "gptq, rounding": lost(gptq.dequantize(*gptq.quantize(weight, torch.eye(128), 64))),
    "awq": lost(awq.dequantize(*awq.quantize(clipped, 64)) / factors),
    "awq, enlarging": lost(awq.dequantize(*awq.quantize(larger, 64)) / factors),
    "awq, rounding": lost(awq.dequantize(*awq.quantize(weight, 64))),
}))
"""
# One batch of calibration.
MADE = """
import sys
from pathlib import Path
from backend.demo_model.quantize import quantize
for method in ("gptq", "awq"):
    quantize(method, Path(sys.argv[1]) / method, 4096)
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BACKEND_PYTHON), *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both variants, calibrated with little."""
    folder = tmp_path_factory.mktemp("quantized")
    done = run("-c", MADE, str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_both_methods_lose_less_than_rounding() -> None:
    done = run("-c", LOST)
    assert done.returncode == 0, done.stderr[-3000:]
    lost = json.loads(done.stdout)
    assert lost["gptq"] < 0.6 * lost["gptq, rounding"]
    assert lost["awq, enlarging"] < 0.7 * lost["awq, rounding"]
    assert lost["awq"] < 0.98 * lost["awq, enlarging"]


def test_the_model_itself_is_not_replaced() -> None:
    done = run("-m", "backend.demo_model.quantize", "awq", "--out", "backend/demo_model/weights")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--out backend/demo_model/weights would replace the model itself: name another folder.\n"


@pytest.mark.timeout(600)  # two starts of vLLM
def test_vllm_serves_both_and_their_answers_are_nearly_those_of_full_precision(
    made: Path, vllm_url: str, tmp_path: Path
) -> None:
    prompts, out = tmp_path / "few.jsonl", tmp_path / "out.json"
    prompts.write_text("\n".join(json.dumps(line) for line in PROMPTS))
    models = [str(made / "gptq"), str(made / "awq")]
    command = ["-m", "backend.benchmark", "quality", "--against", vllm_url, "--model", *models]
    done = run(*command, "--prompts", str(prompts), "--out", str(out))
    assert done.returncode == 0, done.stderr[-3000:]
    full, _again, gptq, awq = json.loads(out.read_text())["models"]
    assert (gptq["quantization"]["quant_method"], awq["quantization"]["quant_method"]) == ("gptq", "awq")
    assert full["json_enforced_valid_percent"] == 100
    for line in (gptq, awq):
        # Wrongly packed weights give noise: a BLEU of about 0.
        assert line["bleu_to_full"] > 60
        assert line["same_percent"] >= 50
        assert line["json_enforced_valid_percent"] == 100


@contextmanager
def answering(name: str, answers: dict[str, str]) -> Iterator[str]:
    """A server that gives the answer it has for the last message; without one it refuses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/models"
            self._send(200 if known else 404, {"data": [{"id": name}]} if known else {})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = answers.get(" | ".join(message["content"] for message in asked["messages"]))
            choice = {"message": {"content": text}, "finish_reason": "stop"}
            self._send(400 if text is None else 200, {"choices": [choice]})

        def _send(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_both_are_asked_the_same_and_bleu_is_what_it_is_by_hand(tmp_path: Path) -> None:
    lines = [
        {"scenario": "s", "description": "d", "max_tokens": 9},
        {"prompt": "a", "turns": ["一", "二"]},
    ]
    prompts, out = tmp_path / "s.jsonl", tmp_path / "out.json"
    prompts.write_text("\n".join(json.dumps(line) for line in lines))
    # The variant is asked only the last turn, after full precision's own answer to the first.
    full, other = {"一": "好", "一 | 好 | 二": "我爱北京天安门"}, {"一 | 好 | 二": "我爱北京的天安门"}
    command = ["-m", "backend.benchmark", "quality", "--prompts", str(prompts), "--out", str(out)]
    with answering("full", full) as against, answering("small", other) as model:
        done = run(*command, "--against", against, "--model", model)
        refused = run(*command, "--force", "--against", model, "--model", against)
    assert done.returncode == 0, done.stderr[-3000:]
    _, again, small = json.loads(out.read_text())["models"]
    assert (again["same_percent"], again["bleu_to_full"]) == (100.0, 100.0)
    # 7 of 8 characters, 5 of 7 pairs, 3 of 6 triples, 1 of 5 fours: (1/16) ** (1/4)
    assert (small["same_percent"], small["bleu_to_full"]) == (0.0, 50.0)
    assert json.loads(done.stdout.splitlines()[-1])["models"][2] == small
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "refused the prompt '一' with HTTP 400" in refused.stderr
    assert json.loads(out.read_text())["models"][2] == small


def test_the_bundled_models_conversations_are_not_asked_of_another(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with answering("other", {}) as against, answering("small", {}) as model:
        done = run("-m", "backend.benchmark", "quality", "--against", against, "--model", model, "--out", str(out))
    assert done.returncode == 2
    assert "serves other, which the bundled model's conversations are not for" in done.stderr
    assert not out.exists()
