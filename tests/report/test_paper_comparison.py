"""Numbers measured on single published networks, beside the paper's."""

from __future__ import annotations

from dataclasses import replace as with_field

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.design.dataset import HELD_OUT
from vitwork.facts.document import DatasetResult, MeasurementResult, Results
from vitwork.report.paper_comparison import lines
from vitwork.report.paper_values import LOG_AMPLITUDE, VARIANCE
from vitwork.statistics.effect import Effect, Verdict


def measured(name: str, arm: str, values: dict) -> MeasurementResult:
    return MeasurementResult(
        key=f"{name}-{arm}", run=arm, arm=arm, seed=0, name=name, figure="", parameters={"window": None}, seconds=1.0,
        joules=None, values=values,
    )  # fmt: skip


def results(source: str, *measurements: MeasurementResult, effect: float = -0.25, scale: str = "difference") -> Results:
    """Return one claim about one published network, with the paper's effect of −0.1, or a factor of 0.5."""
    whole = synthetic.results(seeds=1, claims=1, grid=5)
    stated = -0.1 if scale == "difference" else 0.5
    claim = replace(
        whole.claims[0], id="c", hypotheses=("c:1",), paper=with_field(whole.claims[0].paper, effect=stated)
    )
    found = Effect(effect, effect, effect, 1, 0, float("nan"), Verdict.INCONCLUSIVE, scale=scale)
    hypothesis = replace(
        whole.hypotheses[0], id="c:1", claim="c", statement="f(vit) < 0", unit="", effect=found, control=""
    )
    dataset = DatasetResult(name=source, fingerprint="")
    return replace(
        whole, claims=(claim,), hypotheses=(hypothesis,), runs=(replace(whole.runs[0], network={"name": "one"}),),
        measurements=measurements, provenance=replace(whole.provenance, dataset=dataset),
    )  # fmt: skip


def test_an_effect_stands_beside_the_papers_with_its_deviation() -> None:
    """Differences are subtracted, and factors divided."""
    (said,) = [line for line in lines(results(HELD_OUT)) if line.startswith("  c ")]
    assert "−0.25, the paper’s −0.1: −0.15" in said
    (said,) = [line for line in lines(results(HELD_OUT, effect=0.0, scale="log-ratio")) if line.startswith("  c ")]
    assert "×1, the paper’s ×0.5: ×2" in said


def test_a_curve_stands_beside_the_papers_curve() -> None:
    """The paper's own values deviate by nothing, others by what they differ, and curves of other lengths are not compared."""
    stated = list(LOG_AMPLITUDE["vit"])
    shifted = measured("log_amplitude", "vit", {"delta": [[0.0, value + 0.5] for value in stated]})
    short = measured("log_amplitude", "resnet", {"delta": [[0.0, 1.0]] * 3})
    said = lines(results(HELD_OUT, shifted, short))
    assert "+0.5 on average, 0.5 in root mean square, +0.5 at most" in next(
        line for line in said if line.endswith(" vit")
    )
    other = next(line for line in said if line.endswith(" resnet"))
    assert (
        "mean 1 of 3 points, the paper’s mean −3.33 of 17 points: not compared, since other blocks are told apart"
        in other
    )
    same = measured("variance", "resnet", {"variance": list(VARIANCE["resnet"])})
    assert any("17 points: 0 on average" in line for line in lines(results("cifar100", same)))
    assert not any("points" in line for line in lines(results(HELD_OUT, same)))  # that curve is of other images


@pytest.mark.parametrize("seeds", [1, 5])
def test_trained_networks_and_several_per_arm_have_no_such_lines(seeds: int) -> None:
    """Where networks were trained here, or intervals tell more, nothing is added."""
    assert lines(synthetic.results(seeds=seeds, claims=3, grid=5)) == []
