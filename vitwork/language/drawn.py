"""Checks properties on randomly drawn examples: statements about every network, checked without training."""

from __future__ import annotations

from collections.abc import Callable


def drawn(*, examples: int = 30, **ranges: tuple[int, int] | tuple[float, float]) -> Callable[..., Callable[[], None]]:
    """Run a test on randomly drawn arguments, the same in every session.

    Args:
        examples: number of examples.
        ranges: the smallest and the largest value of every argument, two integers or two floats.

    Returns:
        A decorator that makes a test without arguments. hypothesis is imported only when that test runs, because its
        import takes longer than a session needs to find that the property was checked before.
    """

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        def checked() -> None:
            from hypothesis import given, settings
            from hypothesis import strategies as st

            arguments = {
                name: st.integers(low, high) if isinstance(low, int) and isinstance(high, int) else st.floats(low, high)
                for name, (low, high) in ranges.items()
            }
            fixed = settings(deadline=None, max_examples=examples, derandomize=True, database=None)
            fixed(given(**arguments)(test))()

        checked.__name__, checked.__qualname__ = test.__name__, test.__qualname__
        checked.__module__, checked.__doc__ = test.__module__, test.__doc__
        return checked

    return decorate
