"""Stages: does a network work stage by stage, with MSAs at the ends? (Section 4.1)."""

from __future__ import annotations

import pytest

from vitwork.claim import Paper, claim
from vitwork.court import Measure
from vitwork.measurements import accuracy, lesion

stage_end = claim(
    "stage-end-not-model-end",
    "MSAs help at the ends of stages, not only at the end of the model.",
    paper=Paper(
        "Section 4",
        "no ablation at equal count; four MSAs give 84.0 % with one at the end of c2, 83.5 % with it inside c3; "
        "in Swin the last MSA of every stage costs more accuracy than the last MLP (Fig. 10b)",
        read_from="vector plot",
    ),
    contradicted_by="placements with the same number of MSAs that do not differ, or differ the other way",
    deviations=("the lesion drops a block's residual branch and keeps its projection; the paper's rule is unknown",),
)


@stage_end
@pytest.mark.parametrize("elsewhere", ["alternet-stage-start", "alternet-model-end"])
def test_stage_end_is_the_better_place(measure: Measure, elsewhere: str) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet") > percent(elsewhere)


@stage_end
def test_msa_at_stage_end_matters_more_than_conv_there(measure: Measure) -> None:
    loss = measure(lesion.loss_at_stage_end, first_stage=2)  # AlterNet has its MSAs from the second stage on
    assert loss("alternet") > loss("resnet")


@claim(
    "lesion-resnet-stage-start",
    "In a ResNet, removing a block at the start of a stage hurts more than removing one at its end.",
    paper=Paper("Fig. 10b", "stage starts cost more accuracy than stage ends in ResNet-50", read_from="description"),
    contradicted_by="a loss at stage starts that is not above the loss at stage ends",
    confounds=("the first block of a stage also changes width and resolution; its projection is kept",),
)
def test_stage_start_matters_more_in_resnet(measure: Measure) -> None:
    assert measure(lesion.loss_at_stage_start)("resnet") > measure(lesion.loss_at_stage_end)("resnet")
