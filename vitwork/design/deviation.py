"""Differences from the paper's setting, and reasons why a claim is not measured, as facts without wording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """The kind of difference."""

    DECLARED = "declared"  # `text`, by the profile or the claim
    SETTING = "setting"  # `field` is `value` for `arm`, or for all arms if `arm` is empty
    SEEDS = "seeds"  # every arm has `value` networks, which is not the profile's own number
    NETWORKS = "networks"  # the published networks of `arm` are `networks`, not those of the profile's rule
    MODEL = "model"  # the network of `arm` is `value`, not the profile's own
    CHOSEN = "chosen"  # only some tests were chosen, and the correction covers their hypotheses alone
    ENDED = "ended"  # the session ended before every planned test was reached


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference from the paper's setting.

    Attributes:
        change: what kind of difference.
        text: the difference in words, if a profile or a claim declares it.
        arm: the changed arm; empty for all.
        field: the changed field of its recipe, data or options.
        value: the new value.
        networks: the names of the networks that `arm` has now.
    """

    change: Change
    text: str = ""
    arm: str = ""
    field: str = ""
    value: str = ""
    networks: tuple[str, ...] = ()


def declared(*texts: str) -> tuple[Deviation, ...]:
    """Return differences that a profile or a claim states in words of its own."""
    return tuple(Deviation(Change.DECLARED, text) for text in texts)


class Missing(StrEnum):
    """The kind of thing that a claim lacks."""

    ARM = "arm"  # the profile does not train `arm`
    SNAPSHOT = "snapshot"  # the recipe of `arm` keeps no snapshot at `what`
    LOADED = "loaded"  # the networks of `arm` are published ones, which have no snapshot at `what`
    WEIGHTS = "weights"  # too few weights of the published networks of `arm` are here: those of `what` are not
    PART = "part"  # the network of `arm` has no `what`
    LEARNING = "learning"  # the networks of `arm` have not learned: their accuracy is `what`
    SAME = "same"  # the networks of `arm` are also those of `what`, the arm that they should be compared with
    LEFT_OUT = "left out"  # the profile does not measure the quantity `what`
    NOISE = "noise"  # the error of the quantity `what` is too large compared with its spread over networks
    UNFIT = "unfit"  # a measurement does not suit the network, recipe or images of `arm`, for the reason `what`
    RECORD = "record"  # the record of the measurement `what` of `arm` no longer exists
    REACH = "reach"  # a test did not run to its end in this session
    EMPTY = "empty"  # the test `what` is parametrised by an empty list
    FAULT = "fault"  # something failed: `what` is the message of the failing code


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a test could not be measured; only a `Missing.FAULT` is an error.

    Attributes:
        missing: the kind of thing that is lacking.
        arm: the arm that lacks it, or that is itself lacking.
        what: the snapshot, part, quantity or reason.
    """

    missing: Missing
    arm: str = ""
    what: str = ""
