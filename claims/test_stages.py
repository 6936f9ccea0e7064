"""Stages: does a network work stage by stage, with MSAs at the ends? (Section 4.1)."""

from __future__ import annotations

import pytest

from vitwork.language.claim import Paper, claim
from vitwork.language.measure import Measure
from vitwork.language.sentence import control
from vitwork.measurements import accuracy, lesion, similarity

LESION = "the lesion drops a block's residual branch and keeps its projection; the paper's rule is unknown"
OTHERS = {"swin": "in Swin", "pit": "in PiT"}
EQUAL_DISTANCE = "at equal distances"
RESNET_LESION = (LESION, "a whole residual branch, where the paper removes a bottleneck's 3×3 convolution alone")


@claim(
    "stage-end-not-model-end",
    "MSAs help at the ends of stages, not only at the end of the model.",
    paper=Paper(
        "Section 4",
        "no ablation at equal count; four MSAs give 84.0 % with one at the end of c2, 83.5 % with it inside c3; "
        "in Swin the last MSA of every stage costs more accuracy than the last MLP (Fig. 10b)",
        read_from="vector plot",
        section=4,
    ),
    contradicted_by="placements with the same number of MSAs that differ the other way",
    deviations=(
        "none of the MSAs stands in a block that changes width or resolution",
        "the model's end: two MSAs in each of the last two stages; a stage's start: from its second block on",
    ),
    confounds=("equal numbers of MSAs are not equal sizes: an MSA's parameters follow the width of its stage",),
)
@pytest.mark.parametrize("elsewhere", ["alternet-stage-start", "alternet-0022"])
def test_stage_end_is_the_better_place(measure: Measure, elsewhere: str) -> None:
    percent = measure(accuracy.accuracy)
    assert percent("alternet-0112") > percent(elsewhere)


@claim(
    "stage-end-msa-matters",
    "At the end of a stage, removing an MSA costs more accuracy than removing the Conv that stands there without it.",
    paper=Paper(
        "Section 4",
        "AlterNet is not lesioned; in Swin the last MSA of every stage costs more accuracy than the last MLP (Fig. 10b)",
        read_from="vector plot",
        section=4,
    ),
    contradicted_by="an MSA at a stage's end whose removal costs less than the Conv's of the network without MSAs",
    deviations=("beyond the paper, which compares an MSA with an MLP of the same network", LESION),
    confounds=("two networks are compared, each of which may lean on its last blocks more or less",),
    ours=True,
)
def test_msa_at_stage_end_matters_more_than_conv_there(measure: Measure) -> None:
    loss = measure(lesion.loss_at_stage_end, first_stage=2)  # AlterNet has its MSAs from the second stage on
    assert loss("alternet") > loss("resnet")


@claim(
    "lesion-resnet-stage-start",
    "In a ResNet, removing a block at the start of a stage hurts more than removing one at its end.",
    paper=Paper(
        "Fig. 10b",
        "stage starts cost more accuracy than stage ends in ResNet-50",
        read_from="description",
        section=4,
        figures=("10b",),
    ),
    contradicted_by="a loss at stage starts that is not above the loss at stage ends",
    deviations=RESNET_LESION,
    confounds=("the first block of a stage also changes width and resolution; its projection is kept",),
)
def test_stage_start_matters_more_in_resnet(measure: Measure) -> None:
    assert measure(lesion.loss_at_stage_start)("resnet") > measure(lesion.loss_at_stage_end)("resnet")


periodic = claim(
    "lesion-periodic",
    "The damage of removing a block varies with the period of a stage: from the end of one to the start of the next it jumps.",
    paper=Paper("Fig. 10b", "periodic in ResNet-50 and Swin-Ti", read_from="description", section=4, figures=("10b",)),
    contradicted_by="a damage that falls from a stage's end to the start of the next",
    deviations=(
        "the ResNet decides, Swin is a control",
        "that damage falls within a stage is `lesion-resnet-stage-start`, which states it",
        *RESNET_LESION,
    ),
    confounds=("the first block of a stage also changes width and resolution; its projection is kept",),
)


@periodic
def test_damage_has_the_period_of_a_stage(measure: Measure) -> None:
    assert measure(lesion.jump_between_stages)("resnet") > 0


@periodic
@pytest.mark.parametrize("condition", [OTHERS["swin"]])
def test_damage_has_the_period_of_a_stage_in_swin(measure: Measure, condition: str) -> None:
    assert control(measure(lesion.jump_between_stages)("swin") > 0, condition)


@claim(
    "lesion-resnet-early-stage",
    "In a ResNet, removing a block of an early stage hurts more than removing one of a late stage.",
    paper=Paper(
        "Fig. 10b",
        "early stages cost more accuracy than late ones in ResNet-50",
        read_from="description",
        section=4,
        figures=("10b",),
    ),
    contradicted_by="a loss in the first stage that is not above the loss in the last",
    deviations=("the first stage against the last", *RESNET_LESION),
    confounds=("the block that begins the last stage changes width and resolution, that of the first stage does not",),
)
def test_early_stage_matters_more_in_resnet(measure: Measure) -> None:
    assert measure(lesion.loss_in_stage, stage="first")("resnet") > measure(lesion.loss_in_stage, stage="last")(
        "resnet"
    )


