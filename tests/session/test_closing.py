"""What a session says, and does not spend time on, as it ends."""

from __future__ import annotations

import pytest

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation
from vitwork.report import placement
from vitwork.report.build import build
from vitwork.session import closing

CLAIMS = """
from vitwork.language.claim import Paper, claim


@claim("right", "One is one.", paper=Paper("Fig. 0", "none"))
def test_right():
    assert 1 == 1
"""

DRAWN = """
from hypothesis import given, strategies


@given(strategies.integers())
def test_drawn(number):
    assert number == number
"""

CONFTEST = """
import sys

pytest_plugins = ["vitwork.plugin"]


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        print("\\nimported:", "hypothesis" in sys.modules)
"""


@pytest.mark.parametrize("workers", [pytest.param((), marks=pytest.mark.slow), ("-n", "1")])
def test_hypothesis_is_imported_for_its_own_tests_alone(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """A session of claims does not wait for a library that it does not use; one that does has its statistics, from workers, too."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_claims=CLAIMS, test_drawn=DRAWN)
    typed = ("-p", "no:cacheprovider", *workers)
    alone = pytester.runpytest_subprocess(*typed, "test_claims.py")
    alone.stdout.fnmatch_lines("imported: False")
    both = pytester.runpytest_subprocess(*typed, "--hypothesis-show-statistics")
    both.stdout.fnmatch_lines(["*Hypothesis Statistics*", "test_drawn.py::test_drawn:", "imported: True"])


def test_a_report_of_a_part_reads_what_stands_in_its_place_once(tmp_path, monkeypatch):
    """Reports are large; where a whole one stands under the part's own name as well, it goes beside both."""
    whole = synthetic.results(seeds=2, claims=2, grid=5)
    part = synthetic.profile_of(whole, deviations=(*whole.profile.deviations, Deviation(Change.CHOSEN)))
    asked: list[object] = []
    read = placement.read
    monkeypatch.setattr(placement, "read", lambda folder: (asked.append(folder), read(folder))[1])
    monkeypatch.setattr(closing.options, "store_of", lambda config: tmp_path)
    monkeypatch.setattr(
        closing.options, "report_of", lambda config, store, *, part: tmp_path / f"report{'-part' * part}"
    )

    def written() -> list[object]:
        asked.clear()
        return [closing.write(None, part).parent.name, *(folder.name for folder in asked)]

    build(part, tmp_path / "report-part")
    assert written() == ["report-part", "report-part"]
    build(whole, tmp_path / "report-part")
    assert written() == ["report-part-part", "report-part"]
    assert written() == ["report-part-part", "report-part", "report-part-part"]
