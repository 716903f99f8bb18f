"""Which profile `backend.profiles` chooses, and that the files are what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend import gpus, machine_table, models, sizing
from backend.data import BadData, load
from backend.hardware import Gpu, Hardware
from backend.machines import ANY, Table, machine, table
from backend.profiles import BUNDLED_MODEL, ENVIRONMENT, Choice, NoProfile, choose, options, profiles

L4 = Gpu("NVIDIA L4", 22.5, 22.5, (8, 9))
A100 = Gpu("NVIDIA A100-SXM4-40GB", 40.0, 40.0, (8, 0))
T4 = Gpu("Tesla T4", 15.0, 15.0, (7, 5))
QWEN = "Qwen/Qwen2.5-7B-Instruct"
ON_GPU = [name for name in profiles() if not name.startswith("cpu")]
FILES = [*profiles().values(), *options().values()]


def having(*cards: Gpu) -> Hardware:
    reason = f"found: {cards[0].name}" if cards else "no NVIDIA driver"
    return Hardware("Linux", "x86_64", 8, ("avx2", "fma"), 64.0, "64.0 GiB free", cards, reason)


def on_gpu(*cards: Gpu, model: str | None = None, profile: str | None = None, wanted: tuple[str, ...] = ()) -> Choice:
    return choose(having(*cards), model, profile, cpu_build=False, options=wanted)


def on_cpu(model: str | None = None, *cards: Gpu) -> Choice:
    return choose(having(*cards), model, None, cpu_build=True)


def test_a_cpu_gets_the_bundled_model() -> None:
    choice = on_cpu()
    assert (choice.name, choice.model) == ("cpu-demo", str(BUNDLED_MODEL))
    assert choice.reason == "CPU, no NVIDIA driver; the bundled model"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (f"{BUNDLED_MODEL}/", "cpu-demo"),
        ("Qwen/Qwen2.5-0.5B-Instruct", "cpu-0.5b"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "cpu-1.5b"),
        ("some/model", "cpu"),
        (QWEN, "cpu"),
    ],
)
def test_on_a_cpu_the_model_decides(model: str, name: str) -> None:
    choice = on_cpu(model)
    assert (choice.name, choice.model) == (name, model)


def test_a_gpu_without_a_build_for_it_is_pointed_to_docker() -> None:
    choice = on_cpu(None, L4)
    assert choice.name == "cpu-demo"
    assert "NVIDIA L4 found" in choice.reason
    assert "docker compose" in choice.reason


def test_a_cpu_is_chosen_for_without_any_package() -> None:
    """`make demo` asks with the system's Python, before anything is installed."""
    code = "import sys; sys.modules['yaml'] = sys.modules['pydantic'] = None\n"
    code += "from backend.hardware import detect; from backend.profiles import choose\n"
    code += "print(choose(detect(), None, None, cpu_build=True).name)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "cpu-demo"


@pytest.mark.parametrize(
    ("card", "name"),
    [(T4, "t4-gptq"), (L4, "l4-fp8"), (A100, "a100-40-bf16")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_known_card_gets_the_first_of_its_row(card: Gpu, name: str) -> None:
    choice = on_gpu(card)
    assert (choice.name, choice.model, choice.flags) == (name, None, {})
    assert choice.reason.startswith(f"found: {card.name}; ")
    assert str(choice.all_flags["model"]).startswith(QWEN)


@pytest.mark.parametrize(
    ("card", "name"),
    [
        (Gpu("NVIDIA L40S", 45.0, 45.0, (8, 9)), "large-fp8"),
        (Gpu("NVIDIA RTX A6000", 48.0, 48.0, (8, 6)), "large-fp8"),
        (Gpu("NVIDIA RTX 4000 Ada", 20.0, 20.0, (8, 9)), "service"),
        (Gpu("NVIDIA GeForce RTX 3060", 12.0, 12.0, (8, 6)), "prototype"),
        (Gpu("Quadro RTX 8000", 48.0, 48.0, (7, 5)), "prototype"),
        (Gpu("NVIDIA H100 80GB HBM3", 9.8, 9.8, (9, 0), mig=True), "prototype"),
        (Gpu("NVIDIA H100 80GB HBM3", 40.0, 40.0, (9, 0)), "large-fp8"),
        (Gpu("something new", 100.0, 100.0), "large-fp8"),
    ],
    ids=["large", "A6000", "medium", "small", "Turing", "a slice of MIG", "a part of a card", "unknown capability"],
)
def test_another_card_goes_by_memory_and_capability(card: Gpu, name: str) -> None:
    assert on_gpu(card).name == name


@pytest.mark.parametrize("card", [Gpu("old", 24.0, 24.0, (6, 1)), Gpu("small", 4.0, 4.0, (8, 6))])
def test_a_card_that_nothing_suits_is_pointed_to_the_cpu(card: Gpu) -> None:
    with pytest.raises(NoProfile, match=r"No profile suits .* compute capability 7.5 .* docker-compose.cpu.yml"):
        on_gpu(card)


@pytest.mark.parametrize(
    ("cards", "profile", "expected"),
    [
        ((L4, L4), None, {"data-parallel-size": 2}),
        ((A100,) * 4, None, {"data-parallel-size": 4}),
        ((A100, A100), "a100-40-tp2", {}),
        ((A100,) * 4, "a100-40-tp2", {"data-parallel-size": 2}),
        ((A100,), "long-context", {}),
        ((A100, A100), "long-context", {"tensor-parallel-size": 2}),
        ((A100,), "data-parallel", {"data-parallel-size": 1}),
        ((L4, L4), "service", {"data-parallel-size": 2, "max-num-queued-reqs": 512}),
    ],
)
def test_every_card_is_used(cards: tuple[Gpu, ...], profile: str | None, expected: dict[str, int]) -> None:
    assert on_gpu(*cards, profile=profile).flags == expected


def test_too_few_cards_for_a_profile() -> None:
    with pytest.raises(NoProfile, match="a100-40-tp2 needs 2 GPUs, and there is 1"):
        on_gpu(A100, profile="a100-40-tp2")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (QWEN, "l4-fp8"),
        (f"{QWEN}-AWQ", "l4-awq"),
        ("Qwen/Qwen2.5-3B-Instruct", "l4-fp8"),
        ("Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", "l4-awq"),
        ("someone/Qwen2.5-7B-Instruct-FP8-dynamic", "l4-awq"),
    ],
)
def test_weights_that_are_quantized_are_not_rounded_again(model: str, name: str) -> None:
    assert on_gpu(L4, model=model).name == name


