"""Checks of numbers passed to an analysis."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

from vitwork.errors import VitworkError


def check_number(name: str, value: object, right: Callable[[float], bool], what: str) -> None:
    """Refuse a value that is not a real number, or not an acceptable one.

    Args:
        name: name of the number, for the message.
        value: the value to check.
        right: whether a number is acceptable; any comparison with NaN is false.
        what: the kind of number that is acceptable, in words.

    Raises:
        VitworkError: the value is not an acceptable number.
    """
    if not isinstance(value, Real) or not right(float(value)):
        raise VitworkError(f"{name} is {what}, not {value!r}")
