"""Which networks belong to an arm is a rule over timm's metadata, applied to the timm that is installed."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from vitwork.design.published import Family
from vitwork.errors import VitworkError
from vitwork.models.published.membership import groups, kind_of, of_one_training, published, root_of, year_of
from vitwork.profiles.published import FAMILIES

PLAIN = ("resnet", "resnext", "vit", "swin", "pit", "convnext", "mixer")


@pytest.mark.parametrize("arm", FAMILIES)
def test_every_member_is_what_its_family_says(arm):
    """Architecture, data, distillation, classes and size of every member fit the rule, and no training stands twice."""
    family = FAMILIES[arm]
    found = groups(family)
    assert len(found) >= 3
    for group in found:
        architecture = group.network.name.partition(".")[0]
        assert re.fullmatch(family.architectures, architecture)
        assert kind_of(group.network.name) == (family.data == "more", family.distilled)
        assert group.network.classes == 1000
        assert group.network.preprocessing.size <= family.largest
        assert group.network.origin.startswith("timm/")
        assert {root_of(other) for other in group.others} <= {root_of(group.network.name)}
    roots = [root_of(group.network.name) for group in found]
    assert len(set(roots)) == len(roots)


def test_arms_that_are_compared_share_no_network():
    """No network stands on both sides of a comparison, nor do two tunings of one training."""
    for one, other in combinations(PLAIN, 2):
        roots = [{root_of(group.network.name) for group in groups(FAMILIES[arm])} for arm in (one, other)]
        assert not roots[0] & roots[1]


@pytest.mark.parametrize(
    ("arm", "name"),
    [
        ("swin", "swinv2_cr_tiny_ns_224.sw_in1k"),
        ("swin", "swinv2_cr_small_224.sw_in1k"),
        ("convnext", "convnext_zepto_rms.ra4_e3600_r224_in1k"),
        ("convnext", "convnext_zepto_rms_ols.ra4_e3600_r224_in1k"),
        ("vit-more-data", "vit_base_patch16_224_miil.in21k_ft_in1k"),
    ],
)
def test_variants_of_an_architecture_belong_to_it(arm, name):
    """Another norm, another order of norms or another code of the same architecture leaves no network out."""
    assert name in {group.network.name for group in groups(FAMILIES[arm])}


def test_no_size_up_to_base_is_left_out():
    """Of the architectures that arms are named after, a network that fits data and images is in its arm whatever its variant is."""
    for arm, size in (("swin", "(tiny|small|base)"), ("convnext", "(atto|femto|pico|nano|tiny|small|base|zepto)")):
        every = groups(Family(rf"{arm}.*_{size}(_.*)?"))
        assert {group.network.name for group in every} <= {group.network.name for group in groups(FAMILIES[arm])}


def test_the_field_is_large_enough_to_decide():
    """The two arms that most claims compare have more networks than training five seeds would give."""
    assert len(groups(FAMILIES["resnet"])) >= 10
    assert len(groups(FAMILIES["vit"])) >= 6


@pytest.mark.parametrize(
    ("name", "more", "distilled"),
    [
        ("resnet50.a1_in1k", False, False),
        ("resnet50.fb_swsl_ig1b_ft_in1k", True, False),
        ("vit_base_patch16_224.augreg_in21k_ft_in1k", True, False),
        ("vit_base_patch16_clip_224.openai_ft_in1k", True, False),
        ("vit_base_patch16_224.mae", True, False),
        ("vit_small_patch16_224.dino", True, False),
        ("convnextv2_atto.fcmae_ft_in1k", True, False),
        ("deit_tiny_distilled_patch16_224.fb_in1k", False, True),
        ("hrnet_w18_ssld.paddle_in1k", False, True),
        ("resmlp_12_224.fb_distilled_in1k", False, True),
    ],
)
def test_names_say_data_and_distillation(name, more, distilled):
    """Words of a name, not parts of words, say what a network was trained on."""
    assert kind_of(name) == (more, distilled)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("deit_base_patch16_224.fb_in1k", "deit_base_patch16_384.fb_in1k", True),
        ("vit_base_patch16_224.augreg_in21k_ft_in1k", "vit_base_patch16_224.augreg2_in21k_ft_in1k", True),
        ("vit_base_patch16_clip_224.openai_ft_in1k", "vit_base_patch16_clip_224.openai_ft_in12k_in1k", True),
        ("swinv2_tiny_window8_256.ms_in1k", "swinv2_tiny_window16_256.ms_in1k", True),
        (
            "swinv2_base_window12to16_192to256.ms_in22k_ft_in1k",
            "swinv2_base_window12to24_192to384.ms_in22k_ft_in1k",
            True,
        ),
        ("regnety_160.swag_ft_in1k", "regnety_160.swag_lc_in1k", True),
        ("regnety_160.swag_ft_in1k", "regnety_320.swag_ft_in1k", False),
        ("regnety_160.swag_ft_in1k", "regnety_160.sw_in12k_ft_in1k", False),
        ("levit_256.fb_dist_in1k", "levit_384.fb_dist_in1k", False),
        ("convnext_nano.in12k_ft_in1k", "convnext_nano.r384_in12k_ft_in1k", True),
        ("hgnetv2_b0.ssld_stage1_in22k_in1k", "hgnetv2_b0.ssld_stage2_ft_in1k", True),
        ("ecaresnet50d.miil_in1k", "ecaresnet50d_pruned.miil_in1k", True),
        ("resnetv2_152x2_bit.goog_in21k_ft_in1k", "resnetv2_152x2_bit.goog_teacher_in21k_ft_in1k_384", True),
        ("vit_so400m_patch14_siglip_378.webli_ft_in1k", "vit_so400m_patch14_siglip_gap_378.webli_ft_in1k", True),
        ("resnet50.a1_in1k", "resnet50.a2_in1k", False),
        ("resnet50.tv_in1k", "resnet50.tv2_in1k", False),
        ("deit_base_patch16_224.fb_in1k", "deit3_base_patch16_224.fb_in1k", False),
        ("vit_base_patch16_224.augreg_in1k", "vit_base_patch16_224.sam_in1k", False),
    ],
)
def test_tunings_of_one_training_count_once(one, other, same):
    """Resolution, window and tuning make no independent network; another recipe, architecture or width does."""
    assert (root_of(one) == root_of(other)) is same
    assert of_one_training(published(one), published(other)) is same


def test_names_of_a_users_own_say_nothing_of_their_training():
    """Tags that timm does not know tell no training, and a network is of one training with itself."""
    assert not of_one_training(published("deit_base_patch16_224.mine"), published("deit_base_patch16_384.mine"))
    assert of_one_training(published("resnet50.mine"), published("resnet50.mine"))


def test_a_group_is_stood_for_by_the_network_of_usual_images():
    """Of one training at 224 and 384 pixels, the first is measured, and the other is named."""
    (base,) = groups(Family(r"deit_base_patch16_\d+", largest=384))
    assert base.network.name == "deit_base_patch16_224.fb_in1k"
    assert base.others == ("deit_base_patch16_384.fb_in1k",)


def test_metadata_of_a_network():
    """Preprocessing, licence and address come from timm; a tag of a user's own has the architecture's preprocessing."""
    known = published("resnet50.a1_in1k")
    assert known.preprocessing.geometry == (224, 0.95, "center", "bicubic")
    assert known.preprocessing.mean == (0.485, 0.456, 0.406)
    assert (known.licence, known.origin, known.year) == ("apache-2.0", "timm/resnet50.a1_in1k", 2021)
    mine = published("resnet50.mine")
    assert (mine.model, mine.origin) == ("timm:resnet50", "")
    assert mine.preprocessing == published("resnet50").preprocessing
    with pytest.raises(VitworkError, match="timm has no model 'resnot'"):
        published("resnot")


def test_the_year_is_read_off_the_paper():
    """Numbers of arXiv begin with year and month; what names no paper has no year."""
    assert year_of("arXiv:2110.00476") == 2021
    assert year_of(["arXiv:1512.03385", "arXiv:2110.00476"]) == 2015
    assert year_of(None) == 0
