"""The paper's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from vitwork.report import paper_values


def test_the_paper_s_numbers_agree_with_each_other():
    """Readings of one network in several figures, and lengths of lists, against the claim sheet's own statements."""
    for numbers in (paper_values.LOG_AMPLITUDE, paper_values.VARIANCE):
        assert {arm: len(values) for arm, values in numbers.items()} == {
            arm: len(kinds) for arm, kinds in paper_values.KINDS.items()
        }
    changes = np.diff(paper_values.LOG_AMPLITUDE["vit"])
    assert (changes[0::2] < 0).sum() in (9, 8)
    assert (changes[1::2] > 0).sum() == 8
    assert changes[0::2].sum() == pytest.approx(-0.18, abs=0.02)
    assert changes[1::2].sum() == pytest.approx(-0.32, abs=0.02)
    variance = np.diff(paper_values.VARIANCE["vit"])
    assert (variance[0::2] < 0).all()
    assert paper_values.ACCURACY_ROBUSTNESS["alternet"][0] == paper_values.BUILD_UP[4][2]
    assert paper_values.ACCURACY_ROBUSTNESS["vit"][0] == pytest.approx(
        100 - paper_values.ERROR_NLL["5a"]["vit"][0], abs=0.05
    )
