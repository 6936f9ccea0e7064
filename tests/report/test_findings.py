"""What published reports found, in Markdown: counts, and a table of claims by report."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.findings import HEADLINES, answer, by_size, page, summary
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
    """A control that contradicts follows the effect, on the page and on the first screen, and so does one that was not measured."""
    found = report("one", "|λ|(vit) < 1", {STEPS: Verdict.CONTRADICTED}, unmeasured=(TRAIN,))
    effect = words.effect(found.hypotheses[0].effect, found.hypotheses[0].unit)
    sentence = found.claims[0].sentence
    said = f"**reproduced** {effect}; control: but not {STEPS}; control: not measured {TRAIN}"
    assert row(page([found])) == [f"{sentence}<br>`¦λ¦(vit) < 1`", said]
    assert row(summary([found])) == [sentence, said]


def test_a_comparison_among_several_is_named_on_the_first_screen() -> None:
    """A sentence about two arms would let its effect pass for theirs, where it is one arm's against a number."""
    found = report("one", "largest distance(resnet) > 1", {})
    twice = replace(found.hypotheses[0], id="other")
    claim = replace(found.claims[0], hypotheses=(found.hypotheses[0].id, "other"))
    found = replace(found, claims=(claim,), hypotheses=(found.hypotheses[0], twice))
    assert row(summary([found]))[0].endswith("<br>`largest distance(resnet) > 1`")


def test_another_comparison_than_the_first_reports_is_named_in_its_cell() -> None:
    """Where reports rest on different comparisons each effect says of what it is."""
    first, second = (report(name, f"{name}(vit) < 1", {TRAIN: Verdict.REPRODUCED}) for name in ("NLL", "error"))
    cells = row(page([first, second]))
    assert cells[0].endswith("<br>`NLL(vit) < 1`")
    assert cells[1].startswith("**reproduced** ")
    assert "`" not in cells[1]
    assert cells[2].startswith("**reproduced** `error(vit) < 1`: ")


def test_the_same_comparison_at_another_snapshot_is_another_one() -> None:
    """Parameters tell comparisons of one statement apart."""
    late, early = (report(when, "APE(vit) < 1", {}, when=when) for when in ("end", "warmup"))
    cells = row(page([early, late]))
    assert cells[0].endswith("<br>`APE(vit) < 1 (at the end)`")
    assert cells[2].startswith("**reproduced** `APE(vit) < 1 (after warm-up)`: ")


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
    assert "decided (1 is a property checked on examples, without training): 1 reproduced" in page([found])[2]


def test_the_answer_counts_what_holds_at_which_scale() -> None:
    """The decided claims of each scale, what those decided at several have in common, and that the paper's scale is untested."""
    held, other = (synthetic.profile_of(report(name, "a < 1", {}), pixels=16) for name in ("one", "two"))
    flipped = replace(other, claims=(replace(other.claims[0], verdict=Verdict.CONTRADICTED),))
    assert answer([held, flipped]) == [
        "Of the paper’s claims that could be decided, 1 of 1 hold at one and 0 of 1 at two.",
        "Of 1 that networks decide at several of these scales, 0 hold at each, 0 at none and 1 at some of them.",
        "All of it is at 16×16 pixels and at most 0.18 million parameters: whether it carries over to the paper’s scale is untested.",
    ]
    assert len(answer([synthetic.profile_of(held, pixels=None), other])) == 2


def test_claims_that_no_scale_reproduces_stand_beside_the_headlines() -> None:
    """Which claims the first screen has follows from the verdicts: all that several scales contradict, and the strongest of the others."""
    asked = {f"c{number}": (Verdict.REPRODUCED, q) for number, q in enumerate((0.04, 0.001, 0.02, 0.01))}
    asked |= {"against": (Verdict.CONTRADICTED, 0.01), "split": (Verdict.REPRODUCED, 0.0001)}
    reports = []
    for name in ("one", "two"):
        some = report(name, "a < 1", {})
        claims = tuple(
            replace(some.claims[0], id=id, sentence=id, verdict=verdict, q=q) for id, (verdict, q) in asked.items()
        )
        reports.append(replace(some, claims=claims))
    reports[1] = synthetic.claim_of(reports[1], 5, verdict=Verdict.CONTRADICTED)
    shown = [line.split(" | ")[0].removeprefix("| ") for line in summary(reports) if line.startswith("| ")][1:]
    assert shown == ["against", "c1", "c3", "c2"]


def test_reports_stand_by_the_size_of_their_networks() -> None:
    """The weakest evidence last, whatever the reports are called."""
    small, large = report("a", "a < 1", {}), report("b", "a < 1", {})
    large = replace(large, runs=tuple(replace(run, parameters=9_000_000) for run in large.runs))
    assert [found.profile.name for found in by_size([small, large])] == ["b", "a"]
