"""The claims judged again from a report: with which profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from tests.evidence.published import published
from vitwork.language.document import Results
from vitwork.measurements.accuracy import Evaluation
from vitwork.profiles import SMOKE
from vitwork.session.again import profile_of


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
