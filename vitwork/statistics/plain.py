"""The p-value of the textbook test from scipy, shown beside ours for comparison; it decides nothing."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray

from vitwork.statistics.contrasts import has_spread

Array = NDArray[np.float64]


def plain_p(a: Array, b: Array, margin: float, *, paired: bool, constant: bool) -> float:
    """Return scipy's two-sided p of Welch's test, or of the test for one sample or pairs; NaN if it gives none.

    Args:
        a, b: values on the scale of the comparison; ``b`` is a vector of one for a constant.
        margin: the value of the effect that is tested.
        paired: whether the values belong together.
        constant: whether ``b`` is a constant.
    """
    alone = constant or paired
    if min(a.size, a.size if constant else b.size) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan
    if (paired and not constant and a.size != b.size) or not has_spread(*((a - b,) if alone else (a, b))):
        return math.nan
    from scipy import stats

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # samples without spread have no p
        if constant:
            p = float(stats.ttest_1samp(a, float(b[0]) + margin).pvalue)
        elif paired:
            p = float(stats.ttest_rel(a, b + margin).pvalue)
        else:
            p = float(stats.ttest_ind(a, b + margin, equal_var=False).pvalue)
    return p if math.isfinite(p) else math.nan
