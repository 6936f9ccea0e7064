"""AlterNet: are Convs and MSAs complementary, and where does attention belong? (Section 4)."""

from __future__ import annotations

import pytest

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import accuracy


@claim(
    "alternet-beats-cnn-small-data",
    "AlterNet, a ResNet whose stages end in MSAs, is more accurate than the ResNet.",
    paper=Paper("Fig. 12b", "test accuracy 84.0 % for AlterNet-50, 82.5 % for ResNet-50", read_from="vector plot"),
    contradicted_by="a gain whose interval includes zero, or that a parameter-matched ResNet closes",
    confounds=("the paper's AlterNet has 33.0 million parameters, its ResNet 23.7; hence a matched ResNet beside it",),
)
@pytest.mark.parametrize("control", ["resnet", "resnet-matched"])
def test_alternet_is_more_accurate(measure: Measure, control: str) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet") > percent(control)
