"""The table of verdicts."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.terminal import table, totals
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


def test_a_message_of_several_lines_takes_one() -> None:
    """What pytest says of a failed test may have several lines; they are one cell of the table."""
    lack = Lack(Missing.FAULT, what="AssertionError in the test:\nassert a == b")
    lines = table(
        results(claims=(replace(results().claims[0], verdict=Verdict.NOT_MEASURED, lack=lack, hypotheses=()),)),
        every=True,
    )
    assert any("AssertionError in the test: assert a == b" in line for line in lines)


def test_a_claim_takes_one_line() -> None:
    """Verdict, effect with the interval that decides, seeds, p and q; what was not measured is counted by reason."""
    lines = table(results())
    assert [" ".join(line.split()) for line in lines if line.startswith(("claim", "c "))] == [
        "claim verdict effect [interval] n p q compares",
        "c reproduced −1.5 [−2.0, −1.0] pp 5+4 0.0004 0.006 error(a) < error(b) (at the end)",
    ]
    assert not any(line.startswith("d ") for line in lines)
    assert "Not measured: 1 claim, of which 1 needs an arm that the profile does not have." in lines
    assert any(line.startswith("Verdicts have a false discovery rate of 5 %") for line in lines)
    assert lines[-1] == "1 of 2 claims of the paper decided at profile synthetic: 1 reproduced, 1 not measured."


def test_everything_is_shown_where_it_is_asked_for() -> None:
    """A line per hypothesis below its claim, and one for a claim that was not measured, with what it needs."""
    whole = results()
    claim, first = whole.claims[0], whole.hypotheses[0]
    second = replace(first, id="second", parameters={"when": "warmup"})
    claims = (replace(claim, hypotheses=(first.id, second.id)), whole.claims[1])
    lines = table(replace(whole, claims=claims, hypotheses=(first, second)), every=True)
    (place,) = [at for at, line in enumerate(lines) if line.startswith("c ")]
    assert lines[place + 1].split()[:5] == ["reproduced", "−1.5", "[−2.0,", "−1.0]", "pp"]
    (lacking,) = [line for line in lines if line.startswith("d ")]
    assert lacking.split(maxsplit=3)[1:] == ["not", "measured", "needs the arm swin, which the profile does not have"]
    assert not any(line.startswith("Not measured:") for line in lines)
    assert sum("error(a) < error(b)" in line for line in table(whole, every=True)) == 1  # the claim's row says it all


def test_sentences_below_the_table_keep_to_the_terminal() -> None:
    """They are folded as the plan's are; no word is broken, and the counts, which scripts read, stay in one line."""
    *folded, counts = table(results(), 60)
    assert max(map(len, folded)) <= 60
    assert len(counts) > 60


def test_decided_claims_come_first() -> None:
    """Reproduced, contradicted, undecided; within each the order of the session."""
    whole = synthetic.results(seeds=3, claims=12, grid=5)
    known = {claim.id: claim for claim in whole.claims}
    shown = [line.split()[0] for line in table(whole, 400) if line and line.split()[0] in known]
    order = list(Verdict)
    ranks = [order.index(known[id].verdict) for id in shown]
    assert len(set(ranks)) == 3
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("width", [30, 60, 80, 100, 160, 300])
def test_lines_are_cut_to_the_terminal(width: int) -> None:
    """Rows fit whatever the width; what tells least is left out first, and the verdict is never cut."""
    lines = table(synthetic.results(seeds=3, claims=12, grid=5), width)
    end = next(at for at, line in enumerate(lines) if line.startswith(("Not measured", "Verdicts")))
    assert max(map(len, lines[:end])) <= width
    if width >= 80:
        assert any(" reproduced " in line for line in lines[:end])
    assert ("compares" in lines[1]) == (width >= 100)


@pytest.mark.parametrize(("width", "columns"), [(80, ["p", "q"]), (60, ["q"]), (44, [])])
def test_p_and_q_stay_in_a_narrow_terminal(width: int, columns: list[str]) -> None:
    """Units are left out and long names have their own line for their sake; then p goes, then q; an interval is whole."""
    whole = results()
    claim = replace(whole.claims[0], id="a-name-which-is-much-too-long", p=0.00012, q=0.00012)
    found = replace(whole.hypotheses[0], unit="log amplitude", effect=dataclasses.replace(EFFECT, low=-2.0134))
    _, head, name, line, *_ = table(replace(whole, claims=(claim,), hypotheses=(found,)), width)
    assert head.split() == ["claim", "verdict", "effect", "[interval]", *columns]
    assert name == claim.id
    assert "reproduced " in line
    assert "−1.50 [−2.01, −1.00]" in line
    assert line.count("0.00012") == len(columns)


