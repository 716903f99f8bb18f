"""Can this model do what the flags ask? Attention heads to share out, context length, a draft model, LoRA adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backend import adapters
from backend.adapters import BadAdapter
from backend.flags import number
from backend.models import ModelShape, UnknownModel
from backend.profiles import BUNDLED_NAME, is_bundled
from backend.quantization import whole
from backend.refusal import Refusal

# Plain FP8, of scale 1, ends at 448: docs/profiles.md says where Qwen2.5's keys go beyond it
UNSCALED_CACHE = ("fp8", "fp8_e4m3", "fp8_e5m2")
MOST_GPUS = 16  # of one host, so far
# What the profile long-context is made for
STRETCHED, STRETCHED_FROM, STRETCHED_TO = "qwen2.5", 32768, 131072


def check_heads(flags: Mapping[str, object], shape: ModelShape) -> None:
    """Each GPU of a tensor-parallel group gets as many whole attention heads as the others."""
    size = number(flags, "tensor-parallel-size", 1)
    if not divides(size, shape):
        possible = ", ".join(str(other) for other in range(1, min(shape.heads, MOST_GPUS) + 1) if divides(other, shape))
        raise Refusal(
            f"--tensor-parallel-size {size} does not divide the {shape.heads} attention heads ({shape.kv_heads} for "
            f"keys and values) of {shape.id}: take one of {possible}; further GPUs serve more users with "
            "--data-parallel-size."
        )


def divides(size: int, shape: ModelShape) -> bool:
    """Whether so many GPUs can share the heads; a head for keys and values may be kept on several of them."""
    shared = shape.kv_heads % size == 0 or size % shape.kv_heads == 0
    return shape.heads % size == 0 and shared


def check_context(flags: Mapping[str, object], shape: ModelShape, on_gpu: bool) -> None:
    """The length asked for against what the model was made for; YaRN costs short prompts quality, so never idly."""
    length = number(flags, "max-model-len", -1)
    overrides = flags.get("hf-overrides")
    overrides = overrides if isinstance(overrides, Mapping) else {}
    rope = overrides.get("rope_parameters", overrides.get("rope_scaling"))
    native = shape.max_position_embeddings
    try:
        limit = whole({"max_position_embeddings": native, **overrides}, "max_position_embeddings")
    except ValueError as error:
        raise Refusal(f"--hf-overrides: {error}: give it as the number of tokens, such as {native}.") from None
    if rope is not None and not isinstance(rope, Mapping):
        raise Refusal(f"--hf-overrides: rope_parameters is {rope!r}: give an object, as long-context.yaml has.")
    if isinstance(rope, Mapping) and "yarn" in (rope.get("rope_type"), rope.get("type")):
        if 0 < length <= native:
            raise Refusal(
                f"YaRN without need: {shape.id} reads {native:,} tokens without it, and {length:,} are asked for; it "
                "is static, so it costs short prompts quality: leave out --hf-overrides (and the profile long-context) "
                f"or ask for more than {native:,} with --max-model-len."
            )
        return
    if length > limit:
        suits = on_gpu and STRETCHED in shape.id.lower() and native == STRETCHED_FROM and length <= STRETCHED_TO
        stretched = f", or --profile long-context, which stretches it to {STRETCHED_TO:,} with YaRN" if suits else ""
        raise Refusal(
            f"--max-model-len {length} is more than the {limit:,} tokens that {shape.id} was made for, by "
            f"{length - limit:,}: take at most {limit}{stretched}."
        )


def check_numbers(flags: Mapping[str, object], shape: ModelShape, on_gpu: bool) -> list[str]:
    """The kind of numbers of weights and cache."""
    asked = flags.get("quantization")
    if isinstance(asked, str):
        wanted, has = asked.removeprefix("auto_").split("_")[0], shape.quantization
        if has is None and wanted in ("awq", "gptq"):
            possible = "take fp8, or" if on_gpu else "leave it out, or take"
            raise Refusal(
                f"--quantization {asked}: the weights of {shape.id} are in 16 bits, and {wanted.upper()} can't be made "
                f"of them while loading: {possible} a copy of the model in 4 bits (and no --quantization)."
            )
        if has is not None and wanted == "fp8" and has in ("awq", "gptq"):
            raise Refusal(
                f"--quantization {asked}: the weights of {shape.id} are quantized already ({has}), and vLLM does not "
                "do it twice: leave it out, or take a profile without it."
            )
    if flags.get("kv-cache-dtype") in UNSCALED_CACHE and "qwen2.5" in shape.id.lower():
        return [
            f"--kv-cache-dtype {flags['kv-cache-dtype']} has no scales, with which Qwen2.5-7B was reported to answer "
            "nonsense (docs/profiles.md): take --fp8-kv-cache"
        ]
    return []


def check_draft(flags: Mapping[str, object], shape: ModelShape, shape_of: Callable[[str], ModelShape]) -> list[str]:
    """A draft model proposes token numbers, so it must number the same vocabulary; none goes well with JSON."""
    speculative = flags.get("speculative-config")
    if not isinstance(speculative, Mapping):
        return []
    warnings = [
        "with speculative decoding vLLM 0.32 ends some JSON answers with an error (docs/profiles.md): leave the page's "
        "JSON switch off, or --speculative out"
    ]
    draft = speculative.get("model")
    if speculative.get("method", "draft_model") != "draft_model" or not isinstance(draft, str):
        return warnings
    try:
        vocabulary = shape_of(draft).vocab_size
    except UnknownModel as error:
        return [*warnings, f"the draft model's vocabulary was not checked: {error}"]
    if vocabulary != shape.vocab_size:
        raise Refusal(
            f"The draft model {draft} has another vocabulary ({vocabulary:,} tokens) than {shape.id} "
            f"({shape.vocab_size:,}), and vLLM refuses such a pair: take a draft with the same one, or "
            "`--speculative ngram`, which needs none."
        )
    return warnings


def check_adapters(flags: Mapping[str, object], shape: ModelShape) -> list[str]:
    """Each adapter must have the widths of the model's matrices and a rank that is allowed."""
    modules = flags.get("lora-modules")
    words = [modules] if isinstance(modules, str) else modules if isinstance(modules, list) else []
    served = flags.get("served-model-name", flags.get("model"))
    names = list(served) if isinstance(served, list) else [served]
    warnings: list[str] = []
    for word in words:
        if isinstance(word, str) and "=" in word:  # vLLM also takes JSON here, which is left to it
            name, _, path = word.partition("=")
            if name in names:
                raise Refusal(
                    f"{name} is the name of two: of an adapter and of another, or of the model itself. Give each "
                    "adapter a name of its own."
                )
            names.append(name)
            warnings += _adapter(name, path, flags, shape)
    return warnings


