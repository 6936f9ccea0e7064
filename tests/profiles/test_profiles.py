from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vitwork.design.arm import Arm
from vitwork.design.schedule import check_recipe, snapshot_steps
from vitwork.errors import VitworkError
from vitwork.models import create
from vitwork.models.published.loading import _Unfilled
from vitwork.profiles import PROFILES, find, timings
from vitwork.profiles.arms import BY_BIAS
from vitwork.store.keys import plain
from vitwork.training.train import build_model

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "claims"
TOLD = (PROFILES["cifar10-micro"].expected, (ROOT / "docs" / "scales.md").read_text(encoding="utf-8"))
"""Where the hours of a profile are told."""
ARMS = [arm for profile in PROFILES.values() for arm in profile.arms.values() if not arm.loaded]
TRAINING = [name for name, profile in PROFILES.items() if not any(arm.loaded for arm in profile.arms.values())]
NETWORKS = {repr((arm.model, arm.options, arm.data.size)): arm for arm in ARMS}
"""One arm for each network: larger profiles share theirs."""
MATCHED = {
    repr([(arm.model, arm.options) for arm in pair]): pair
    for pair in (
        [PROFILES[name].arms[arm] for arm in ("alternet", "resnet-matched")] for name in TRAINING if name != "smoke"
    )
}
"""AlterNet and its second control, once for each two networks."""


@pytest.mark.parametrize("arm", NETWORKS.values(), ids=lambda arm: arm.name)
def test_every_network_can_be_built_and_passed(arm: Arm) -> None:
    """The models that profiles name exist with these options and take the arm's images."""
    size = arm.data.size or 32
    with torch.device("meta"):
        with _Unfilled():
            model = build_model(arm, 10).eval()
        assert model(torch.empty(2, 3, size, size)).shape == (2, 10)
    assert sum(parameter.numel() for parameter in model.parameters()) > 10_000


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_every_recipe_can_be_carried_out(arm: Arm) -> None:
    """An arm's recipe is sound, keeps all of its snapshots, and everything about the arm can be hashed."""
    check_recipe(arm.recipe)
    steps = snapshot_steps(arm.recipe, 10)
    assert sum(map(len, steps.values())) == len(arm.recipe.snapshots)
    json.dumps(plain(arm))


def test_arms_that_only_larger_profiles_train() -> None:
    """The smallest profile trains three arms; larger ones add to them, and the small one of them trains all that they do."""
    micro, full = PROFILES["cifar10-micro"].arms.keys(), PROFILES["cifar10"].arms.keys()
    assert list(PROFILES["smoke"].arms) == ["resnet", "alternet", "vit"]
    assert PROFILES["smoke"].arms.keys() < micro == full
    for name in ("cifar10", "cifar100", "paper"):
        assert full <= PROFILES[name].arms.keys()
        assert {arm.name for arm in PROFILES[name].arms.values()} == set(PROFILES[name].arms)


@pytest.mark.parametrize("told", TOLD, ids=["profile", "page"])
def test_the_hours_that_are_told_are_those_of_the_published_report(told: str) -> None:
    """With two at a time, as the plan counts them too."""
    taken = timings("cifar10-micro")
    assert taken is not None
    hours = PROFILES["cifar10-micro"].seeds * sum(taken.seconds.values()) / 2 / 3600
    assert f"{hours:.1f} of them by the median times of the {len(taken.seconds)} arms of its published report" in told


def test_the_two_micro_profiles_differ_in_their_images_alone() -> None:
    """What holds on ten classes and not on a hundred is then a matter of the data."""
    ten, hundred = PROFILES["cifar10-micro"], PROFILES["cifar100-micro"]
    arms = {name: replace(arm, data=replace(arm.data, source="cifar10")) for name, arm in hundred.arms.items()}
    told = {name: getattr(ten, name) for name in ("name", "summary", "expected", "seeds", "first_seed")}
    deviations = (ten.deviations[0], *hundred.deviations[1:])
    assert replace(hundred, arms=arms, deviations=deviations, **told) == ten
    assert (hundred.seeds, hundred.first_seed) == (9, 0)


