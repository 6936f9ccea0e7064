"""Forest plots: one hypothesis over several reports."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from vitwork.report.figures import forest


def effect(estimate: float, half: float = 0.5, **more: Any) -> dict[str, Any]:
    return {
        "estimate": estimate, "low": estimate - half, "high": estimate + half, "n_a": 5, "n_b": 5, "p": 0.001,
        "verdict": "reproduced", "alternative": "less", "margin": 0.0, "alpha": 0.05, "scale": "difference", **more,
    }  # fmt: skip


def parsed(text: str) -> tuple[ET.Element, str]:
    """Return the drawing and the sentence below it, both made by this test."""
    root = ET.fromstring(f"<div>{text}</div>")  # noqa: S314 - ours
    sentence = root.find("span")
    return root, sentence.text or "" if sentence is not None else ""


def test_three_reports_have_a_summary() -> None:
    """Three intervals, a diamond, and the mean with its heterogeneity in words; equal effects have none."""
    root, sentence = parsed(forest.draw([effect(-2.0), effect(-2.0), effect(-2.0)]))
    assert len(list(root.iter("circle"))) == 3
    assert sum((path.get("d") or "").endswith("Z") for path in root.iter("path")) == 1
    assert sentence.startswith("Random effects over 3 reports: −2.00 [")
    assert "I² = 0 %" in sentence
    assert sentence.endswith("reproduced.")


def test_settings_that_disagree_are_heterogeneous() -> None:
    """Effects far apart show as heterogeneity, and leave the claim undecided over settings."""
    summary = forest.summarised([effect(-5.0), effect(0.1), effect(4.0)])
    assert summary is not None
    assert summary.i_squared > 0.9
    assert summary.effect.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("effects", "circles"),
    [([effect(-2.0), None], 1), ([effect(-2.0), effect(-2.0, scale="ratio")], 0), ([None], 0),
     ([effect(-2.0), effect(-1.0, margin=-1.0)], 2), ([effect(-2.0), effect(-1.0, low=None, high=None)], 2)],
)  # fmt: skip
def test_without_two_effects_of_one_question_there_is_no_summary(effects: list[Any], circles: int) -> None:
    """One report, another scale, another margin or no interval: what there is is drawn, and nothing is summarised."""
    root, sentence = parsed(forest.draw(effects))
    assert len(list(root.iter("circle"))) == circles
    assert not sentence


def test_two_reports_are_summarised_but_not_decided() -> None:
    """The mean of two is told, with the reason why it decides nothing."""
    _, sentence = parsed(forest.draw([effect(-2.0, scale="log-ratio"), effect(-1.0, scale="log-ratio")]))
    assert "over 2 reports: ×" in sentence
    assert sentence.endswith("inconclusive (fewer than 3 settings never decide).")
