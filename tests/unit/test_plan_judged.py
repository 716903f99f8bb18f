"""What a plan judges, and that its figures agree: among themselves, text with JSON, and with the profiles' comments."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from backend import plan
from backend.constants import constants
from backend.gpus import find
from backend.models import shape
from backend.planning import PROMPT_TOKENS, Wish, nearest, options
from backend.profiles import profiles
from backend.sizing import serving
from backend.speed import Engine
from tests.unit.test_plan import best

PROFILES = Path(__file__).resolve().parents[2] / "backend/profiles"
LONG = 131072
READS = re.compile(
    r"default of 2,048 tokens about (\d+) ms on this\n# card, this (?:(\d+) ms|half as long) \(estimates"
)


@pytest.mark.parametrize(
    ("gpu", "wish", "problem"),
    [
        (
            "l4",
            {"ttft_ms": 2000},
            "ttft of about 56.7 s with a prompt of 130,560 tokens, alone, 2,000 ms are asked for",
        ),
        ("l4", {"tpot_ms": 50}, "tpot of about 57.4 ms with a prompt of 130,560 tokens, alone, 50 ms are asked for"),
        ("l4", {"users": 16}, "1 of 16 users run at once with 131,072 tokens each, the others wait"),
        ("a100-40", {"users": 64}, "3 of 64 users run at once with 131,072 tokens each, the others wait"),
    ],
)
def test_a_context_is_judged_with_its_users_and_its_prompt(gpu: str, wish: dict[str, Any], problem: str) -> None:
    assert best(gpu, **wish) is not None
    assert best(gpu, context=LONG) is not None
    (option,) = [one for one in options(find(gpu), Wish(context=LONG, **wish), 1) if one.profile == "long-context"]
    assert option.problems == (problem,)


def test_what_is_met_says_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--gpu", "h200", "--context", "131072", "--users", "16", "--ttft-ms", "10000"]) == 0
    said = "holds 131,072 tokens for each of 16 users at once and gives the first token within 10,000 ms, also after"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wish", "profile"),
    [
        ({"context": LONG + 1}, "long-context"),  # misses by one token
        (
            {"model": "Qwen/Qwen2.5-14B-Instruct", "users": 64, "ttft_ms": 500, "tpot_ms": 20},
            "service",
        ),  # 16 bits don't fit
        ({"ttft_ms": 1}, "l4-fp8"),
        ({"context": LONG, "ttft_ms": 2000}, "long-context"),  # the others don't hold it, so their times mean nothing
    ],
)
def test_what_misses_least_is_named(wish: dict[str, Any], profile: str) -> None:
    asked = Wish(**wish)
    found = nearest(options(find("l4"), asked), asked)
    assert found is not None
    assert (found.profile, found.missed > 1) == (profile, True)


def test_json_and_text_count_the_same_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    plan.main(["--gpu", "l4", "--gpus", "2", "--json"])
    (gpu,) = json.loads(capsys.readouterr().out)["gpus"]
    plan.main(["--gpu", "l4", "--gpus", "2"])
    printed = re.findall(r"sequences  (\d+) of 1K, (\d+) of 4K, (\d+) of 32K, (\d+) of 128K", capsys.readouterr().out)
    counted = [tuple(map(str, option["sequences"].values())) for option in gpu["options"]]
    assert counted == printed
    assert counted[0] == ("394", "98", "12", "0")
    assert "sequences" not in gpu["options"][0]["fit"]


def test_the_cache_of_all_replicas_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    plan.main(["--gpus", "8"])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("l4-fp8")]
    assert row.split()[1:3] == ["8", f"{8 * options(find('l4'), Wish())[0].fit.kv_tokens:,}"]


@pytest.mark.parametrize(("gpu", "count", "users"), [("l4", 1, 1), ("l4", 1, 256), ("a100-40", 2, 8)])
def test_the_first_tokens_time_adds_up(gpu: str, count: int, users: int) -> None:
    for option in options(find(gpu), Wish(), count):
        speed = option.speeds[users]
        reading, first = speed.steps[:2]
        each, weights, arithmetic, both, *rest = map(float, re.findall(r"\d+\.\d+", reading))
        assert math.hypot(weights, arithmetic) == pytest.approx(both, abs=0.02)
        assert both + sum(rest) == pytest.approx(each, abs=0.1)
        *parts, total = [float(number.replace(",", "")) for number in re.findall(r"[\d,.]*\d", first)]
        assert parts[0] * parts[1] + sum(parts[2:]) == pytest.approx(total, rel=0.01)
        assert total == pytest.approx(speed.ttft_ms, abs=0.1)


def test_prices_are_those_of_the_tokens_printed(capsys: pytest.CaptureFixture[str]) -> None:
    plan.main(["--gpu", "l4", "--gpus", "1000000"])
    shown = capsys.readouterr().out
    assert "6,000,000 CNY an hour" in shown
    plan.main(["--gpu", "l4"])
    found = re.search(r"8 users (\d+) to (\d+) tokens/s.*; ([\d.]+) to ([\d.]+) CNY", capsys.readouterr().out)
    assert found is not None
    slow, fast, least, most = map(float, found.groups())
    assert least == pytest.approx(6 / fast / 3600 * 1e6, rel=0.01)
    assert most == pytest.approx(6 / slow / 3600 * 1e6, rel=0.01)


def read_ms(name: str, gpu: str, tokens: int | None = None) -> float:
    """A step that reads so many tokens of prompts, or as many as the profile allows."""
    flags, facts = profiles()[name].flags, find(gpu)
    model = shape(str(flags["model"]))
    server = serving(flags, model, facts)
    step = tokens or server.max_num_batched_tokens
    return 1e3 * Engine(model, server, facts, constants()).prefill_s(step, PROMPT_TOKENS)


def test_the_profiles_comments_agree_with_the_planner() -> None:
    told = {path.stem: READS.search(path.read_text(encoding="utf-8")) for path in PROFILES.glob("*.yaml")}
    found = {name: match for name, match in told.items() if match}
    assert len(found) == 10
    for name, match in found.items():
        gpu, default = name.split("-")[0], float(match[1])
        assert default == pytest.approx(read_ms(name, gpu, 2048), rel=0.03), name
        assert float(match[2] or default / 2) == pytest.approx(read_ms(name, gpu), rel=0.05), name
    assert "every 190 ms" in (PROFILES / "prototype.yaml").read_text(encoding="utf-8")
    assert read_ms("prototype", "t4") == pytest.approx(190, rel=0.03)
