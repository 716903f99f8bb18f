"""`python -m backend.plan`: what it recommends and why, what it prints, and what it refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from backend import plan
from backend.gpus import find, known
from backend.hardware import Gpu, Hardware
from backend.machines import table
from backend.planning import Option, Wish, options, recommended
from backend.profiles import choose

SEVEN = "Qwen/Qwen2.5-7B-Instruct"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The output of a plan that can be made."""
    assert plan.main(words) == 0
    return capsys.readouterr().out


def best(gpu: str, **wish: Any) -> Option | None:
    return recommended(options(find(gpu), Wish(**wish)))


def test_without_wishes_the_first_of_machines_yaml_is_recommended() -> None:
    for row in table().machines:
        if row.count == 1 and row.gpu != "any":
            found = best(row.gpu)
            assert found is not None
            assert (found.profile, found.reason) == (row.profiles[0].profile, row.profiles[0].reason)


def test_a_long_context_goes_past_profiles_that_do_not_hold_it() -> None:
    found = best("a100-40", context=131072)
    assert found is not None
    assert (found.profile, found.gpus, found.longest is not None) == ("long-context", 1, True)
    assert best("t4", context=131072) is None


def test_users_beyond_what_runs_at_once_are_a_problem() -> None:
    first = options(find("t4"), Wish(users=64))[0]
    assert first.problems == ("32 of 64 users run at once, the others wait",)
    assert best("t4", users=64) is None
    assert best("l4", users=64) is not None


def test_times_are_judged_with_the_users_asked_for() -> None:
    alone, many = best("l4", tpot_ms=35), best("l4", users=64, tpot_ms=35)
    assert alone is not None
    assert many is None
    assert any(
        "tpot of about" in problem
        for option in options(find("l4"), Wish(users=64, tpot_ms=35))
        for problem in option.problems
    )
    assert best("l4", ttft_ms=10) is None


def test_a_model_takes_the_profiles_of_its_kind_of_weights() -> None:
    larger = [option.profile for option in options(find("a100-80"), Wish(model="Qwen/Qwen2.5-32B-Instruct"))]
    assert larger == ["a100-80-bf16"]
    own = [option.profile for option in options(find("l4"), Wish(model=f"{SEVEN}-AWQ"))]
    assert own == ["l4-awq"]
    assert "does not fit: " in options(find("l4"), Wish(model="Qwen/Qwen2.5-32B-Instruct"))[0].problems[0]


def test_several_cards_are_replicas_or_one_engine() -> None:
    found = {(option.gpus, option.profile): option for option in options(find("a100-40"), Wish())}
    two = found[2, "a100-40-bf16"]
    assert (two.serving.data_parallel_size, two.serving.tensor_parallel_size) == (2, 1)
    assert found[2, "a100-40-tp2"].serving.tensor_parallel_size == 2
    assert two.per_hour == 12
    price, half = two.per_million(256), found[1, "a100-40-bf16"].per_million(256)
    assert price is not None
    assert half is not None
    assert price == pytest.approx(12 / two.speeds[256].output_throughput / 3600 * 1e6)


def test_the_text_can_be_followed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--gpu", "L4", "--users", "8")
    for words in (
        "22.49 GiB as the driver reports it (sold as 24 GB), 300 GB/s",
        "6 CNY an hour (the article's table",
        "7.62 billion x 2 bytes = 14.19 GiB",
        "57,344 bytes",
        "of 1K, 49 of 4K, 6 of 32K, 0 of 128K",
        "39 tokens/s for one user: 300 GB/s / 7.62 GB of weights",
        "CNY a million tokens",
        "Recommended: l4-fp8: ",
        "that runs 8 users at once",
        "python -m backend.serve --profile l4-fp8",
        "estimates",
    ):
        assert words in shown


def test_a_missing_price_is_said_to_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "price: none in CNY" in run(capsys, "--gpu", "h200")
    assert "price: 2.95 USD an hour" in run(capsys, "--gpu", "h100", "--currency", "USD")


def test_all_gpus_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--users", "64")
    for facts in known():
        assert any(line.startswith(facts.id) for line in shown.splitlines())
    assert re.search(r"^t4 +- t4-gptq: 32 of 64 users", shown, re.MULTILINE)
    assert "The cheapest an hour that will do, of those with a price: NVIDIA GeForce RTX 3090" in shown


def test_what_no_profile_meets_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    plan.main(["--gpu", "t4", "--context", "65536"])
    assert "Recommended: none of these; t4-gptq: its context is 32,768" in capsys.readouterr().out


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(run(capsys, "--gpu", "a10", "--users", "8", "--json"))
    (gpu,) = shown["gpus"]
    found = best("a10", users=8)
    assert found is not None
    assert gpu["recommended"] == {"gpus": 1, "profile": found.profile, "reason": found.reason}
    first = gpu["options"][0]
    assert first["fit"]["kv_tokens"] == found.fit.kv_tokens
    assert first["speeds"]["8"]["output_throughput"] == found.speeds[8].output_throughput
    assert first["per_million_tokens"]["8"] == found.per_million(8)
    assert gpu["price"]["source"] == "the article's table"


