"""Checks of numbers that an analysis is given."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

from vitwork.errors import VitworkError


def check_number(name: str, value: object, right: Callable[[float], bool], what: str) -> None:
    """Refuse a real number that is not right, and what is none.

    Args:
        name: of the number.
        value: what was given.
        right: whether a number is; of NaN every comparison is false.
        what: the number is to be, in words.

    Raises:
        VitworkError: it is something else.
    """
    if not isinstance(value, Real) or not right(float(value)):
        raise VitworkError(f"{name} is {what}, not {value!r}")
