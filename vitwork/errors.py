"""Errors that a user can act on, and checks of what a user may misspell."""

from __future__ import annotations

import re
from numbers import Integral
from typing import get_args

OBEYED = re.compile(r"[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Signs that a terminal obeys instead of showing, ends of lines and turns of the direction of writing among them; names of files may have
them, and so what is said of these."""


class VitworkError(Exception):
    """A condition that the user can mend; its message is one clear sentence, shown without a traceback."""

    def __str__(self) -> str:
        return shown(super().__str__())


class UnfitError(VitworkError):
    """An analysis that a network, by its kind, does not allow."""


class DamagedError(VitworkError):
    """What lies where weights belong cannot be used: `place` is what `reason` says."""

    def __init__(self, place: object, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return shown(f"{self.place} is {self.reason}")


def shown(text: str) -> str:
    """Return a text with those signs written out that a terminal would obey."""
    return OBEYED.sub(lambda sign: ascii(sign[0])[1:-1], text)


def said(error: BaseException) -> str:
    """Return what an error says; nothing of one of a user's own that fails at saying it."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it is code of a user's
        return ""


def told(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says: what fits into one sentence. Our own say enough."""
    first = said(error).strip().partition("\n")[0]
    if isinstance(error, VitworkError) and first:
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def choice(name: str, value: object, allowed: object) -> None:
    """Check an option that is one of a few words: a misspelt one would silently mean something else.

    Args:
        name: the option's name.
        value: what was given.
        allowed: the `Literal` type of the words.

    Raises:
        VitworkError: the value is none of the words.
    """
    words = get_args(allowed)
    if value not in words:
        raise VitworkError(f"{name} is {' or '.join(map(repr, words))}, not {value!r}")


def at_least(least: int, **values: int | None) -> None:
    """Check whole numbers, given by their names, of which None stands for a default.

    Raises:
        VitworkError: a number is smaller, or not whole.
    """
    whole(least, **{name: value for name, value in values.items() if value is not None})


def whole(least: int, **values: object) -> None:
    """Check whole numbers, given by their names, none of which has a default.

    Raises:
        VitworkError: a number is smaller, not whole, or None.
    """
    for name, value in values.items():
        if not isinstance(value, Integral):
            raise VitworkError(f"{name} is a whole number, {least} or more, not {value!r}")
        if value < least:
            raise VitworkError(f"{name} is {least} or more, not {value}")
