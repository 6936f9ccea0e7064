from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from vitwork.statistics.effect import Verdict
from vitwork.language.comparison import Assertion, Comparison, Sample, paired
from vitwork.language.quantity import Quantity, measurement, quantity


@measurement
def record(run: Any, *, when: str = "end") -> dict[str, Any]:
    return {"value": run + len(when)}


@quantity(record, name="error", unit="%")
def error(found: dict[str, Any], scale: float = 1.0) -> float:
    return scale * float(found["value"])


@quantity(record, name="APE", scale="log-ratio")
def ape(found: dict[str, Any]) -> float:
    return float(found["value"])


def sample(quantity: Quantity, arm: str, values: tuple[float, ...], asked: list[Assertion] | None = None) -> Sample:
    def decide(comparison: Assertion) -> bool:
        if asked is not None:
            asked.append(comparison)
        return True

    return Sample(quantity, arm, {}, tuple(range(len(values))), values, decide)


LOW, HIGH = (1.0, 1.1, 0.9, 1.05, 0.95), (3.0, 3.1, 2.9, 3.05, 2.95)


def test_comparison_is_a_test() -> None:
    """Comparing two samples asks for the truth, and the comparison carries both sides and its direction."""
    asked: list[Assertion] = []
    assert sample(error, "a", LOW, asked) < sample(error, "b", HIGH)
    (comparison,) = asked
    assert isinstance(comparison, Comparison)
    assert comparison.statement == "error(a) < error(b)"
    effect = comparison.test(0.05)
    assert effect.verdict is Verdict.REPRODUCED
    assert effect.estimate == pytest.approx(-2.0)


def test_direction_decides_between_reproduced_and_contradicted() -> None:
    """The same clear difference contradicts the opposite claim."""
    comparison = sample(error, "a", LOW) > sample(error, "b", HIGH)
    assert comparison.test(0.05).verdict is Verdict.CONTRADICTED


def test_margin_is_part_of_the_sentence() -> None:
    """A margin written in the comparison moves the border between the sides."""
    a, b = sample(error, "a", LOW), sample(error, "b", HIGH)
    near = a < b - 1.5
    far = a < b - 2.5
    assert near.statement == "error(a) < error(b) − 1.5"
    assert near.test(0.05).verdict is Verdict.REPRODUCED
    assert far.test(0.05).verdict is Verdict.CONTRADICTED
    assert (a + 1.5 < b).test(0.05).verdict is Verdict.REPRODUCED


def test_factor_is_the_margin_of_ratios() -> None:
    """Ratios are compared on the logarithm, with a factor as margin."""
    a, b = sample(ape, "a", LOW), sample(ape, "b", HIGH)
    assert (a < 0.5 * b).test(0.05).verdict is Verdict.REPRODUCED
    assert (a < 0.2 * b).test(0.05).verdict is Verdict.CONTRADICTED
    assert (a < 0.5 * b).test(0.05).estimate == pytest.approx(math.log(1 / 3), abs=0.02)


def test_other_scales_reach_the_test() -> None:
    """A quantity may be compared by the ratio of means, with a factor as margin, and by the order of its runs."""
    by_ratio, by_order = replace(error, scale="ratio"), replace(error, scale="probability")
    a, b = sample(by_ratio, "a", LOW), sample(by_ratio, "b", HIGH)
    assert (a < b).test(0.05).estimate == pytest.approx(1 / 3)
    assert (a < 0.5 * b).test(0.05).verdict is Verdict.REPRODUCED
    assert (a < 0.2 * b).test(0.05).verdict is Verdict.CONTRADICTED
    assert (a < 0.2 * b).statement == "error(a) < 0.2 · error(b)"
    several = sample(by_order, "a", LOW + LOW) < sample(by_order, "b", HIGH + HIGH)
    assert several.test(0.05).verdict is Verdict.REPRODUCED
    assert several.test(0.05).scale == "probability"


def test_margins_that_make_no_sense_are_refused() -> None:
    """Adding to a quantity compared by ratio is a mistake of the claim's author."""
    with pytest.raises(TypeError, match="APE is compared by log-ratio"):
        _ = sample(ape, "a", LOW) + 1.0
    with pytest.raises(TypeError, match="error is compared by difference"):
        _ = 0.5 * sample(error, "a", LOW)


def test_constants_and_paired_samples() -> None:
    """A sample compares with a constant, and with another quantity of the same networks seed by seed."""
    below = sample(error, "a", LOW) < 2.0
    assert below.test(0.05).n_b == 0
    assert below.test(0.05).verdict is Verdict.REPRODUCED
    assert paired(sample(error, "a", LOW), sample(error, "a", HIGH))
    assert not paired(sample(error, "a", LOW), sample(error, "b", HIGH))
    same_networks = (sample(error, "a", LOW) < sample(error, "a", HIGH[::-1])).test(0.05)
    assert "one-sample" in same_networks.method


def test_repr_shows_mean_spread_and_seeds() -> None:
    """Pytest's explanation of a failed comparison reads as numbers."""
    assert repr(sample(error, "vit", LOW)) == "<error(vit) = 1 ± 0.079 (n=5)>"


def test_quantity_splits_parameters() -> None:
    """A quantity hands the measurement its parameters and keeps its own."""
    assert error.split({"when": "warmup", "scale": 2.0}) == ({"when": "warmup"}, {"scale": 2.0})
    assert record.parameters == {"when": "end"}


def test_key_changes_with_run_and_parameters() -> None:
    """Records are filed apart by run and parameters."""
    keys = {record.key("r1", {"when": "end"}), record.key("r2", {"when": "end"}), record.key("r1", {"when": "init"})}
    assert len(keys) == 3
    assert record.key("r1", {"when": "end"}) in keys


def test_samples_that_only_parameters_tell_apart_name_them() -> None:
    """One quantity of one arm at two snapshots is stated with the snapshots; other statements stay short."""
    early, late = (replace(sample(ape, "vit", LOW), parameters={"when": when, "k": 5}) for when in ("warmup", "end"))
    assert (early > late).statement == "APE(vit, warmup) > APE(vit, end)"
    assert (early > sample(ape, "resnet", HIGH)).statement == "APE(vit) > APE(resnet)"