@claim(
    "lesion-swin-mlp-at-start",
    "At the start of a stage of a Swin, removing the MLP hurts more than removing the MSA.",
    paper=Paper(
        "Fig. 10b",
        "first MLP against first MSA: −0.60, −0.42 (stage 2); −0.69, −0.23 (3); −1.07, −1.09 (4) pp",
        read_from="vector plot",
        section=4,
        figures=("10b",),
    ),
    contradicted_by="a mean over stages the other way round",
    deviations=("read as the mean over stages", LESION),
)
def test_mlp_matters_more_at_stage_starts_of_swin(measure: Measure) -> None:
    mlp, msa = (measure(lesion.loss_of, kind=kind, place="first")("swin") for kind in ("mlp", "msa"))
    assert mlp > msa


@claim(
    "lesion-swin-msa-at-end",
    "At the end of a stage of a Swin, removing the MSA hurts more than removing the MLP.",
    paper=Paper(
        "Fig. 10b",
        "last MSA against last MLP: −1.96, −0.43 (stage 1); −1.44, −0.22 (2); −0.56, 0.00 (3); −1.88, −1.00 (4) pp",
        read_from="vector plot",
        effect=1.05,
        section=4,
        figures=("10b",),
    ),
    contradicted_by="a mean over stages the other way round",
    deviations=("read as the mean over stages", LESION),
)
def test_msa_matters_more_at_stage_ends_of_swin(measure: Measure) -> None:
    msa, mlp = (measure(lesion.loss_of, kind=kind, place="last")("swin") for kind in ("msa", "mlp"))
    assert msa > mlp


late = claim(
    "lesion-vit-pit",
    "In ViT and PiT, too, late MSAs are important: the last one matters more than the last MLP.",
    paper=Paper(
        "Fig. D.4", "late MSAs are important in ViT-Ti and PiT-Ti", read_from="description", section=4, figures=("D.4",)
    ),
    contradicted_by="a loss by the last MSA that is not above the loss by the last MLP",
    deviations=("the ViT decides, PiT is a control", "in PiT, the mean over the last MSAs of its stages", LESION),
    confounds=("the author agrees that deep ViTs do not show it, whose attention collapses",),
)


@late
def test_last_msa_matters_more_than_last_mlp_in_vit(measure: Measure) -> None:
    msa, mlp = (measure(lesion.loss_of, kind=kind, place="last")("vit") for kind in ("msa", "mlp"))
    assert msa > mlp
    first = measure(lesion.loss_of, kind="msa", place="first")("vit")
    assert control(msa > first, "against the first MSA")


@late
@pytest.mark.parametrize("condition", [OTHERS["pit"]])
def test_last_msa_matters_more_than_last_mlp_in_pit(measure: Measure, condition: str) -> None:
    msa, mlp = (measure(lesion.loss_of, kind=kind, place="last")("pit") for kind in ("msa", "mlp"))
    assert control(msa > mlp, condition)


blocks = claim(
    "cka-block-structure",
    "In a network of several stages, blocks of one stage are more alike than blocks of two stages.",
    paper=Paper(
        "Fig. 10a, D.3",
        "stage-aligned blocks in the maps of ResNet-50, Swin-Ti and PiT-Ti",
        read_from="heat maps",
        section=4,
        figures=("10a", "D.3"),
    ),
    contradicted_by="a similarity within stages that is not above the similarity across stages",
    deviations=(
        "the ResNet decides, Swin and PiT are controls; blocks' outputs and no pooling or head",
        "a control is at equal distances, since neighbours are alike in any network and mostly share a stage",
    ),
)


@blocks
def test_blocks_of_a_stage_are_alike(measure: Measure) -> None:
    assert measure(similarity.block_structure)("resnet") > 0
    assert control(measure(similarity.block_structure, pairs="at equal distance")("resnet") > 0, EQUAL_DISTANCE)


@blocks
@pytest.mark.parametrize("arm", OTHERS)
def test_blocks_of_a_stage_are_alike_in_transformers(measure: Measure, arm: str) -> None:
    assert control(measure(similarity.block_structure)(arm) > 0, OTHERS[arm])


@claim(
    "cka-vit-no-blocks",
    "A ViT, which has a single stage, lacks the block structure of a network of several stages.",
    paper=Paper("Fig. D.3", "no blocks in the map of ViT-Ti", read_from="heat map", section=4, figures=("D.3",)),
    contradicted_by="a ViT whose score is at or above that of the network of several stages",
    deviations=("the ViT is cut into as many equal parts as the ResNet has stages",),
)
def test_vit_has_less_block_structure(measure: Measure) -> None:
    score, distant = (measure(similarity.block_structure, pairs=pairs) for pairs in ("all", "at equal distance"))
    assert score("vit") < score("resnet")
    assert control(distant("vit") < distant("resnet"), EQUAL_DISTANCE)
