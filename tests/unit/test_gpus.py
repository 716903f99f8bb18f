"""GPU facts and prices: complete and with a source, names are found, a bad file is refused with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend import data
from backend.data import BadData, load
from backend.gpus import GpuFacts, UnknownGpu, find, known
from backend.prices import Price, currencies, per_hour, per_million_tokens, price, prices


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("l4", "l4"),
        ("L4", "l4"),
        ("NVIDIA L4", "l4"),
        ("Tesla T4", "t4"),
        ("NVIDIA GeForce RTX 3090", "rtx3090"),
        ("rtx 4090", "rtx4090"),
        ("NVIDIA A100-SXM4-40GB", "a100-40"),
        ("NVIDIA A100 80GB PCIe", "a100-80"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
    ],
)
def test_a_card_is_found_by_id_alias_and_drivers_name(name: str, id: str) -> None:
    assert find(name).id == id


@pytest.mark.parametrize(
    ("name", "near"),
    [("h10", "h100"), ("h100-sxm", "h100"), ("A100-80G", "a100-80"), ("a100", "a100-40 or a100-80")],
)
def test_a_part_of_a_name_suggests_the_whole(name: str, near: str) -> None:
    with pytest.raises(UnknownGpu) as raised:
        find(name)
    assert str(raised.value) == f"No GPU is known by the name {name!r}: did you mean {near}?"


@pytest.mark.parametrize("name", ["NVIDIA H100 PCIe", "NVIDIA A10G", "NVIDIA GeForce RTX 3090 Ti", "L40", ""])
def test_another_card_is_not_taken_for_a_known_one(name: str) -> None:
    with pytest.raises(UnknownGpu, match=r"there are facts about t4, rtx3090, .*h200"):
        find(name)


@pytest.mark.parametrize("facts", known(), ids=lambda facts: facts.id)
def test_facts_are_plausible_and_have_a_source(facts: GpuFacts) -> None:
    assert 0.85 * facts.label_gb < facts.memory_gib <= facts.label_gb, "the driver reports less than the label"
    assert facts.source
    assert facts.date
    assert ("bf16" in facts.tflops) == (facts.compute_capability >= (8, 0))
    assert ("fp8" in facts.tflops) == (facts.compute_capability >= (8, 9))
    if "fp8" in facts.tflops:  # dense: twice the 16-bit rate
        assert facts.tflops["fp8"] == pytest.approx(2 * facts.tflops["fp16"], rel=0.01)


def test_no_name_means_two_cards() -> None:
    for facts in known():
        for name in (facts.id, facts.name, *facts.aliases):
            assert find(name) is facts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {gpu: t4, gpus: 1, currency: CNY, per_hour: 1, source: x, date: y, colour: red}", r"prices.yaml: .*colour"),
        ("- {gpu: t4, gpus: 1, currency: CNY, source: x, date: y}", r"prices.yaml: .*per_hour"),
        ("- {gpu: t4, gpus: one, currency: CNY, per_hour: 1, source: x, date: y}", r"prices.yaml: .*gpus.*integer"),
        ("- {gpu: t4", "prices.yaml is not YAML"),
    ],
)
def test_a_bad_file_is_refused_with_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    (tmp_path / "prices.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=said):
        load("prices.yaml", tuple[Price, ...])


def test_the_articles_five_prices_are_as_given() -> None:
    article = {found.gpu: (found.gpus, found.per_hour) for found in prices() if "article" in found.source}
    assert article == {"t4": (1, 1.8), "rtx3090": (1, 4.5), "a10": (1, 5.2), "l4": (1, 6.0), "a100-40": (2, 12.0)}


def test_every_price_is_of_a_known_gpu_and_has_a_source() -> None:
    for found in prices():
        assert find(found.gpu).id == found.gpu
        assert found.source
        assert found.date
    assert currencies() == ["CNY", "USD"]


def test_a_price_is_in_proportion_and_missing_where_there_is_none() -> None:
    assert per_hour("a100-40", 1, "CNY") == 6.0
    assert per_hour("t4", 4, "CNY") == pytest.approx(7.2)
    assert price("h200", "CNY") is None
    assert per_hour("t4", 1, "USD") is None


def test_a_million_tokens_cost_an_hours_price_over_an_hours_tokens() -> None:
    assert per_million_tokens(3.6, 1000) == pytest.approx(1.0)
