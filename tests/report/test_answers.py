"""The answer to a question, and the order in which claims come."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.design.deviation import Lack, Missing
from vitwork.report import words
from vitwork.statistics.effect import Verdict

CLAIMS = synthetic.results(seeds=1, claims=4, grid=5).claims
HELD, FAILED, OPEN, MISSING = Verdict.REPRODUCED, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("verdicts", "short", "said"),
    [
        ((HELD, HELD), "All 2 decided claims hold", ""),
        ((HELD, OPEN), "The one decided claim holds", "1 undecided at smoke."),
        ((FAILED, MISSING), "The one decided claim does not hold", "1 not measured at smoke."),
        ((FAILED, FAILED), "None of 2 decided claims holds", ""),
        ((HELD, FAILED, OPEN, MISSING), "1 of 2 decided claims holds", "1 undecided and 1 not measured at smoke."),
        ((HELD, HELD, FAILED), "2 of 3 decided claims hold", ""),
        ((OPEN, MISSING), "Undecided", "1 undecided and 1 not measured at smoke."),
        ((MISSING,), "Not measured", "1 not measured at smoke."),
        ((), "Not asked", "No claim on it is among these."),
    ],
)  # fmt: skip
def test_an_answer_is_made_of_the_verdicts(verdicts, short, said):
    """No verdict of its own: counts of decided claims, and what is left open."""
    claims = [replace(claim, verdict=verdict) for claim, verdict in zip(CLAIMS, verdicts, strict=False)]
    assert words.answer(claims, "smoke") == (short, said)


def test_questions_have_the_paper_s_claims_alone():
    """By the section that answers them; claims of ours, and of no section, are none of the three."""
    results = synthetic.results(seeds=1, grid=5)
    found = words.by_question(results.claims)
    assert list(found) == list(words.QUESTIONS.values())
    assert sum(map(len, found.values())) == len(words.apart(results.claims)[0])
    other = replace(CLAIMS[0], paper=type(CLAIMS[0].paper)("Table 1", "none"))
    assert words.by_question([other]) == {}
    assert list(words.by_question([other, CLAIMS[1]]))[-1] == "Of no question of the paper"


def test_claims_come_by_q_and_then_by_p():
    """Those without either, such as properties checked on examples, come last."""
    given = [(None, None), (0.4, 0.2), (0.01, 0.009), (0.01, 0.001)]
    claims = [replace(claim, q=q, p=p) for claim, (q, p) in zip(CLAIMS, given, strict=True)]
    assert words.by_strength(claims) == [claims[3], claims[2], claims[1], claims[0]]


def test_what_was_not_measured_is_folded_by_reason():
    """The most frequent reason first; every kind of lack has words."""
    lacks = [Lack(Missing.NOISE, what="NEP"), Lack(Missing.ARM, "swin"), Lack(Missing.ARM, "pit"), None]
    claims = [replace(claim, verdict=MISSING, lack=lack) for claim, lack in zip(CLAIMS, lacks, strict=True)]
    assert {reason: len(found) for reason, found in words.by_reason(claims).items()} == {
        words.REASONS[Missing.ARM]: 2,
        words.REASONS[Missing.NOISE]: 1,
        "Its test was not run": 1,
    }
    assert set(words.REASONS) == set(Missing)


def test_the_scale_is_said_with_what_is_known():
    """Pixels where all arms have the same, parameters where networks were trained, else the profile."""
    results = synthetic.results(seeds=1, claims=2, grid=5)
    assert words.scale(results) == "at 0.17 to 0.18 million parameters"
    sized = synthetic.profile_of(results, pixels=16)
    assert words.scale(sized) == "at 16×16 pixels and 0.17 to 0.18 million parameters"
    small = replace(sized, runs=(replace(sized.runs[0], parameters=50_000), *sized.runs[1:]))
    assert words.scale(small) == "at 16×16 pixels and 0.05 to 0.18 million parameters"
    assert words.scale(replace(results, runs=())) == "at synthetic"
    assert words.headline(replace(results, claims=())).startswith("None of 0 claims of “How Do Vision")


def test_what_remains_undecided_is_counted_in_words() -> None:
    """One remains, two remain."""
    whole = synthetic.results(seeds=1, claims=2, grid=5)
    claims = [replace(claim, verdict=Verdict.INCONCLUSIVE) for claim in whole.claims]
    assert "2 remain undecided" in words.lead(replace(whole, claims=tuple(claims)))
    assert "1 remains undecided" in words.lead(replace(whole, claims=tuple(claims[:1])))


def test_networks_that_are_only_planned_are_not_counted() -> None:
    """A report that grows tells how many networks there are, not how many there will be."""
    whole = synthetic.results(seeds=2, claims=7, grid=5)
    planned = replace(whole.runs[0], key="planned", status=None, seconds=None, finished=None)
    grown = replace(whole, runs=(*whole.runs, planned))
    assert words.ended(grown) == len(whole.runs)
    assert words.lead(grown) == words.lead(whole)


def test_the_lead_is_one_sentence_and_the_rest_is_counted_apart() -> None:
    """How many claims the networks decided and how many of them hold; what was put to the test, and ours, stand in the provenance."""
    whole = synthetic.claim_of(synthetic.results(seeds=2, claims=7, grid=5), 0, ours=True)
    said = words.lead(whole)
    assert said == "On 16 trained networks 3 claims could be decided: 2 hold and 1 does not; 2 remain undecided."
    held = next(n for n, claim in enumerate(whole.claims) if claim.verdict is Verdict.REPRODUCED and not claim.ours)
    theorem = words.lead(synthetic.claim_of(whole, held, hypotheses=()))
    assert "2 claims could be decided, and 1 on examples, without training: 2 hold" in theorem
    assert words.tested(whole) == (
        "5 of 6 claims of the paper put to the test, 3 decided; 1 of 1 claim of ours put to the test, 1 decided"
    )
