"""How hypotheses of several arms, and those of no difference, are drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from vitwork.report.figures import effect
from vitwork.report.figures.base import Palette

ARMS = ("vit-1-head", "vit-2-heads", "vit-4-heads")


def hypothesis(**more: Any) -> dict[str, Any]:
    sides = [
        {"arm": arm, "label": arm, "seeds": [0, 1, 2], "values": [place + 1.0, place + 1.5, None]}
        for place, arm in enumerate(ARMS)
    ]
    found = {"estimate": 1.0, "low": 0.5, "high": 1.5, "margin": 0.0, "alternative": "greater", "scale": "slope"}
    return {
        "statement": "error rises", "quantity": "error", "unit": "%", "a": sides[0], "between": sides[1:2], "b": sides[2],
        "effect": {**found, "verdict": "reproduced"}, **more,
    }  # fmt: skip


def drawn(svg: str) -> tuple[list[str], list[str]]:
    """Return the texts and the paths' classes of a drawing that this test made itself."""
    root = ET.fromstring(svg)  # noqa: S314 - ours
    return ["".join(t.itertext()) for t in root.iter("text")], [p.get("class", "") for p in root.iter("path")]


def test_every_arm_of_a_trend_has_its_row() -> None:
    """Each arm is named and has a mark for its mean, also the one between the first and the last."""
    texts, classes = drawn(effect.seeds(hypothesis(), Palette({arm: place for place, arm in enumerate(ARMS)})))
    assert set(ARMS) <= set(texts)
    assert sum(name.startswith("mean") for name in classes) == 3


def test_a_trend_is_drawn_per_level() -> None:
    """The axis of a slope says what its number is."""
    texts, _ = drawn(effect.interval(hypothesis(levels=[1, 2, 4])))
    assert "change of the mean per level (%)" in texts


@pytest.mark.parametrize(
    ("scale", "within", "edges"), [("difference", 2.0, [-2.0, 2.0]), ("log-ratio", 1.25, [0.8, 1.25])]
)
def test_a_claim_of_no_difference_shows_both_edges(scale: str, within: float, edges: list[float]) -> None:
    """A band has two dashed edges and the paper's side between them; a margin has one."""
    found = {"estimate": 0.01, "low": -0.1, "high": 0.1, "margin": 0.0, "alternative": "two-sided", "scale": scale}
    entry = hypothesis(within=within, effect={**found, "verdict": "reproduced"})
    texts, classes = drawn(effect.interval(entry))
    assert classes.count("dashrule") == 2
    assert "paper’s side" in texts
    assert effect._band(entry, 1.0 if scale == "log-ratio" else 0.0, log=scale == "log-ratio") == pytest.approx(edges)
    assert drawn(effect.interval(hypothesis()))[1].count("dashrule") == 1
