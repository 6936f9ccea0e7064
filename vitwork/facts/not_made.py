"""Why an analysis of a model was not made: facts, not sentences."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Obstruction(StrEnum):
    """What kind of thing kept an analysis from being made."""

    UNFIT = "unfit"  # it does not suit the model or its images, for the reason `what`, in its own words
    DRAWN = "drawn"  # it needs images of the classes that the model tells apart, and none were given
    CLASSES = "classes"  # it needs images of the classes that the model tells apart, and `classes` differ
    MEMORY = "memory"  # it does not fit into memory
    TIME = "time"  # it would end after the time that was given
    FAULT = "fault"  # something failed that nobody foresaw: `what` says what, in the failing code's own words


class NotMade(Struct, frozen=True, omit_defaults=True):
    """Why an analysis could not be made.

    Attributes:
        reason: what kind of thing kept it from being made.
        what: the reason in the words of the code that gave it.
        error: of a fault, the kind of exception.
        classes: how many the images have, and the model.
        seconds: that the analysis takes, about, and that are left for it.
    """

    reason: Obstruction
    what: str = ""
    error: str = ""
    classes: tuple[int, int] | None = None
    seconds: tuple[float, float] | None = None