def test_even_heads_are_as_many_parameters() -> None:
    """The rule on late heads is tested between networks of one size."""
    arms = PROFILES["paper"].arms
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in build_model(arms[name], 100).parameters())
            for name in ("alternet", "alternet-even-heads")
        ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)


def test_small_data_arm_takes_as_many_steps() -> None:
    """The control for data size sees as many images as the full arm, until warm-up and in all."""
    arms = PROFILES["paper"].arms
    full, small = arms["vit"].recipe, arms["vit-small-data-as-many-steps"]
    assert small.recipe.epochs * small.data.fraction == pytest.approx(full.epochs, rel=0.01)
    assert small.recipe.warmup_epochs * small.data.fraction == pytest.approx(full.warmup_epochs, rel=0.01)


@pytest.mark.parametrize("profile", TRAINING)
def test_only_followed_arms_keep_weights_on_the_way(profile: str) -> None:
    """Snapshots between warm-up and end are kept for the ResNet and the ViT alone, which keeps stores small."""
    arms = PROFILES[profile].arms
    kept = {
        name.removesuffix("-imagenet").removesuffix("-strong-augmentation")
        for name, arm in arms.items()
        if len(arm.recipe.snapshots) > 3
    }
    assert kept == {"resnet", "vit"}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_sets_each_measurement_once(profile: str) -> None:
    """No kind of measurement stands twice in an effort, where the second would never be used."""
    kinds = [type(measurement) for measurement in PROFILES[profile].effort]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("pair", MATCHED.values(), ids=lambda pair: pair[0].model)
def test_matched_control_has_the_size_of_the_alternet(pair: list[Arm]) -> None:
    """The second control differs from AlterNet by less than three per cent in parameters."""
    sizes = []
    for arm in pair:
        with torch.device("meta"):
            model = create(arm.model, 10, **arm.options)
        sizes.append(sum(parameter.numel() for parameter in model.parameters()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)


@pytest.mark.parametrize("profile", ["paper", "cifar10-micro"])
def test_placements_have_equally_many_attentions_on_equal_blocks(profile: str) -> None:
    """Stage-end, stage-start and model-end placements compare as many MSA blocks, none of which changes the resolution."""
    arms, counts = PROFILES[profile].arms, set()
    for name in ("alternet-0112", "alternet-stage-start", "alternet-0022"):
        with torch.device("meta"):
            model = create(arms[name].model, 10, **arms[name].options)
        mixing = [module for module in model.modules() if type(module).__name__ == "PreActMixing"]
        assert all(block.shortcut is None for block in mixing)
        counts.add(len(mixing))
    assert counts == {4}


def test_what_is_claimed_of_other_data_is_trained_on_them() -> None:
    """The claim on CIFAR-10 has arms of its own; that on ImageNet shares the runs of the profile's own arms."""
    arms = PROFILES["paper"].arms
    elsewhere = {name for name, arm in arms.items() if arm.data.source == "cifar10"}
    assert elsewhere == {f"{name}-cifar10" for group in BY_BIAS for name in group}
    imagenet = PROFILES["imagenet"].arms
    for name in ("resnet", "alternet"):
        assert replace(imagenet[f"{name}-imagenet"], name=name) == imagenet[name]


def test_no_arm_is_trained_that_no_claim_needs() -> None:
    """Every arm of the largest profiles is named by a claim."""
    text = "".join(path.read_text(encoding="utf-8") for path in CLAIMS.glob("test_*.py"))
    named = {name for group in BY_BIAS for name in group} | {f"vit-heads-{heads}" for heads in (1, 3, 12)}
    named |= {f"{name}-cifar10" for name in named}
    named |= {f"{name}-{kind}-augmentation" for name in ("vit", "resnet") for kind in ("weak", "strong")}
    arms = {name for profile in PROFILES.values() for name in profile.arms}
    assert {name for name in arms - named if f'"{name}"' not in text} == set()


def test_unknown_profile_is_one_sentence() -> None:
    """A wrong name is answered with those that exist."""
    with pytest.raises(VitworkError, match="There is no profile 'tiny'; choose one of smoke, cifar10-micro"):
        find("tiny")