def _adapter(name: str, path: str, flags: Mapping[str, object], shape: ModelShape) -> list[str]:
    try:
        adapter = adapters.read(name, path)
    except BadAdapter as error:
        raise Refusal(str(error)) from None
    kv_size = shape.kv_heads * shape.head_dim
    wrong = [f"{adapter.layers} layers"] if adapter.layers > shape.layers else []
    for projection in ("q_proj", "k_proj", "v_proj"):
        if adapter.inputs.get(projection, shape.hidden_size) != shape.hidden_size:
            wrong.append(f"hidden size {adapter.inputs[projection]:,}")
    for projection in ("k_proj", "v_proj"):
        if adapter.outputs.get(projection, kv_size) != kv_size:
            wrong.append(f"keys and values of {adapter.outputs[projection]:,}")
    if wrong:
        raise Refusal(
            f"The adapter {name} belongs to another base model, {adapter.base or 'which it does not name'}: it has "
            f"{wrong[0]}, {shape.id} has {shape.layers} layers, hidden size {shape.hidden_size:,} and keys and values "
            f"of {kv_size:,}: serve its base with --model, or an adapter of this model."
        )
    allowed = number(flags, "max-lora-rank", 16)
    if adapter.rank > allowed:
        raise Refusal(
            f"The adapter {name} has rank {adapter.rank} and --max-lora-rank is {allowed}: add `-- --max-lora-rank "
            f"{adapters.rank_for([adapter])}`."
        )
    names = [shape.id, flags.get("served-model-name"), BUNDLED_NAME if is_bundled(shape.id) else None]
    if not any(adapters.same_family(adapter.base, name) for name in names if isinstance(name, str)):
        return [f"the adapter {name} fits, but was trained for {adapter.base or 'a model it does not name'}"]
    return []