def test_the_check_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "The worst of ours without *" in run(capsys, "--check")


def machine(*gpus: Gpu) -> Hardware:
    return Hardware("Linux", "x86_64", 8, ("avx2", "fma"), 64.0, "64.0 GiB free", gpus, "found by a test")


def test_the_detected_card_counts_with_the_memory_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "detect", lambda: machine(Gpu("NVIDIA L4", 22.0, 22.0, (8, 9))))
    shown = run(capsys, "--gpu", "detected")
    assert "NVIDIA L4: 22.00 GiB" in shown
    assert "22.00 GiB x 0.92" in shown


def test_two_detected_cards_are_planned_for_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Gpu("NVIDIA A100-SXM4-40GB", 40.0, 40.0, (8, 0))
    monkeypatch.setattr(plan, "detect", lambda: machine(card, card))
    shown = run(capsys, "--gpu", "detected")
    assert "a100-40-tp2 on 2 GPUs" in shown
    assert "\na100-40-bf16 (" not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpu", "gtx1080"), "Nothing is known of a GPU 'gtx1080'; there are facts about t4,"),
        (("--gpu", "l4", "--model", "nonsense"), "nonsense is neither a folder nor a name on the hub"),
        (("--gpu", "detected"), "No NVIDIA GPU to plan for here: found by a test. Name one with --gpu (t4,"),
    ],
)
def test_what_can_not_be_planned_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(plan, "detect", machine)
    assert plan.main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("gpu", "model"), [("t4", "Qwen/Qwen2.5-3B-Instruct"), ("a100-40", f"{SEVEN}-AWQ"), ("h200", f"{SEVEN}-GPTQ-Int4")]
)
def test_planner_and_launcher_choose_the_same(gpu: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    card = find(gpu)
    here = machine(Gpu(card.name, card.memory_gib, card.memory_gib, card.compute_capability))
    assert f"Recommended: {choose(here, model, None, cpu_build=False).name}:" in run(
        capsys, "--gpu", gpu, "--model", model
    )


def test_with_nothing_asked_it_says_for_what_it_recommends(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys)
    assert "16 users, the first token within 2,000 ms and each further one within 50 ms are assumed" in shown
    assert "first token" in shown
    (t4,) = [line for line in shown.splitlines() if line.startswith("t4")]
    assert "801*" in t4, "32 of 64 run at once"
    assert " 1,601 ms " in t4
    assert "per million, 16 users" in shown


def test_users_who_wait_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--users", "16")
    (row,) = [line for line in shown.splitlines() if line.startswith("l4-fp8")]
    assert "*" in row
    assert "* not all of them run at once: the others wait" in shown


def test_a_plan_for_so_many_cards(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = run(capsys, "--gpu", "a100-40"), run(capsys, "--gpu", "a100-40", "--gpus", "2")
    assert "2 GPUs" not in one
    assert "a100-40-bf16 on 2 GPUs" in two
    assert "\n  python -m backend.serve --profile a100-40-bf16\n" in two
    assert "l4-fp8 on 4 GPUs" in run(capsys, "--gpu", "l4", "--gpus", "4")


def test_a_model_too_large_for_one_card_is_split(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--gpu", "a100-80", "--gpus", "2", "--model", "Qwen/Qwen2.5-72B-Instruct")
    assert "--profile a100-80-bf16 --model Qwen/Qwen2.5-72B-Instruct -- --tensor-parallel-size 2\n" in f"{shown}\n"


def test_what_is_not_met_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--gpu", "t4", "--context", "65536"]) == 1
    assert plan.main(["--gpu", "t4", "--context", "65536", "--json"]) == 1
    assert plan.main(["--users", "100000"]) == 1
    capsys.readouterr()


def test_the_words_of_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--gpu", "l4", "--users", "1", "--tpot-ms", "500")
    assert "1 users" not in shown
    assert shown.splitlines()[-2].endswith("--profile l4-fp8")
    assert shown.splitlines()[-1] == "  It costs 6 CNY an hour."
    plan.main(["--gpu", "l4", "--users", "100000"])
    assert re.search(r"first token [\d.]+ hours", capsys.readouterr().out)


def test_a_part_of_a_name_is_answered_with_the_whole_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--gpu", "a100"]) == 2
    assert "did you mean a100-40 or a100-80" in capsys.readouterr().err


def test_the_columns_stand_for_a_small_model(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "--model", "Qwen/Qwen2.5-0.5B-Instruct").splitlines()
    head = next(line for line in lines if line.startswith("GPU, profile"))
    rows = [line for line in lines if re.match(r"\S+ +\d", line)]
    assert {len(line.rstrip()) for line in rows} == {len(head)}
