"""Make a 4-bit variant of the bundled model: GPTQ or AWQ, in the checkpoint formats that vLLM reads.

    python -m backend.demo_model.quantize gptq --out DIR     # four minutes on two cores of a CPU, in vLLM's environment
    python -m backend.demo_model.quantize awq --out DIR

Calibrated with conversations of the training split, from a fixed seed; layer after layer, each with the inputs that the
quantized ones before it give. Embeddings, norms and biases stay in BF16, as in the published Qwen2.5 checkpoints.
Prints the loss on the test split before and after. The same command gives the same loss, up to the rounding of the
hardware. Limits: only torch, the whole model in memory, Qwen2 alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from transformers import AutoTokenizer, Qwen2ForCausalLM

from backend.demo_model import quantize_awq, quantize_gptq
from backend.demo_model.batches import Batch, Batches
from backend.demo_model.generators import Generator
from backend.demo_model.split import Split
from backend.profiles import BUNDLED_MODEL

GROUP = 64  # the largest usual size that divides 384 and 1,216; Qwen's own checkpoints of the 7B have 128
TOKENS, BATCH_TOKENS = 32768, 4096
# The matrices of a layer by the input they share, and where that input comes from; AWQ can enlarge none whose source
# is not as wide (o_proj's is v_proj, which several heads share), as with AutoAWQ.
INPUTS = {
    "input_layernorm": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    None: ("self_attn.o_proj",),
    "post_attention_layernorm": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.up_proj": ("mlp.down_proj",),
}
NOT_CLIPPED = ("self_attn.q_proj", "self_attn.k_proj")  # as in AutoAWQ: attention suffers from it
Packed = dict[str, torch.Tensor]


generator = cache(Generator)


class Inputs:
    """What a layer's matrices are given over all of the calibration: the sum of x xᵀ and the mean of |x|."""

    def __init__(self, layer: nn.Module) -> None:
        self.hessian: dict[str, torch.Tensor] = {}
        self.magnitude: dict[str, torch.Tensor] = {}
        self.used = torch.tensor([])  # which places of the batch are no padding
        self._hooks = [
            layer.get_submodule(names[0]).register_forward_pre_hook(self._hook(names[0])) for names in INPUTS.values()
        ]

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def look(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            x = given[0][self.used]
            self.hessian[name] = self.hessian.get(name, 0) + x.t() @ x
            self.magnitude[name] = self.magnitude.get(name, 0) + x.abs().sum(0)

        return look

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()


def quantize_gptq_layer(layer: nn.Module, inputs: Inputs) -> dict[str, Packed]:
    """Quantize the matrices of a layer in place; what to write for each."""
    made: dict[str, Packed] = {}
    for names in INPUTS.values():
        for name in names:
            linear = layer.get_submodule(name)
            codes = quantize_gptq.quantize(linear.weight, inputs.hessian[names[0]], GROUP)
            linear.weight.copy_(quantize_gptq.dequantize(*codes))
            made[name] = quantize_gptq.pack(*codes)
    return made


def quantize_awq_layer(layer: nn.Module, inputs: Inputs) -> dict[str, Packed]:
    """The same with AWQ; what an input is enlarged by goes out of the norm or matrix that it comes from."""
    for source, names in INPUTS.items():
        if source is None:
            continue
        hessian, magnitude = inputs.hessian[names[0]], inputs.magnitude[names[0]]
        linears = [layer.get_submodule(name) for name in names]
        factors = quantize_awq.enlarging([linear.weight for linear in linears], hessian, magnitude, GROUP)
        given = layer.get_submodule(source).weight
        if given.dim() == 1:  # a norm, which is written in BF16: enlarge by what its rounding leaves
            smaller = (given / factors).bfloat16().float()
            factors = torch.where(smaller == 0, 1.0, given / smaller)
            given.copy_(torch.where(smaller == 0, given, smaller))
        else:
            given.div_(factors[:, None])
        for linear in linears:
            linear.weight.mul_(factors)
        hessian.div_(factors).div_(factors[:, None])
    made: dict[str, Packed] = {}
    for names in INPUTS.values():
        for name in names:
            weight = layer.get_submodule(name).weight
            if name not in NOT_CLIPPED:
                weight.copy_(quantize_awq.clipped(weight, inputs.hessian[names[0]], GROUP))
            codes = quantize_awq.quantize(weight, GROUP)
            weight.copy_(quantize_awq.dequantize(*codes))
            made[name] = quantize_awq.pack(*codes)
    return made


METHODS = {"gptq": (quantize_gptq_layer, quantize_gptq.config), "awq": (quantize_awq_layer, quantize_awq.config)}


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not there where mypy runs
def quantize(method: str, out: Path, tokens: int) -> None:
    """Quantize, measure, write."""
    started = time.monotonic()
    quantize_layer, config = METHODS[method]
    tokenizer = AutoTokenizer.from_pretrained(BUNDLED_MODEL)
    model = Qwen2ForCausalLM.from_pretrained(BUNDLED_MODEL, dtype=torch.float32)

    def data(split: Split, tokens: int) -> list[Batch]:
        make = generator(split).conversation
        batches = Batches(make, tokenizer.backend_tokenizer, 0, BATCH_TOKENS, tokenizer.pad_token_id)
        return list(islice(batches, max(1, tokens // BATCH_TOKENS)))

    calibration, held_out = data("train", tokens), data("test", tokens // 2)
    before = loss(model, held_out)
    written: dict[str, torch.Tensor] = {}
    for number, layer in enumerate(model.model.layers):
        inputs = Inputs(layer)
        model.config.num_hidden_layers = number + 1  # as far as is needed
        for batch in calibration:
            inputs.used = batch.ids != tokenizer.pad_token_id
            model.model(input_ids=batch.ids, use_cache=False)
        inputs.remove()
        for name, tensors in quantize_layer(layer, inputs).items():
            written |= {f"model.layers.{number}.{name}.{part}": tensor for part, tensor in tensors.items()}
        print(f"layer {number + 1}/{len(model.model.layers)} · {time.monotonic() - started:.0f} s", flush=True)
    export(model, written, config(GROUP), out)
    print(f"loss on the test split: {before:.4f} before, {loss(model, held_out):.4f} after")
    sizes = [(folder / "model.safetensors").stat().st_size / 1e6 for folder in (BUNDLED_MODEL, out)]
    print(f"wrote {out} · {sizes[1]:.1f} MB instead of {sizes[0]:.1f} · {time.monotonic() - started:.0f} s")


def loss(model: Qwen2ForCausalLM, batches: list[Batch]) -> float:
    """Mean cross-entropy over the answers' tokens, in nats."""
    total, count = 0.0, 0
    for batch in batches:
        hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state.flatten(0, 1)[batch.places]
        logits = functional.linear(hidden, model.lm_head.weight)
        total += functional.cross_entropy(logits, batch.targets, reduction="sum").item()
        count += len(batch.targets)
    return total / count


def export(model: Qwen2ForCausalLM, written: Packed, config: dict[str, object], out: Path) -> None:
    """Write the packed matrices, all else in BF16, and the bundled model's other files."""
    out.mkdir(parents=True, exist_ok=True)
    replaced = {f"{name.rpartition('.')[0]}.weight" for name in written}
    for name, tensor in model.state_dict().items():
        if name not in replaced and name != "lm_head.weight":  # tied to the embeddings
            written[name] = tensor.to(torch.bfloat16).contiguous()
    save_file(written, out / "model.safetensors", metadata={"format": "pt"})
    for file in BUNDLED_MODEL.iterdir():
        if file.name not in ("model.safetensors", "config.json"):
            shutil.copy(file, out)
    described = json.loads((BUNDLED_MODEL / "config.json").read_text(encoding="utf-8"))
    described["quantization_config"] = config
    (out / "config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Read the arguments and quantize."""
    parser = argparse.ArgumentParser(description="Make a 4-bit variant of the bundled model.")
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--out", type=Path, required=True, help="folder to write it to")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="to calibrate with (default %(default)s)")
    arguments = parser.parse_args()
    out: Path = arguments.out
    if out.is_file() or out.resolve() == BUNDLED_MODEL:
        what = "a file" if out.is_file() else "the model itself"
        print(f"--out {out} would replace {what}: name another folder.", file=sys.stderr)
        return 2
    torch.manual_seed(0)
    quantize(arguments.method, out, arguments.tokens)
    return 0


if __name__ == "__main__":
    sys.exit(main())
