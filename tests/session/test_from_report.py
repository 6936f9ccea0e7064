"""The claims judged again from a report: with which profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from tests.evidence.published import published
from vitwork.design.deviation import Change, Deviation
from vitwork.facts.document import Results
from vitwork.measurements.accuracy import Evaluation
from vitwork.profiles import SMOKE
from vitwork.session.from_report import profile_of


def measured(results: Results, sizes: list[int]) -> Results:
    """Return results whose evaluations are of so many training images, one after another."""
    entries = [entry for entry in results.measurements if entry.name == "evaluation"]
    return structs.replace(
        results,
        measurements=tuple(
            structs.replace(entry, parameters={**entry.parameters, "training_images": sizes[place % len(sizes)]})
            for place, entry in enumerate(entries)
        ),
    )


@pytest.mark.parametrize(("sizes", "taken"), [([7], 7), ([7, 8], 500), ([500, 8], 500)], ids=str)
def test_a_report_is_judged_with_the_parameters_of_its_records(tmp_path: Path, sizes: list[int], taken: int) -> None:
    """A parameter that all records have is the one of the report's profile; where tests set it, the installed profile's holds."""
    assert SMOKE.measurement(Evaluation).training_images == 500
    found = profile_of(measured(published(tmp_path), sizes)).measurement(Evaluation)
    assert found == Evaluation(training_images=taken)


def test_what_was_measured_otherwise_is_said_once(tmp_path: Path) -> None:
    """A number that the profile has otherwise by now is a difference, also when the report is judged again; a snapshot is none."""
    results = measured(published(tmp_path), [7])
    results = structs.replace(
        results,
        measurements=tuple(
            structs.replace(entry, parameters={**entry.parameters, "when": "warmup"}) for entry in results.measurements
        ),
    )
    declared = {found for found in profile_of(results).deviations if found.change is Change.DECLARED}
    (said,) = declared - set(results.profile.deviations)
    assert said.text == "evaluation measured with training_images = 7 (the profile has 500 now)"
    again = structs.replace(
        results, profile=structs.replace(results.profile, deviations=profile_of(results).deviations)
    )
    assert profile_of(again).deviations == again.profile.deviations


@pytest.mark.parametrize("said", [(), (Deviation(Change.SEEDS, value=str(SMOKE.seeds)),)], ids=["silent", "told"])
@pytest.mark.parametrize("seeds", [SMOKE.seeds, SMOKE.seeds + 1], ids=str)
def test_a_number_of_seeds_is_held_against_the_profiles_own_of_now(
    tmp_path: Path, seeds: int, said: tuple[Deviation, ...]
) -> None:
    """A profile's number changes: what was its own may differ by now, and what was set by hand may be its own."""
    assert told(published(tmp_path), seeds, said) == ([] if seeds == SMOKE.seeds else [str(seeds)])


def test_seeds_added_until_verdicts_settle_are_no_setting(tmp_path: Path) -> None:
    """Nobody chose how many there are."""
    sequential = structs.replace(published(tmp_path), sequential=True)
    assert told(sequential, SMOKE.seeds + 1, ()) == []


def told(results: Results, seeds: int, said: tuple[Deviation, ...]) -> list[str]:
    """Return the numbers of seeds that a report of so many seeds is judged to have changed."""
    profile = structs.replace(results.profile, seeds=seeds, deviations=(*results.profile.deviations, *said))
    found = profile_of(structs.replace(results, profile=profile)).deviations
    return [each.value for each in found if each.change is Change.SEEDS]