def test_a_local_models_own_config_says_whether_it_is_quantized(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "gptq"}}')
    assert on_gpu(L4, model=str(tmp_path)).name == "l4-awq"


def test_options_come_on_top() -> None:
    flags = on_gpu(L4, L4, wanted=("lora", "fp8-kv-cache")).flags
    assert flags["data-parallel-size"] == 2
    assert flags["enable-lora"] is True
    assert flags["kv-cache-dtype"] == "fp8_per_token_head"


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (("ngram", "suffix"), "two ways to guess words"),
        (("eagle",), "There is no option 'eagle'; there are fp8-kv-cache, lora, ngram, suffix"),
        (("fp8-kv-cache",), "needs compute capability 8.9, and Tesla T4 has 7.5"),
    ],
)
def test_options_that_cannot_be_had(wanted: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(NoProfile, match=complaint):
        on_gpu(T4, wanted=wanted)


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NoProfile, match=r"no profile 'cqu'; there are a10-awq, .*, t4-gptq"):
        on_gpu(L4, profile="cqu")


def test_only_a_local_model_turns_the_hub_off(tmp_path: Path) -> None:
    assert on_cpu(str(tmp_path)).environment["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in on_cpu("Qwen/Qwen2.5-0.5B").environment


def test_vllm_reports_nothing_to_its_makers() -> None:
    assert on_gpu(L4).environment["VLLM_NO_USAGE_STATS"] == "1"


def test_environments_belong_to_profiles() -> None:
    assert set(ENVIRONMENT) <= set(profiles())


def test_machines_name_what_there_is_and_every_profile_has_a_machine() -> None:
    rows = table().machines
    suggested = {suggestion.profile for row in rows for suggestion in row.profiles}
    assert suggested == set(ON_GPU)
    assert {row.gpu for row in rows} - {ANY} <= {facts.id for facts in gpus.known()}
    assert set(table().options) <= set(options())


def test_the_table_of_machines_is_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "machines.yaml"
    file.write_text("machines: [{gpu: l4, profile: [], profiles: []}]\noptions: {}\n")
    with pytest.raises(BadData, match=r"machines.yaml: machines.0.profile"):
        load(str(file), Table)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_holds_long_flag_names_and_says_how_it_is_used(file: object) -> None:
    assert isinstance(file, type(FILES[0]))
    assert re.search(r"^# vllm serve .*--config backend/profiles/[\w.-]+\.yaml", file.file.read_text(), re.MULTILINE)
    assert file.summary.endswith((".", ":"))
    assert all(len(flag) > 1 and flag == flag.lower() and "_" not in flag for flag in file.flags)
    # the launcher gives these
    assert not {"host", "port", "api-key"} & set(file.flags)


@pytest.mark.parametrize("name", list(profiles()))
def test_constrained_decoding_cannot_loop_in_white_space(name: str) -> None:
    config = {"backend": "xgrammar", "disable_any_whitespace": True}
    assert profiles()[name].flags["structured-outputs-config"] == config


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_guessing_words_is_only_for_who_asks(file: object) -> None:
    """It and JSON do not go together (docs/profiles.md), so no profile and no machine brings it along."""
    assert isinstance(file, type(FILES[0]))
    assert ("speculative-config" in file.flags) is (file.name in ("ngram", "suffix"))


@pytest.mark.parametrize("card", gpus.known(), ids=lambda card: card.id)
def test_the_kv_cache_is_what_the_comments_say(card: gpus.GpuFacts) -> None:
    row = machine([Gpu(card.name, card.memory_gib, card.memory_gib, card.compute_capability)])
    assert row is not None
    for name in [suggestion.profile for suggestion in row.profiles if suggestion.profile.startswith(card.id)]:
        profile = profiles()[name]
        said = re.search(r"(?:about|some) ([\d,]+) tokens of KV cache", profile.file.read_text())
        shape = models.shape(str(profile.flags["model"]))
        fit = sizing.fit(shape, sizing.serving(profile.flags, shape, card), card.memory_gib)
        if said is not None:
            assert int(said[1].replace(",", "")) == pytest.approx(fit.kv_tokens, rel=0.1), name


def test_the_page_holds_the_table() -> None:
    page = machine_table.PAGE.read_text(encoding="utf-8")
    expected = f"{machine_table.BEGIN}\n{machine_table.table()}\n{machine_table.END}"
    assert expected in page, "python -m backend.machine_table --write"


def test_two_like_unlisted_large_cards_are_replicas_with_whole_context() -> None:
    card = Gpu("NVIDIA L40S", 45.0, 45.0, (8, 9))
    choice = on_gpu(card, card)
    assert (choice.name, choice.flags) == ("large-fp8", {"data-parallel-size": 2})
    assert choice.all_flags["max-model-len"] == -1


def test_a_model_that_no_profile_names_is_not_given_anothers_reason() -> None:
    assert "made for Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4" in on_gpu(T4, model="Qwen/Qwen2.5-3B-Instruct").reason
