"""Errors that a user can act on, and checks of values that a user may misspell."""

from __future__ import annotations

import re
from numbers import Integral
from typing import get_args

OBEYED = re.compile(r"[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys instead of showing, including line ends and changes of writing direction. File names
may contain them, and so may messages about files."""


class VitworkError(Exception):
    """An error that the user can fix; its message is one clear sentence, shown without a traceback."""

    def __str__(self) -> str:
        return shown(super().__str__())


class UnfitError(VitworkError):
    """An analysis is not possible on this kind of network."""


class DamagedError(VitworkError):
    """A file or folder in the place of weights cannot be used: `place` names it, and `reason` says what is wrong."""

    def __init__(self, place: object, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return shown(f"{self.place} is {self.reason}")


def shown(text: str) -> str:
    """Return a text with the characters of `OBEYED` written out as escapes."""
    return OBEYED.sub(lambda sign: ascii(sign[0])[1:-1], text)


def said(error: BaseException) -> str:
    """Return an error's message; empty if a user's exception class fails to produce one."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it is a user's code
        return ""


def told(error: BaseException) -> str:
    """Return an error's type and the first line of its message, to fit into one sentence; our own need no type."""
    first = said(error).strip().partition("\n")[0]
    if isinstance(error, VitworkError) and first:
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def choice(name: str, value: object, allowed: object) -> None:
    """Check an option that allows a few words, because a misspelt word would silently mean something else.

    Args:
        name: the option's name.
        value: the given value.
        allowed: the `Literal` type of the allowed words.

    Raises:
        VitworkError: the value is not one of the words.
    """
    words = get_args(allowed)
    if value not in words:
        raise VitworkError(f"{name} is {' or '.join(map(repr, words))}, not {value!r}")


def at_least(least: int, **values: int | None) -> None:
    """Check whole numbers, given by name; None stands for a default.

    Raises:
        VitworkError: a number is smaller, or not whole.
    """
    whole(least, **{name: value for name, value in values.items() if value is not None})


def whole(least: int, **values: object) -> None:
    """Check whole numbers, given by name, that have no default.

    Raises:
        VitworkError: a number is smaller, not whole, or None.
    """
    for name, value in values.items():
        if not isinstance(value, Integral):
            raise VitworkError(f"{name} is a whole number, {least} or more, not {value!r}")
        if value < least:
            raise VitworkError(f"{name} is {least} or more, not {value}")
