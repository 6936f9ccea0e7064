"""How a session differs from the paper's setting, and what keeps a claim from being measured: facts, not sentences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """What differs."""

    DECLARED = "declared"  # `text`, by the profile or the claim
    SETTING = "setting"  # `field` is `value` for `arm`, or for all arms where it is empty
    SEEDS = "seeds"  # every arm has `value` networks, not as many as the profile's own
    NETWORKS = "networks"  # the published networks of `arm` are `networks`, not those of the profile's rule
    MODEL = "model"  # the network of `arm` is `value`, not the profile's own
    CHOSEN = "chosen"  # only some tests were chosen, and the correction covers their hypotheses alone
    ENDED = "ended"  # the session ended before every planned test was reached


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference from the paper's setting.

    Attributes:
        change: what kind of difference.
        text: in words, of those that a profile or a claim declares.
        arm: that is changed; empty for all.
        field: of its recipe, data or options that is changed.
        value: what it is now.
        networks: the names of those that `arm` has now.
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
    """What kind of thing a claim lacks."""

    ARM = "arm"  # the profile does not train `arm`
    SNAPSHOT = "snapshot"  # the recipe of `arm` keeps no snapshot at `what`
    LOADED = "loaded"  # the networks of `arm` are published ones, of which there is no snapshot at `what`
    WEIGHTS = "weights"  # too few weights of the published networks of `arm` are here: those of `what` are not
    PART = "part"  # the network of `arm` has no `what`
    LEARNING = "learning"  # the networks of `arm` have not learned: their accuracy is `what`
    SAME = "same"  # the networks of `arm` are those of the arm `what`, with which they are to be compared
    LEFT_OUT = "left out"  # the profile does not measure the quantity `what`
    NOISE = "noise"  # the quantity `what` says more of its own error than of networks
    UNFIT = "unfit"  # a measurement does not suit the network, recipe or images of `arm`, for the reason `what`
    RECORD = "record"  # the record of the measurement `what` of `arm` is gone
    REACH = "reach"  # a test did not run to its end in this session
    EMPTY = "empty"  # the test `what` has no parameters: the list that it would run over is empty
    FAULT = "fault"  # something failed: `what` says what, in the failing code's own words


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a test could not be measured; only a `Missing.FAULT` is an error.

    Attributes:
        missing: what kind of thing is lacking.
        arm: that lacks it, or that is lacking.
        what: the snapshot, part, quantity or reason.
    """

    missing: Missing
    arm: str = ""
    what: str = ""
