"""Model shapes: the shipped ones have the published sizes; folders, cache and hub are read; the rest is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from backend.models import BrokenModel, UnknownModel, config, shape, shipped
from backend.profiles import is_quantized

BUNDLED = Path(__file__).resolve().parents[2] / "backend/demo_model/weights"


@pytest.mark.parametrize(
    ("model", "billions", "without_embeddings", "layers", "heads", "kv_heads"),
    [  # as in Qwen's model cards: "Number of Parameters", "(Non-Embedding)", layers, heads for Q and KV
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.49, 0.36, 24, 14, 2),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1.54, 1.31, 28, 12, 2),
        ("Qwen/Qwen2.5-3B-Instruct", 3.09, 2.77, 36, 16, 2),
        ("Qwen/Qwen2.5-7B-Instruct", 7.61, 6.53, 28, 28, 4),
        ("Qwen/Qwen2.5-14B-Instruct", 14.7, 13.1, 48, 40, 8),
        ("Qwen/Qwen2.5-32B-Instruct", 32.5, 31.0, 64, 40, 8),
        ("Qwen/Qwen2.5-72B-Instruct", 72.7, 70.0, 80, 64, 8),
    ],
)
def test_a_shipped_shape_has_the_published_size(
    model: str, billions: float, without_embeddings: float, layers: int, heads: int, kv_heads: int
) -> None:
    found = shape(model)
    tables = found.embedding_parameters * (1 if found.tied_embeddings else 2)
    assert found.parameters / 1e9 == pytest.approx(billions, rel=0.01)
    assert (found.parameters - tables) / 1e9 == pytest.approx(without_embeddings, rel=0.01)
    assert (found.layers, found.heads, found.kv_heads) == (layers, heads, kv_heads)
    assert (found.max_position_embeddings, found.bits, found.quantization) == (32768, 16, None)


@pytest.mark.parametrize(("model", "method"), [("GPTQ-Int4", "gptq"), ("AWQ", "awq")])
def test_a_quantized_shape_says_so(model: str, method: str) -> None:
    found = shape(f"Qwen/Qwen2.5-7B-Instruct-{model}")
    assert (found.quantization, found.bits, found.half) == (method, 4, True)
    assert found.bytes_per_weight == 0.5 + 2.5 / 128, "a scale and a zero point for each 128"
    assert found.parameters == shape("Qwen/Qwen2.5-7B-Instruct").parameters


def test_the_bundled_models_shape_is_read_from_its_folder() -> None:
    found = shape(str(BUNDLED))
    assert found.parameters == 13_918_848  # those in model.safetensors
    assert (found.layers, found.head_dim, found.tied_embeddings) == (6, 64, True)


def test_other_kinds_are_counted_with_their_own_biases_and_norms(tmp_path: Path) -> None:
    values = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    values |= {"vocab_size": 10, "max_position_embeddings": 64}
    write(tmp_path, model_type="llama", **values)
    assert shape(str(tmp_path)).parameters == 4 * 64 + 3 * 128 + 2 * 8 + 8 + 2 * 80
    write(tmp_path, model_type="qwen3", head_dim=8, **values)
    assert shape(str(tmp_path)).parameters == 4 * 128 + 3 * 128 + 2 * 8 + 2 * 8 + 8 + 2 * 80


GROUP = {"num_bits": 4, "type": "int", "group_size": 128}


@pytest.mark.parametrize(
    ("quantized", "bits", "size"),
    [
        (None, 16, 2.0),
        ({}, 16, 2.0),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8, 1.0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8, 1.0),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": GROUP}}}, 4, 0.5 + 2.5 / 128),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": GROUP}, "b": {"weights": {"num_bits": 8}}, "c": {"weights": None}},
            },
            *(8, 1.0),
        ),
        (
            {
                "quant_method": "modelopt",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float", "group_size": 16}}},
            },
            *(4, 0.5 + 1 / 16),
        ),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4, 0.5 + 2.5 / 64),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8, 1.0),
        ({"quant_method": "mxfp4"}, 4, 0.5 + 1 / 32),
    ],
)
def test_each_method_says_its_bits_in_its_own_words(quantized: object, bits: int, size: float, tmp_path: Path) -> None:
    write(tmp_path, **{**config("Qwen/Qwen2.5-7B-Instruct"), "quantization_config": quantized})
    found = shape(str(tmp_path))
    assert (found.bits, found.bytes_per_weight) == (bits, size)
    assert is_quantized(str(tmp_path)) is (found.quantization is not None)


@pytest.mark.parametrize("quantized", [{"quant_method": "quip"}, {"bits": 4}, {"quant_method": "compressed-tensors"}])
def test_a_method_that_is_not_known_is_not_guessed(quantized: object, tmp_path: Path) -> None:
    write(tmp_path, **{**config("Qwen/Qwen2.5-7B-Instruct"), "quantization_config": quantized})
    with pytest.raises(UnknownModel, match="how many bits that takes is not known here") as raised:
        shape(str(tmp_path))
    assert not isinstance(raised.value, BrokenModel)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("num_hidden_layers", 0, "num_hidden_layers is 0, not a whole number from 1 to 2,147,483,647"),
        ("num_hidden_layers", -3, "num_hidden_layers is -3"),
        ("num_hidden_layers", True, "num_hidden_layers is True"),
        ("hidden_size", float("nan"), "hidden_size is nan"),
        ("hidden_size", 4096.5, "hidden_size is 4096.5"),
        ("hidden_size", 8, "head_dim is 0"),
        ("num_key_value_heads", 0, "num_key_value_heads is 0"),
        ("vocab_size", 10**300, "vocab_size is 1000"),
        ("max_position_embeddings", None, "max_position_embeddings is None"),
        ("quantization_config", {"quant_method": "gptq", "bits": "4"}, "bits is '4', not a whole number from 1 to 16"),
        ("quantization_config", {"quant_method": "gptq", "bits": 0}, "bits is 0"),
        ("quantization_config", {"quant_method": "gptq", "bits": 4, "group_size": "x"}, "group_size is 'x'"),
        ("quantization_config", "gptq", "'str' object"),
    ],
)
def test_a_size_that_can_not_be_is_named(key: str, value: object, said: str, tmp_path: Path) -> None:
    write(tmp_path, **{**config("Qwen/Qwen2.5-7B-Instruct"), key: value})
    with pytest.raises(BrokenModel) as raised:
        shape(str(tmp_path))
    assert f"can't be right ({said}" in str(raised.value)
    assert str(raised.value).endswith("take the one that was published with the model.")


def write(folder: Path, **values: object) -> None:
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")


def test_what_the_arithmetic_is_not_made_for_is_refused(tmp_path: Path) -> None:
    write(tmp_path, model_type="qwen3_moe")
    with pytest.raises(UnknownModel, match=r"is of the kind 'qwen3_moe'; the arithmetic here is for qwen2"):
        shape(str(tmp_path))
    write(tmp_path, model_type="qwen2", hidden_size=8)
    with pytest.raises(UnknownModel, match=r"has no 'num_hidden_layers'"):
        shape(str(tmp_path))
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnknownModel, match=r"is not JSON"):
        shape(str(tmp_path))
    (tmp_path / "config.json").unlink()
    with pytest.raises(BrokenModel, match=r"is a folder without a readable config.json. Give a local folder"):
        shape(str(tmp_path))
    (tmp_path / "params.json").touch()  # a model in Mistral's format: nothing is known of it, and vLLM reads it
    with pytest.raises(UnknownModel) as raised:
        shape(str(tmp_path))
    assert not isinstance(raised.value, BrokenModel)


class Hub(BaseHTTPRequestHandler):
    """One model, and what it was asked."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        known = self.path == "/owner/model/resolve/main/config.json"
        self.send_response(200 if known else 404)
        self.end_headers()
        if known:
            self.wfile.write(json.dumps(config("Qwen/Qwen2.5-3B-Instruct")).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Hub]]:
    """A hub on this machine, and an empty cache."""
    Hub.asked = []
    server = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield Hub
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_unknown_model_is_asked_of_the_hub(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert shape("owner/model").layers == 36
    assert hub.asked == [("/owner/model/resolve/main/config.json", "Bearer secret")]
    with pytest.raises(UnknownModel, match=r"has no config.json of owner/other for you \(it answers 404\)"):
        shape("owner/other")


def test_a_shipped_or_cached_shape_asks_nobody(hub: type[Hub], tmp_path: Path) -> None:
    snapshot = tmp_path / "models--owner--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    write(snapshot, **config("Qwen/Qwen2.5-14B-Instruct"))
    assert shape("owner/model").layers == 48
    assert [shape(model).layers for model in shipped()]
    assert hub.asked == []


def test_offline_and_nonsense_are_said_with_a_remedy(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownModel, match=r"nonsense is neither a folder nor a name on the hub .*Qwen2.5-7B-Instruct"):
        shape("nonsense")
    with pytest.raises(BrokenModel, match=r"There is no folder \./missing\. Give a local folder"):
        shape("./missing")
    with pytest.raises(UnknownModel, match=r"neither a folder nor a name"):
        shape("s3://bucket/model")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UnknownModel, match=r"HF_HUB_OFFLINE forbids asking. Give a local folder"):
        shape("owner/model")
    assert hub.asked == []


def test_a_hub_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(UnknownModel, match=r"http://127.0.0.1:9 can't be reached"):
        shape("owner/model")
