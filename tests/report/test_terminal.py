from __future__ import annotations

from typing import Any

from vitwork.report.terminal import interval, table

EFFECT = {
    "estimate": -1.5,
    "low": -2.0,
    "high": -1.0,
    "n_a": 5,
    "n_b": 4,
    "scale": "difference",
    "verdict": "reproduced",
}


def results(**effect: Any) -> dict[str, Any]:
    hypothesis = {
        "id": "c:1",
        "statement": "error(a) < error(b)",
        "parameters": {"when": "end"},
        "unit": "%",
        "effect": {**EFFECT, **effect},
    }
    claim = {"id": "c", "verdict": "reproduced", "cost_seconds": 90.0, "hypotheses": ["c:1"], "reason": ""}
    lacking = {
        "id": "d",
        "verdict": "not measured",
        "cost_seconds": 0.0,
        "hypotheses": [],
        "reason": "needs the arm swin",
    }
    run = {"seconds": 60.0}
    return {"claims": [claim, lacking], "hypotheses": [hypothesis], "runs": [run], "profile": {"name": "smoke"}}


def test_table_shows_claims_and_hypotheses() -> None:
    """Each claim has a row with verdict and cost, each hypothesis one with effect, interval and seeds."""
    lines = table(results())
    rows = [line.split() for line in lines]
    assert ["c", "reproduced", "1.5", "min"] in rows
    assert ["reproduced", "-1.5", "[-2,", "-1]", "pp", "5+4", "error(a)", "<", "error(b)", "(when", "end)"] in rows
    assert ["d", "not", "measured", "0.0", "min", "needs", "the", "arm", "swin"] in rows
    assert lines[-1].startswith("2 claims at profile smoke: 1 reproduced, 1 not measured. 1 run, 1.0 min of training")


def test_ratios_are_shown_as_factors() -> None:
    """A logarithm of a ratio is shown as the factor that it stands for."""
    assert (
        interval({**EFFECT, "scale": "log-ratio", "estimate": -0.6931, "low": -1.3863, "high": 0.0}) == "×0.5 [0.25, 1]"
    )


def test_what_has_no_number_is_shown_as_such() -> None:
    """Missing estimates and open intervals stay visible."""
    assert interval({**EFFECT, "estimate": None, "low": None, "high": None}) == "? [-∞, ∞]"
