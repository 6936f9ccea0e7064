"""A search by the build-up rule in words: what it found, its declared error rates, its cost, and each block that was tried."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vitwork.report.words.numbers import cost, duration, plural, quantity
from vitwork.statistics.effect import Effect


def unfinished(judged: int, *, out_of_time: bool) -> str:
    """Return that a search did not come to its end, after so many blocks."""
    when = f"after {plural(judged, 'block')}" if judged else "before a block was judged"
    what = "The time was up" if out_of_time else "The search is under way, or was interrupted"
    return f"{what} {when}; the same command goes on from here."


def answer(model: str, count: int, kept: str, refused: Sequence[bool]) -> str:
    """Return what a search found at its end.

    Args:
        model: that is built up.
        count, kept: how many MSA blocks it ended with, and their names.
        refused: of each block that was tried, whether it cannot be built.
    """
    if refused and all(refused):
        return f"No MSA block can be built into {model}, so that none was tried; the steps say why."
    if not count:
        among = " of those that can be built" if any(refused) else ""
        return f"No MSA block{among} was shown to help {model}: it stays without one."
    return f"{model} gains by {plural(count, 'MSA block')}: {kept}."


def declared(alpha: float, among: int, least: float, beta: float, seeds: int) -> str:
    """Return the error rates of a search, declared before it starts.

    Args:
        alpha: probability of keeping a block that does not help.
        among: blocks that share it.
        least: gain in points that is worth having.
        beta: probability of dropping a block that gains as much.
        seeds: most networks of a configuration.
    """
    return (
        f"Declared: at most {100 * alpha:g} % of searches keep a block that does not help (shared among {among}); "
        f"a block that gains {least:g} points is dropped with probability {100 * beta:g} % at most; at most "
        f"{seeds} seeds. Judged on validation images, which are held out of training; no test image is looked at."
    )


def coming(block: str, networks: int, seeds: int) -> str:
    """Return what is trained next to judge a block."""
    return f"{block}: {networks} networks to train for {seeds} seeds"


def spent(networks: int, seconds: float, joules: float | None, wall: float) -> str:
    """Return what all networks of a search cost, and how long this call took."""
    this = f"{duration(wall)} in this call"
    return (
        f"{plural(networks, 'network')}, {cost(seconds, joules)} of training; {this}"
        if networks
        else f"No network trained; {this}"
    )


def untested(block: str, ruling: str, why: str) -> str:
    """Return what became of a block of which no network was trained."""
    return f"{block}: {ruling}{f' ({why})' if why else ''}"


def tested(block: str, ruling: str, gain: Effect, seeds: int, trained: int) -> str:
    """Return what became of a block.

    Args:
        block: its name.
        ruling: what became of it; empty while more seeds may decide.
        gain: of accuracy in points.
        seeds, trained: pairs of networks that decided, and that there are.
    """
    among = f"the first {plural(seeds, 'seed')} of {trained}" if trained > seeds else plural(seeds, "seed")
    edges = " to ".join(quantity(edge, sign=True) for edge in (gain.low, gain.high))
    interval = edges if math.isfinite(gain.low + gain.high) else "so few seeds bound nothing"
    return f"{block}: {quantity(gain.estimate, sign=True)} points ({interval}), {among}: {ruling or 'open'}"
