"""Reasons why an analysis of a model was not made, as facts without wording."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Obstruction(StrEnum):
    """The kind of reason why an analysis was not made."""

    UNFIT = "unfit"  # it does not suit the model or its images, for the reason in `what`
    DRAWN = "drawn"  # it needs images of the model's classes, and none were given
    CLASSES = "classes"  # it needs images of the model's classes, and the numbers in `classes` differ
    MEMORY = "memory"  # it does not fit into memory
    TIME = "time"  # it would end after the given time
    FAULT = "fault"  # an unexpected error: `what` is its message


class NotMade(Struct, frozen=True, omit_defaults=True):
    """Why an analysis could not be made.

    Attributes:
        reason: the kind of reason.
        what: the message of the code that gave the reason.
        error: for a fault, the type of the exception.
        classes: numbers of classes of the images and of the model.
        seconds: estimated seconds of the analysis, and the seconds that were left.
    """

    reason: Obstruction
    what: str = ""
    error: str = ""
    classes: tuple[int, int] | None = None
    seconds: tuple[float, float] | None = None
