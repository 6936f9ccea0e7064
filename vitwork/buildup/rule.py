"""The build-up rule: decides which block is tried next, and whether it is kept.

A search starts without MSA blocks, at the end of the last stage. It replaces the last convolution block that
alternation allows. If that helps, the block is kept and the next one of the stage is tried. Otherwise the search goes
on at the end of the stage before (paper, Section 4 and Fig. 12a). "Helps" is a sequential test over seeds, which is
valid after every seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vitwork.buildup.networks import Msas
from vitwork.errors import VitworkError
from vitwork.statistics import Effect, compare
from vitwork.statistics.decision import Question
from vitwork.statistics.power import FEWEST_SEEDS
from vitwork.statistics.sequential import anytime_contrast


class Ruling(StrEnum):
    """The outcome for a tried block."""

    KEPT = "kept"
    DROPPED = "dropped: it does not gain as much as is asked for"
    UNDECIDED = "not kept: no gain was shown with all seeds"
    REFUSED = "cannot be built"
    UNFINISHED = "not decided yet: the time is up"


@dataclass(frozen=True, slots=True)
class Rates:
    """The error rates of a search, declared before it starts, and how much it may cost.

    Attributes:
        alpha: largest probability that a search keeps any block that does not raise the mean accuracy; shared equally
            among all blocks that it could try.
        beta: largest probability that a block that gains `least` is dropped because no gain that large is shown.
        least: smallest gain worth having, in percentage points.
        seeds: networks per configuration after which a block that was not shown to help is dropped.
    """

    alpha: float = 0.05
    beta: float = 0.2
    least: float = 0.5
    seeds: int = 12

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise VitworkError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        if not self.least > 0.0:
            raise VitworkError(f"least must lie above 0, not {self.least}")
        if self.seeds < FEWEST_SEEDS:
            raise VitworkError(f"seeds is {FEWEST_SEEDS} or more, not {self.seeds}: fewer never decide")


@dataclass(frozen=True, slots=True)
class BlockJudgement:
    """How a block was judged.

    Attributes:
        ruling: the outcome; None while more seeds may decide.
        seeds: number of pairs of networks that were used.
        gain: gain in mean validation accuracy in percentage points, with an interval that is valid at any number of
            seeds; None if nothing was trained.
        why: the reason why a block cannot be built; empty for others.
    """

    ruling: Ruling | None
    seeds: int = 0
    gain: Effect | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class TriedBlock:
    """A tried block.

    Attributes:
        before, tried: MSA blocks of each stage without it and with it.
        found: its judgement.
    """

    before: Msas
    tried: Msas
    found: BlockJudgement

    @property
    def after(self) -> Msas:
        """The MSA blocks with which the search continues."""
        return self.tried if self.found.ruling is Ruling.KEPT else self.before


def most_tried(depths: Sequence[int]) -> int:
    """Return the largest number of blocks that a search could try: every second one of each stage."""
    return max(1, sum(depth // 2 for depth in depths))


def judged(tried: Sequence[float], before: Sequence[float], rates: Rates, among: int) -> BlockJudgement:
    """Judge a block by the accuracies of networks with it and without it, one per seed, in the order of the seeds.

    The smallest number of seeds that decides gives the answer, so it does not depend on how many were trained together.

    Args:
        tried, before: accuracies in percent; NaN for a network that diverged.
        rates: the declared error rates.
        among: number of blocks among which `rates.alpha` is shared.
    """
    level, n = rates.alpha / among, min(len(tried), len(before), rates.seeds)
    ruling = Ruling.UNDECIDED if n == rates.seeds else None
    for seen in range(FEWEST_SEEDS, n + 1):
        if _above(tried[:seen], before[:seen], 0.0)[0] <= level:
            ruling, n = Ruling.KEPT, seen
            break
        if _above(tried[:seen], before[:seen], rates.least)[1] <= rates.beta:
            ruling, n = Ruling.DROPPED, seen
            break
    gain = compare(tried[:n], before[:n], "greater", anytime=True, alpha=min(0.5, 2.0 * level))
    return BlockJudgement(ruling, n, gain)


def _above(a: Sequence[float], b: Sequence[float], margin: float) -> tuple[float, float]:
    """Return the anytime p-values of a gain above the margin and of one below it: reciprocals of e-values."""
    contrast = anytime_contrast(np.asarray(a), np.asarray(b), Question("greater", margin), paired=False, constant=False)
    below, above = contrast.sided(margin)
    return float(above), float(below)


def search(depths: Sequence[int], ask: Callable[[Msas, Msas], BlockJudgement]) -> Iterator[TriedBlock]:
    """Yield the tried blocks, in order, until every stage was visited or a block is left undecided.

    Args:
        depths: number of blocks per stage.
        ask: judges the MSA blocks of the second argument against those of the first.
    """
    now: Msas = (0,) * len(depths)
    for stage in reversed(range(len(depths))):
        while 2 * (now[stage] + 1) <= depths[stage]:
            tried = tuple(count + (place == stage) for place, count in enumerate(now))
            step = TriedBlock(now, tried, ask(now, tried))
            yield step
            if step.found.ruling is Ruling.UNFINISHED:
                return
            if step.after == now:
                break
            now = step.after


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean over seeds with Student's 95 % interval: infinite for a single network, NaN for none."""
    from scipy.special import stdtrit

    known = np.asarray([value for value in values if math.isfinite(value)])
    if known.size < 2:
        return (float(known[0]) if known.size else math.nan), -math.inf, math.inf
    mean, error = float(known.mean()), float(known.std(ddof=1)) / math.sqrt(known.size)
    half = float(stdtrit(known.size - 1, 0.975)) * error
    return mean, mean - half, mean + half
