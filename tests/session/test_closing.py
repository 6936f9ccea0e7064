"""What a session says, and does not spend time on, as it ends."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_hypothesis_is_imported_for_its_own_tests_alone(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """A session of claims does not wait for a library that it does not use; one that does has its statistics, from workers, too."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_claims=CLAIMS, test_drawn=DRAWN)
    typed = ("-p", "no:cacheprovider", *workers)
    alone = pytester.runpytest_subprocess(*typed, "test_claims.py")
    alone.stdout.fnmatch_lines("imported: False")
    both = pytester.runpytest_subprocess(*typed, "--hypothesis-show-statistics")
    both.stdout.fnmatch_lines(["*Hypothesis Statistics*", "test_drawn.py::test_drawn:", "imported: True"])
