"""Today's results against an earlier file."""

import copy
import json

import numpy as np
import pytest

from vitwork.statistics.effect import Verdict
from vitwork.statistics import compare, compare_to_baseline
from vitwork.statistics.change import effect_change

RNG = np.random.default_rng(0)


def hypothesis(name, a, b, claim="flatter", scale="difference"):
    effect = compare(a, b, scale=scale)
    fields = {slot: getattr(effect, slot) for slot in effect.__slots__}
    side = {"constant": b} if np.ndim(b) == 0 else {"values": list(b)}
    return {
        "id": name, "claim": claim, "statement": f"{name}: x(vit) < x(resnet)", "a": {"values": list(a)}, "b": side,
        "effect": {key: (str(value) if key == "verdict" else value) for key, value in fields.items()},
    }  # fmt: skip


def document(shift=3.0, verdict="reproduced", seconds=10.0, seed=0):
    rng = np.random.default_rng(seed)
    claims = [
        {
            "id": "flatter",
            "sentence": "The loss of a ViT is flatter.",
            "verdict": verdict,
            "reason": "r",
            "cost_seconds": seconds,
        },
        {"id": "lowpass", "sentence": "Attention is a low-pass filter.", "verdict": "reproduced", "reason": "r"},
    ]
    tests = [hypothesis(f"h{k}", rng.standard_normal(6), rng.standard_normal(6) + shift) for k in range(5)]
    return {"schema": "vitwork-results/1", "claims": claims, "hypotheses": tests}


def kinds(old, new, **options):
    return [event.kind for event in compare_to_baseline(old, new, **options)]


def test_nothing_changed_is_silent():
    """A results file against itself, also after a trip through JSON, has no events."""
    assert kinds(document(), json.loads(json.dumps(document()))) == []


def test_other_seeds_of_the_same_truth_are_silent():
    """New seeds from the same distributions raise no alarm beyond verdicts on the edge."""
    quiet = sum("left its interval" in kinds(document(seed=1), document(seed=seed)) for seed in range(2, 60))
    assert quiet <= 4


def test_one_arm_measured_in_two_ways_is_one_sample_of_differences():
    """Where both sides are the same networks, what they share cancels, also from the error of the change."""
    rng = np.random.default_rng(4)

    def entry(shift):
        shared = 10.0 * rng.standard_normal(8)
        found = hypothesis("h", shared + 0.1 * rng.standard_normal(8) + shift, shared)
        found["a"]["arm"] = found["b"]["arm"] = "vit"
        return found

    changed = effect_change(entry(0.0), entry(1.0))
    assert changed.verdict is not Verdict.INCONCLUSIVE
    assert changed.estimate == pytest.approx(1.0, abs=0.3)
    old, new = entry(0.0), entry(1.0)
    for side in ("a", "b"):
        old[side]["arm"] = new[side]["arm"] = side  # arms of their own: the networks' spread hides the change
    assert effect_change(old, new).verdict is Verdict.INCONCLUSIVE


def test_an_effect_that_moved_breaks():
    """A large change of one effect leaves its interval and says by how much."""
    new = document()
    new["hypotheses"][2] = hypothesis(
        "h2", np.array([0.1, -0.2, 0.3, 0.0, 0.2, -0.1]), np.array([40.0, 41.0, 39.5, 40.2, 40.8, 39.9])
    )
    events = [event for event in compare_to_baseline(document(), new) if event.kind == "left its interval"]
    assert [event.hypothesis for event in events] == ["h2"]
    assert events[0].breaking
    assert events[0].change.estimate < -30


def test_flipped_skipped_and_undecided_claims():
    """Each turn of a verdict has its name, and only what no longer holds breaks."""
    cases = {
        ("reproduced", "contradicted"): ("flipped", True), ("reproduced", "not measured"): ("newly skipped", True),
        ("reproduced", "inconclusive"): ("newly inconclusive", False), ("inconclusive", "reproduced"): ("newly decided", False),
    }  # fmt: skip
    for (before, after), (kind, breaking) in cases.items():
        events = compare_to_baseline(document(verdict=before), document(verdict=after))
        assert [(event.kind, event.breaking, event.claim) for event in events] == [(kind, breaking, "flatter")]


def test_vanished_new_and_renamed():
    """A claim that disappears breaks; under another id with the same sentence it is renamed and still compared."""
    old, gone = document(), document()
    gone["claims"] = gone["claims"][:1]
    assert kinds(old, gone) == ["vanished"]
    assert kinds(gone, old) == ["new"]
    renamed = copy.deepcopy(old)
    renamed["claims"][0] |= {"id": "vit-flatter", "verdict": "contradicted"}
    for entry in renamed["hypotheses"]:
        entry["claim"] = "vit-flatter"
    events = compare_to_baseline(old, renamed)
    assert [event.kind for event in events] == ["flipped", "renamed"]
    assert events[0].claim == "vit-flatter"


def test_slower_is_kept_apart():
    """Twice the cost is reported and never breaks; less is not reported."""
    events = compare_to_baseline(document(seconds=10.0), document(seconds=25.0))
    assert [(event.kind, event.breaking) for event in events] == [("slower", False)]
    assert kinds(document(seconds=10.0), document(seconds=15.0)) == []


def test_change_is_the_difference_of_effects():
    """The estimate of a change is the difference of the two estimates, also for one-sample and log scales."""
    a, b, c, d = np.exp(RNG.standard_normal((4, 6)))
    for scale, right in (("difference", (b, d)), ("log-ratio", (b, d)), ("difference", (1.0, 1.0))):
        old, new = hypothesis("h", a, right[0], scale=scale), hypothesis("h", c, right[1], scale=scale)
        expected = new["effect"]["estimate"] - old["effect"]["estimate"]
        assert effect_change(old, new).estimate == pytest.approx(expected)


def test_intervals_serve_where_seeds_are_not_recorded():
    """Without seeds the recorded intervals decide, and agree with the seeds on a plain case."""
    old = hypothesis("h", RNG.standard_normal(8), RNG.standard_normal(8))
    new = hypothesis("h", RNG.standard_normal(8), RNG.standard_normal(8) + 20.0)
    seeds = effect_change(old, new)
    for entry in (old, new):
        entry["a"], entry["b"] = {}, {}
    intervals = effect_change(old, new)
    assert intervals.estimate == pytest.approx(seeds.estimate)
    assert intervals.verdict is seeds.verdict
    assert "interval" in intervals.method


def test_what_cannot_be_compared_is_not():
    """Another scale, no effect or an interval without end give no test and no crash."""
    plain = hypothesis("h", RNG.standard_normal(5), RNG.standard_normal(5))
    assert effect_change(plain, {**plain, "effect": None}) is None
    assert effect_change(plain, {**plain, "effect": {**plain["effect"], "scale": "ratio"}}) is None
    lost = hypothesis("h", [float("nan")] * 5, RNG.standard_normal(5))
    lost["effect"]["low"] = None
    assert effect_change(plain, lost) is None
    assert compare_to_baseline({}, {}) == []
