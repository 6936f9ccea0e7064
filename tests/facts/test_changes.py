"""Today's results against earlier ones."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.facts.changes import Kind, compare_to_baseline, sampled, still_contradicted, untold
from vitwork.facts.claims import ClaimResult, Constant, Hypothesis, Sample
from vitwork.facts.document import DatasetResult, ProfileResult, Provenance, Results
from vitwork.language.claim import Paper
from vitwork.statistics import compare, ordering, trend
from vitwork.statistics.change import effect_change
from vitwork.statistics.effect import Test, Verdict

RNG = np.random.default_rng(0)
SEEDS = tuple(range(6))


def side(arm, values, seeds=SEEDS):
    return Sample(arm=arm, label=f"x({arm})", seeds=seeds, values=tuple(map(float, values)))


def hypothesis(name, *sides, claim="flatter", form="comparison", effect=None, **fields):
    if effect is None:
        effect = compare(sides[0].values, sides[1].value if isinstance(sides[1], Constant) else sides[1].values)
    return Hypothesis(
        id=name, claim=claim, form=form, statement=f"{name}: in words", parameters={}, quantity="x", unit="",
        sides=sides, effect=effect, **fields,
    )  # fmt: skip


def claim(id="flatter", verdict="reproduced", seconds=10.0, sentence="The loss of a ViT is flatter."):
    return ClaimResult(
        id=id, sentence=sentence, paper=Paper("Fig. 1", "–"), contradicted_by="", deviations=(), confounds=(),
        chapter="", verdict=Verdict(verdict), lack=None, hypotheses=(), measurements=(), arms=(), cost_seconds=seconds,
        cost_joules=None, rerun="",
    )  # fmt: skip


def results(claims, hypotheses=()):
    machine = Provenance(
        command="", commit="", dirty=False, code={}, versions={}, hardware={},
        dataset=DatasetResult(name="", fingerprint=""), started=0.0, finished=0.0, seconds=0.0,
    )  # fmt: skip
    profile = ProfileResult(name="smoke", summary="", seeds=6, deviations=())
    return Results(
        profile=profile, provenance=machine, claims=tuple(claims), hypotheses=tuple(hypotheses), runs=(),
        measurements=(),
    )  # fmt: skip


def document(shift=3.0, verdict="reproduced", seconds=10.0, seed=0):
    rng = np.random.default_rng(seed)
    claims = [claim(verdict=verdict, seconds=seconds), claim("lowpass", sentence="Attention is a low-pass filter.")]
    tests = [
        hypothesis(f"h{k}", side(f"vit-{k}", rng.standard_normal(6)), side("resnet", rng.standard_normal(6) + shift))
        for k in range(5)
    ]
    return results(claims, tests)


def changed(document, **fields):
    return msgspec.structs.replace(document, **fields)


def kinds(old, new):
    return [event.kind for event in compare_to_baseline(old, new)]


def test_nothing_changed_is_silent():
    """Results against themselves have no events, whatever the order of their hypotheses; empty ones neither."""
    old = document()
    assert kinds(old, document()) == []
    assert kinds(old, changed(old, hypotheses=old.hypotheses[::-1])) == []
    assert kinds(results([]), results([])) == []


def test_other_seeds_of_the_same_truth_are_silent():
    """New seeds from the same distributions raise no alarm beyond verdicts on the edge."""
    quiet = sum(Kind.MOVED in kinds(document(seed=1), document(seed=seed)) for seed in range(2, 60))
    assert quiet <= 4


def test_an_effect_that_moved_breaks():
    """A large change of one effect leaves its interval and says by how much."""
    old = document()
    moved = hypothesis(
        "h2", side("vit-2", [0.1, -0.2, 0.3, 0.0, 0.2, -0.1]), side("resnet", [40.0, 41.0, 39.5, 40.2, 40.8, 39.9])
    )
    new = changed(old, hypotheses=(*old.hypotheses[:2], moved, *old.hypotheses[3:]))
    events = [event for event in compare_to_baseline(old, new) if event.kind is Kind.MOVED]
    assert [(event.claim, event.hypothesis) for event in events] == [("flatter", "h2")]
    assert events[0].breaking
    assert events[0].change.estimate < -30
    assert events[0].change.adjusted_p > events[0].change.p


@pytest.mark.parametrize(
    ("before", "after", "kind", "breaking"),
    [
        ("reproduced", "contradicted", Kind.FLIPPED, True),
        ("reproduced", "not measured", Kind.SKIPPED, True),
        ("reproduced", "inconclusive", Kind.UNDECIDED, False),
        ("inconclusive", "reproduced", Kind.DECIDED, False),
    ],
)
def test_flipped_skipped_and_undecided_claims(before, after, kind, breaking):
    """Each turn of a verdict has its name and both verdicts, and only what no longer holds breaks."""
    (event,) = compare_to_baseline(document(verdict=before), document(verdict=after))
    assert (event.kind, event.breaking, event.claim) == (kind, breaking, "flatter")
    assert (event.before, event.after) == (Verdict(before), Verdict(after))


def test_tests_that_a_whole_session_did_not_run_are_newly_skipped():
    """A claim that a skip mark leaves unmeasured is no part that was not chosen, of which nothing is said."""
    lack = Lack(Missing.REACH)
    now = msgspec.structs.replace(claim(verdict="not measured"), lack=lack)
    whole = results([now])
    profile = msgspec.structs.replace(whole.profile, deviations=(Deviation(Change.ENDED),))
    part = msgspec.structs.replace(whole, profile=profile)
    assert kinds(results([claim()]), whole) == [Kind.SKIPPED]
    assert kinds(results([claim()]), part) == []
    assert [untold(results([claim()]), new) for new in (whole, part)] == [(), ("flatter",)]


def test_vanished_new_and_renamed():
    """A claim that disappears breaks; under another id with nearly the same sentence it is renamed and compared."""
    old = document()
    gone = changed(old, claims=old.claims[:1])
    assert kinds(old, gone) == [Kind.VANISHED]
    assert kinds(gone, old) == [Kind.NEW]
    other = claim("vit-flatter", "contradicted", sentence="The loss of ViTs is flatter.")
    tests = [msgspec.structs.replace(found, claim="vit-flatter", id=f"new-{found.id}") for found in old.hypotheses]
    tests[1] = hypothesis(
        "new-h1", side("vit-1", np.arange(6.0) + 90), side("resnet", np.arange(6.0)), claim="vit-flatter"
    )
    events = compare_to_baseline(old, results([other, old.claims[1]], tests))
    turned = [event.kind for event in events if not event.hypothesis]
    assert turned == [Kind.FLIPPED, Kind.RENAMED]
    assert {event.claim for event in events} == {"vit-flatter"}
    (renamed,) = (event for event in events if event.kind is Kind.RENAMED)
    assert (renamed.before, renamed.after) == ("flatter", "vit-flatter")
    assert {event.hypothesis for event in events if event.kind is Kind.MOVED} == {"new-h1"}


def test_a_hypothesis_put_in_front_moves_no_other():
    """Where ids count positions and all move by one, each hypothesis meets the one that compares the same arms."""
    old = document()
    first = hypothesis("h0", side("mlp", RNG.standard_normal(6) + 50), side("resnet", RNG.standard_normal(6)))
    moved = [msgspec.structs.replace(found, id=f"h{place + 1}") for place, found in enumerate(old.hypotheses)]
    assert Kind.MOVED not in kinds(old, changed(old, hypotheses=(first, *moved)))


def test_an_arm_with_another_name_is_still_compared():
    """A hypothesis of the same id whose arm was renamed is judged against its former self."""
    old = document()
    other = [
        hypothesis(found.id, side("vit", found.sides[0].values), side("resnet", np.array(found.sides[1].values) + 60))
        for found in old.hypotheses
    ]
    assert kinds(old, changed(old, hypotheses=tuple(other))).count(Kind.MOVED) == 5


def test_slower_is_kept_apart():
    """Twice the cost is reported with both and never breaks; less is not reported, nor the cost of what is skipped."""
    (event,) = compare_to_baseline(document(seconds=10.0), document(seconds=25.0))
    assert (event.kind, event.breaking, event.before, event.after) == (Kind.SLOWER, False, 10.0, 25.0)
    assert kinds(document(seconds=10.0), document(seconds=15.0)) == []
    assert kinds(document(seconds=0.0), document(seconds=15.0)) == []
    assert kinds(document(seconds=10.0), document(verdict="not measured", seconds=99.0)) == [Kind.SKIPPED]


def test_each_form_is_compared_by_what_its_effect_is_made_of():
    """Networks measured in two ways are pairs, a trend has its slope's weights, and an order's interval serves."""
    values = [RNG.standard_normal(6) + 5.0 * level for level in range(3)]
    arms = [side(f"arm-{k}", part) for k, part in enumerate(values)]
    twice = sampled(hypothesis("h", side("vit", values[0]), side("vit", values[1])))
    assert twice.paired
    assert not sampled(hypothesis("h", *arms[:2])).paired
    assert not sampled(hypothesis("h", side("vit", values[0]), side("vit", values[1], seeds=range(6, 12)))).paired
    alone = sampled(hypothesis("h", arms[0], Constant(value=2.0)))
    assert (alone.constant, list(alone.weights)) == (2.0, [1.0])
    slope = sampled(hypothesis("h", *arms, form="trend", effect=trend(values, levels=[0, 1, 4]), levels=(0, 1, 4)))
    assert np.dot(slope.weights, [part.mean() for part in values]) == pytest.approx(slope.effect.estimate)
    steps = sampled(hypothesis("h", *arms, form="order", effect=ordering(values)))
    assert effect_change(steps, steps).test is Test.INTERVALS


def test_an_entry_excuses_the_same_comparison_alone():
    """A contradiction is known by what was compared for the claim, not by its id alone."""
    old = document(verdict="contradicted")
    lost = [changed(found, effect=replace(found.effect, verdict=Verdict.CONTRADICTED)) for found in old.hypotheses]
    old = changed(old, hypotheses=tuple(lost))
    assert still_contradicted(old, old) == {found.id for found in lost}
    statement = changed(lost[0], statement="y(vit-0) > y(resnet)")
    arm = changed(lost[1], sides=(side("vit", SEEDS), lost[1].sides[1]))
    other = changed(old, hypotheses=(statement, arm, *lost[2:]))
    assert still_contradicted(other, old) == {found.id for found in lost[2:]}
    sentence = changed(old.claims[0], sentence="Quite another.")
    assert still_contradicted(changed(old, claims=(sentence, old.claims[1])), old) == set()
    undecided = changed(old.claims[0], verdict=Verdict.INCONCLUSIVE)
    assert still_contradicted(changed(old, claims=(undecided, old.claims[1])), old) == set()


def test_comparisons_that_are_gone_renamed_or_without_values_are_named():
    """A claim whose verdict stays does not hide that it rests on other comparisons, or on none."""
    old = document()
    ids = tuple(found.id for found in old.hypotheses)
    old = changed(old, claims=(changed(old.claims[0], hypotheses=ids), old.claims[1]))
    fewer = changed(
        old, claims=(changed(old.claims[0], hypotheses=ids[1:]), old.claims[1]), hypotheses=old.hypotheses[1:]
    )
    arm = [changed(one, sides=(changed(one.sides[0], arm="zzz"), one.sides[1])) for one in old.hypotheses]
    null = [changed(one, sides=(side("vit", (), ()), one.sides[1])) for one in old.hypotheses[:1]]
    for now, before, expected in (
        (fewer, old, {(Kind.VANISHED, "h0")}),
        (old, fewer, {(Kind.NEW, "h0")}),
        (changed(old, hypotheses=tuple(arm)), old, {(Kind.OTHER, id) for id in ids}),
        (changed(old, hypotheses=(*null, *old.hypotheses[1:])), old, {(Kind.OTHER, "h0"), (Kind.EMPTY, "h0")}),
    ):
        assert {(event.kind, event.hypothesis) for event in compare_to_baseline(before, now)} == expected
