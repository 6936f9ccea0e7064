"""Robustness: which frequencies hurt which network? (Section 3)."""

from __future__ import annotations

import pytest

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import robustness
from vitwork.measurements.base import Quantity
from vitwork.measurements.robustness import HIGH, LOW

SETUP = "ImageNet-1K, one checkpoint each"
DEVIATIONS = (
    "noise amplitude 0.7 on normalised images; the paper's is unknown",
    "half-width 0.1 π; whether the paper's window of 0.1 π is half or full width is unknown",
    "also read relative to the clean accuracy, since a network near chance has little to lose",
)
READ_AS = pytest.mark.parametrize("loss", [robustness.change, robustness.relative_change], ids=["absolute", "relative"])


@claim(
    "noise-hf-hurts-resnet",
    "High-frequency noise hurts a ResNet more than a ViT.",
    paper=Paper(
        "Fig. 2b", "at 0.7, 0.8, 0.9 π: ResNet −9.7, −13.6, −15.4 pp; ViT −6.3, −4.3, −4.8 pp", SETUP, "vector plot"
    ),
    contradicted_by="a loss of the ViT that is not smaller at 0.7 π and above",
    deviations=DEVIATIONS,
)
@READ_AS
def test_high_frequency_noise_hurts_resnet_more(measure: Measure, loss: Quantity) -> None:
    change = measure(loss, between=HIGH)
    assert change("resnet") < change("vit")


@claim(
    "noise-lf-hurts-vit",
    "Low-frequency noise hurts a ViT more than a ResNet.",
    paper=Paper("Fig. 2b", "at 0.2 to 0.5 π: ViT −12.1 to −14.9 pp, ResNet −8.8 to −12.7 pp", SETUP, "vector plot"),
    contradicted_by="a loss of the ViT that is not larger between 0.2 π and 0.5 π",
    deviations=DEVIATIONS,
)
@READ_AS
def test_low_frequency_noise_hurts_vit_more(measure: Measure, loss: Quantity) -> None:
    change = measure(loss, between=LOW)
    assert change("vit") < change("resnet")