def test_every_row_says_what_it_compares_in_a_narrow_terminal() -> None:
    """With all rows shown, their sentences stand whole below them, also what an unmeasured claim lacks; names are never cut."""
    whole = results()
    claim = replace(whole.claims[0], id="a-name-which-is-much-too-long-for-its-column")
    unit = replace(whole.hypotheses[0], unit="log amplitude", statement=f"error(a) < {'b ' * 40}end of it")
    lines = table(replace(whole, claims=(claim, whole.claims[1]), hypotheses=(unit,)), 80, every=True)
    assert claim.id in lines
    rows = lines[: next(at for at, line in enumerate(lines) if line.startswith("Verdicts"))]
    assert max(map(len, rows)) <= 80
    assert sum("end of it (at the end)" in line for line in rows) == 1  # of the claim, whose only hypothesis it is
    assert "    needs the arm swin, which the profile does not have" in rows
    assert not any("…" in line for line in rows)
    assert not any("log" in line and "log amplitude" not in line for line in rows)


def test_colours_tell_verdicts_apart_where_a_terminal_has_them() -> None:
    """Without colours there are no control characters."""
    assert any("\x1b[32mreproduced" in line for line in table(results(), colour=True))
    assert not any("\x1b" in line for line in table(results()))


def test_what_a_decision_cost_is_told() -> None:
    """Decided claims of the paper over all that was trained and measured; nothing where nothing was."""
    found = results(measurements=())
    assert (
        "1 claims decided per worker-minute: 1 of 2 claims of the paper in 1.0 worker-minutes of training and measuring."
        in table(found)
    )
    assert not any("worker-minute" in line for line in table(replace(found, runs=())))


def test_controls_and_claims_of_ours_are_marked() -> None:
    """A control below what decides, its contradiction beside the verdict; claims of ours last, and counted apart."""
    whole = results()
    deciding = whole.hypotheses[0]
    effect = Effect(1.5, 1.0, 2.0, 5, 4, 0.001, Verdict.CONTRADICTED)
    control = replace(deciding, id="c:2", control=synthetic.BATCHNORM, effect=effect)
    first = replace(whole.claims[0], hypotheses=("c:2", "c:1"), ours=True)
    lines = table(replace(whole, claims=(first, whole.claims[1]), hypotheses=(control, deciding)), 300, every=True)
    place = lines.index("claims of ours")
    assert next(at for at, line in enumerate(lines) if line.startswith("d ")) < place
    assert f"but not {synthetic.BATCHNORM}; error(a) < error(b) (at the end)" in lines[place + 1]
    assert lines[place + 2].endswith("  error(a) < error(b) (at the end)")
    assert f"control: {synthetic.BATCHNORM}: error(a)" in lines[place + 3]
    assert "0 of 1 claim of the paper decided at profile synthetic: 1 not measured." in lines
    assert "1 of 1 claim of ours decided at profile synthetic: 1 reproduced." in lines


def test_a_project_with_claims_of_its_own_alone_is_not_told_of_the_papers() -> None:
    """Counts, the headline and the price are those of its claims: nobody asked for the paper's."""
    whole = results()
    own = replace(whole, claims=tuple(replace(claim, ours=True) for claim in whole.claims))
    for text in (*totals(own), words.headline(own), words.lead(own), words.price(own)):
        assert "0 claims" not in text
        assert "paper" not in text
    assert len(totals(own)) == 1


def test_the_hypothesis_that_bears_the_verdict_is_shown() -> None:
    """The weakest of those that are all needed, or the strongest against the paper."""
    whole = results()
    strong = replace(whole.hypotheses[0], effect=dataclasses.replace(EFFECT, p_for=0.001, p_against=0.999))
    weak = replace(strong, id="c:2", statement="weak", effect=dataclasses.replace(EFFECT, p_for=0.01, p_against=0.99))
    claim = replace(whole.claims[0], hypotheses=("c:1", "c:2"))

    def row(**changed: Any) -> str:
        made = replace(whole, claims=(replace(claim, **changed),), hypotheses=(strong, weak))
        return next(line for line in table(made) if line.startswith("c "))

    assert row().endswith("the weakest of 2: weak (at the end)")
    assert row(verdict=Verdict.CONTRADICTED).endswith("the strongest of 2: weak (at the end)")


def test_a_fault_is_never_folded() -> None:
    """What failed is shown by name: it is no property of the profile."""
    whole = results()
    broken = replace(whole.claims[1], lack=Lack(Missing.FAULT, what="it broke"))
    (line,) = [line for line in table(replace(whole, claims=(broken,))) if line.startswith("d ")]
    assert line.endswith("it broke")


def test_a_claim_without_comparisons_says_what_its_test_says() -> None:
    """A property that is checked on examples; one of another test that was not measured says why."""
    checked, partly = results().claims[:1] * 2
    lack = Lack(Missing.RECORD, "vit", "spectrum")
    claims = (replace(checked, hypotheses=()), replace(partly, lack=lack))
    lines = table(results(claims=claims), 300)
    assert any(line.endswith("the test says reproduced") for line in lines)
    assert any("the record of spectrum of vit is missing" in line for line in lines)


def test_a_model_of_the_user_is_named_below_the_table() -> None:
    """Whoever reads the verdicts of an arm knows whose they are."""
    found = synthetic.profile_of(results(), deviations=(Deviation(Change.MODEL, arm="vit", value="my.nets:small"),))
    assert "The arm vit is my.nets:small, not the profile’s own." in table(found)
