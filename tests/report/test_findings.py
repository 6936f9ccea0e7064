"""What published reports found, in Markdown: counts, and a table of claims by report."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.findings import HEADLINES, page, summary
from vitwork.statistics.effect import Verdict

STEPS, TRAIN = "in as many steps", "with BatchNorm in train mode"


def report(name: str, statement: str, controls: dict[str, Verdict], when: str = "", **claim: Any) -> Results:
    """Return a report of one claim that is reproduced by one comparison, with controls of given verdicts."""
    some = synthetic.results(seeds=2, claims=1, grid=3)
    plain = some.hypotheses[0]
    deciding = replace(plain, id="1", statement=statement, control="", parameters={"when": when} if when else {})
    hypotheses = (
        deciding,
        *(
            replace(deciding, id=name, control=name, effect=dataclasses.replace(plain.effect, verdict=verdict))
            for name, verdict in controls.items()
        ),
    )
    own = {"id": HEADLINES[0], "verdict": Verdict.REPRODUCED, "ours": False, "lack": None, **claim}
    return replace(
        some,
        profile=replace(some.profile, name=name),
        claims=(replace(some.claims[0], hypotheses=tuple(one.id for one in hypotheses), **own),),
        hypotheses=hypotheses,
    )


def row(lines: list[str]) -> list[str]:
    """Return the cells of the only row of a table."""
    return [cell.strip() for cell in lines[-1].strip("|").replace(r"\|", "¦").split("|")]


def test_a_verdict_stands_with_its_comparison_and_what_qualifies_it() -> None:
    """A control that contradicts follows the effect, on the page and on the first screen; one that a profile cannot have does not."""
    found = report("one", "|λ|(vit) < 1", {STEPS: Verdict.CONTRADICTED}, unmeasured=(TRAIN,))
    effect = words.effect(found.hypotheses[0].effect, found.hypotheses[0].unit)
    sentence = found.claims[0].sentence
    assert row(page([found])) == [f"{sentence}<br>`¦λ¦(vit) < 1`", f"**reproduced** {effect}; but not {STEPS}"]
    assert row(summary([found])) == [sentence, f"**reproduced** {effect}; but not {STEPS}"]


def test_another_comparison_than_the_first_reports_is_named_in_its_cell() -> None:
    """Where reports rest on different comparisons each effect says of what it is."""
    first, second = (report(name, f"{name}(vit) < 1", {TRAIN: Verdict.REPRODUCED}) for name in ("error", "NLL"))
    cells = row(page([first, second]))
    assert cells[0].endswith("<br>`error(vit) < 1`")
    assert cells[1].startswith("**reproduced** ")
    assert "`" not in cells[1]
    assert cells[2].startswith("**reproduced** `NLL(vit) < 1`: ")


def test_the_same_comparison_at_another_snapshot_is_another_one() -> None:
    """Parameters tell comparisons of one statement apart."""
    early, late = (report(when, "APE(vit) < 1", {}, when=when) for when in ("warmup", "end"))
    cells = row(page([early, late]))
    assert cells[0].endswith("<br>`APE(vit) < 1 (after warm-up)`")
    assert cells[2].startswith("**reproduced** `APE(vit) < 1 (at the end)`: ")


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED])
def test_what_is_not_decided_is_a_word(verdict: Verdict) -> None:
    """Nothing of a comparison stands beside it, and a report without the claim has not measured it."""
    decided, open_ = report("one", "a < 1", {}), report("two", "b < 1", {STEPS: Verdict.CONTRADICTED}, verdict=verdict)
    assert row(page([decided, open_]))[2] == str(verdict)
    assert row(page([decided, replace(open_, claims=())]))[2] == "not measured"


def test_a_theorem_has_no_comparison() -> None:
    """A claim that is decided without comparisons shows its verdict alone."""
    found = replace(report("one", "a < 1", {}), hypotheses=())
    found = replace(found, claims=(replace(found.claims[0], hypotheses=()),))
    assert row(page([found])) == [found.claims[0].sentence, "**reproduced**"]
    assert "1 of 1 claim of the paper decided, 1 of them by definition" in page([found])[0]
