"""What a search says that it found."""

from __future__ import annotations

import pytest

from vitwork.buildup.networks import network
from vitwork.buildup.outcome import SearchOutcome
from vitwork.buildup.rule import BlockJudgement, Rates, Ruling, TriedBlock, judged
from vitwork.buildup.searching import Configuration
from vitwork.profiles import find

NONE, LAST, MIDDLE = (0, 0, 0), (0, 0, 1), (0, 1, 0)


def outcome(*steps, accuracies=None):
    """Return a search that ended with these steps, and networks of these accuracies by their MSA blocks."""
    known = {msas: Configuration(tuple(found), 1.0, None, 10) for msas, found in (accuracies or {}).items()}
    built = network(find("cifar10-micro").arms["alternet"], 16)
    return SearchOutcome("alternet", built, "cifar10-micro", 10, Rates(), steps, known, 1.0, "key", ended=True)


def test_a_ruling_of_the_first_of_the_networks_says_so():
    """A line says of how many trained networks the ruling's are the first, whose mean may be another than the path's."""
    before, tried = (10.0, 11.0, 10.5, 10.2), (7.0, 8.1, 7.4, 12.0)
    found = judged(tried, before, Rates(), 3)
    assert (found.ruling, found.seeds) == (Ruling.DROPPED, 3)
    step = TriedBlock(NONE, LAST, found)
    more = outcome(step, accuracies={NONE: before, LAST: tried})
    assert "the first 3 seeds of 4: dropped" in more.line(step)
    assert more.record["steps"][0]["trained"] == 4
    same = outcome(step, accuracies={NONE: before, LAST: tried[:3]})
    assert "), 3 seeds: dropped" in same.line(step)


def test_an_interval_without_edges_is_none():
    """Three seeds may decide at a rate of 20 % and bound nothing at the level of the interval, which is said."""
    step = TriedBlock(NONE, LAST, judged((7.0, 8.1, 7.4), (10.0, 11.0, 10.5), Rates(), 3))
    assert step.found.gain is not None
    assert "–" not in outcome(step).line(step)


@pytest.mark.parametrize(
    ("rulings", "said"),
    [((Ruling.REFUSED, Ruling.REFUSED), "No MSA block can be built into alternet, so that none was tried"),
     ((Ruling.REFUSED, Ruling.DROPPED), "No MSA block of those that can be built was shown to help alternet"),
     ((Ruling.DROPPED, Ruling.DROPPED), "No MSA block was shown to help alternet")],
)  # fmt: skip
def test_a_block_that_cannot_be_built_is_not_one_that_does_not_help(rulings, said):
    """The answer tells what was tried from what could not be."""
    steps = [
        TriedBlock(NONE, tried, BlockJudgement(ruling)) for tried, ruling in zip((LAST, MIDDLE), rulings, strict=True)
    ]
    assert outcome(*steps).answer.startswith(said)
