"""Analyses of a user's models in words: whose weights, what errors are over, what an analysis took, why one was not made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vitwork.facts.not_made import NotMade, Obstruction
from vitwork.report.words.numbers import duration

KNOWN = {"pretrained": "timm's pre-trained weights", "published": "the paper's weights"}
"""Weights that have a name in place of a file."""


def weights(given: str | None, *, at_hand: bool, own: bool) -> str:
    """Return where a model's weights come from: what is measured of random ones says nothing of a trained network.

    Args:
        given: their name, file or address; None where none were asked for.
        at_hand: whether the model was given with its weights.
        own: whether a function of the user's builds the model, which may load weights itself.
    """
    if at_hand:
        return "weights as they are"
    if given is not None:
        return KNOWN.get(given, f"weights of {Path(given).name}")
    return "untrained: random weights" + (", unless its function loads others" if own else "")


def errors(over: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what standard errors are over, of analyses by what theirs are over; nothing where there is no number."""
    if len(over) < 2:
        return [f"Each ± is a standard error over {what}." for what in over]
    parts = [f"over {what} ({', '.join(names)})" for what, names in over.items()]
    return [f"Each ± is a standard error: {'; '.join(parts)}."]


def not_made(found: NotMade) -> str:
    """Return why an analysis was not made, as it is said of several at once."""
    needs = "needs images of the classes that the model tells apart"
    match found.reason:
        case Obstruction.UNFIT:
            return found.what
        case Obstruction.DRAWN:
            return f"{needs}: give them with --data"
        case Obstruction.CLASSES:
            assert found.classes is not None  # as of every such reason
            return f"{needs}: the images have {found.classes[0]}, the model {found.classes[1]}"
        case Obstruction.MEMORY:
            return "does not fit into memory"
        case Obstruction.TIME:
            return "would end after the time that was given"
        case Obstruction.FAULT:
            return f"it failed on this model ({found.what})"


def details(found: NotMade) -> str:
    """Return what is known of one analysis that was not made beside its reason; empty where nothing is."""
    if found.seconds is None:
        return ""
    takes, left = map(duration, found.seconds)
    return f"takes about {takes}, and {left} are left for it"


def without(model: str, names: Sequence[str], why: str) -> str:
    """Return which analyses of a model were not made for the reason that `not_made` gives."""
    return f"{model}: {', '.join(names)} not measured: {why}"


def alone(found: NotMade) -> str:
    """Return that one analysis was not made, with its reason and details."""
    more = details(found)
    return f"not measured: {not_made(found)}{f' ({more})' if more else ''}"


def coming(analysis: str, seconds: float | None, left: float | None) -> str:
    """Return what is done next, how long it takes and how long all takes; without an analysis, the model is built."""
    about = "" if seconds is None else f", about {duration(seconds)}"
    rest = "" if left is None else f"; about {duration(left)} left in all"
    return f"{analysis or 'building'}{about}{rest}"


def taken(seconds: float, peak_bytes: int | None, over: str) -> str:
    """Return time and memory of an analysis, in columns, and what its errors are over."""
    peak = "unknown" if peak_bytes is None else f"{peak_bytes / 2**20:.0f} MiB"
    return f"{duration(seconds):>10} {peak:>12} at most, ± over {over}"
