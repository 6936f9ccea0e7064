"""The table of verdicts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.language.document import Results
from vitwork.report.terminal import interval, table
from vitwork.statistics.effect import Effect, Verdict

EFFECT = Effect(-1.5, -2.0, -1.0, 5, 4, 0.001, Verdict.REPRODUCED)


def results(**changed: Any) -> Results:
    """Return one claim with one comparison, and one that was not measured."""
    whole = synthetic.results(seeds=1, claims=7, grid=5)
    claim = replace(whole.claims[0], id="c", cost_seconds=90.0, hypotheses=("c:1",))
    lacking = replace(whole.claims[6], id="d", cost_seconds=310.0)
    hypothesis = replace(
        whole.hypotheses[0],
        id="c:1",
        statement="error(a) < error(b)",
        parameters={"when": "end"},
        unit="%",
        effect=EFFECT,
    )
    run = replace(whole.runs[0], seconds=60.0)
    return replace(whole, **{"claims": (claim, lacking), "hypotheses": (hypothesis,), "runs": (run,), **changed})


def test_table_shows_claims_and_hypotheses() -> None:
    """Each claim has a row with verdict and cost, each hypothesis one with effect, interval and seeds."""
    lines = table(results())
    rows = [line.split() for line in lines]
    assert ["c", "reproduced", "0.006", "1.5", "min"] in rows
    assert ["reproduced", "-1.5", "[-2,", "-1]", "pp", "5+4", "error(a)", "<", "error(b)", "(when", "end)"] in rows
    assert [
        "d",
        "not",
        "measured",
        "0.0",
        "min",
        "needs",
        "the",
        "arm",
        "swin,",
        "which",
        "the",
        "profile",
        "does",
        "not",
        "train",
    ] in rows
    assert lines[-4] == "1 of 2 claims of the paper decided at profile synthetic: 1 reproduced, 1 not measured."
    assert lines[-3].startswith("Verdicts have a false discovery rate of 5 %")
    assert lines[-2].startswith("1 run, 1.0 min of training")


def test_the_last_line_is_the_price_of_a_decision() -> None:
    """Decided claims of the paper over all that was trained and measured; nothing where nothing was."""
    found = results(measurements=())
    assert table(found)[-1] == (
        "1 claims decided per core-minute: 1 of 2 claims of the paper in 1.0 core-minutes of training and measuring."
    )
    assert "core-minute" not in table(replace(found, runs=()))[-1]


def test_controls_and_claims_of_ours_are_marked() -> None:
    """A control below what decides, its contradiction beside the verdict; claims of ours last, and counted apart."""
    whole = results()
    deciding = whole.hypotheses[0]
    effect = Effect(1.5, 1.0, 2.0, 5, 4, 0.001, Verdict.CONTRADICTED)
    control = replace(deciding, id="c:2", control=synthetic.BATCHNORM, effect=effect)
    first = replace(whole.claims[0], hypotheses=("c:2", "c:1"), ours=True)
    lines = table(replace(whole, claims=(first, whole.claims[1]), hypotheses=(control, deciding)))
    place = lines.index("claims of ours")
    assert next(at for at, line in enumerate(lines) if line.startswith("d ")) < place
    assert lines[place + 1].endswith(f"but not {synthetic.BATCHNORM}")
    assert lines[place + 2].endswith("error(a) < error(b) (when end)")
    assert f"control: {synthetic.BATCHNORM}: error(a)" in lines[place + 3]
    assert "0 of 1 claim of the paper decided at profile synthetic: 1 not measured." in lines
    assert "1 of 1 claim of ours decided at profile synthetic: 1 reproduced." in lines


def test_a_claim_without_comparisons_says_what_its_test_says() -> None:
    """A property that is checked on examples; one of another test that was not measured says why."""
    checked, partly = results().claims[:1] * 2
    lack = Lack(Missing.RECORD, "vit", "spectrum")
    claims = (replace(checked, hypotheses=()), replace(partly, lack=lack))
    lines = table(results(claims=claims))
    assert any(line.endswith("the test says reproduced") for line in lines)
    assert any(line.endswith("the record of spectrum of vit is missing") for line in lines)


def test_a_model_of_the_user_is_named_below_the_table() -> None:
    """Whoever reads the verdicts of an arm knows whose they are."""
    found = synthetic.profile_of(results(), deviations=(Deviation(Change.MODEL, arm="vit", value="my.nets:small"),))
    assert table(found)[-2] == "The arm vit is my.nets:small, not the profile’s own."


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (Effect(-0.6931, -1.3863, 0.0, 3, 3, 0.1, Verdict.INCONCLUSIVE, scale="log-ratio"), "×0.5 [0.25, 1]"),
        (Effect(math.nan, -math.inf, math.inf, 3, 3, math.nan, Verdict.INCONCLUSIVE), "? [-∞, ∞]"),
    ],
)
def test_factors_and_what_has_no_number_are_shown_as_such(effect: Effect, said: str) -> None:
    """A logarithm of a ratio is shown as the factor that it stands for; missing estimates and open intervals stay visible."""
    assert interval(effect) == said
