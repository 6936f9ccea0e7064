"""Properties on drawn examples."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from vitwork.language.drawn import drawn


def test_arguments_are_drawn_from_their_ranges_alike_every_time() -> None:
    """As many examples as asked for, both ends within reach, and the same ones in the next session."""
    seen: list[tuple[int, float]] = []

    @drawn(examples=40, count=(2, 3), share=(0.0, 1.0))
    def test(count: int, share: float) -> None:
        seen.append((count, share))

    test()
    first = list(seen)
    assert len(first) == 40
    assert {count for count, _ in first} == {2, 3}
    assert all(0.0 <= share <= 1.0 for _, share in first)
    seen.clear()
    test()
    assert seen == first


def test_an_example_that_fails_fails_the_test() -> None:
    """With its own assertion; pytest finds a test without arguments under its own name."""

    @drawn(count=(0, 9))
    def test_small(count: int) -> None:
        """Said of it."""
        assert count < 5

    with pytest.raises(AssertionError):
        test_small()
    assert (test_small.__name__, test_small.__doc__) == ("test_small", "Said of it.")
    assert not inspect.signature(test_small).parameters


def test_reading_the_claims_does_not_import_hypothesis() -> None:
    """Its import would cost every process of a session more than finding that a property was checked before."""
    code = "import sys, claims.test_attention; sys.exit('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
