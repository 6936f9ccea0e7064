from __future__ import annotations

import json

import pytest
import torch

from vitwork.errors import VitworkError
from vitwork.models import create
from vitwork.profiles import PROFILES, find
from vitwork.provenance import plain

ARMS = [(profile.name, arm.name) for profile in PROFILES.values() for arm in profile.arms.values()]


@pytest.mark.parametrize(("profile", "arm"), ARMS)
def test_every_arm_can_be_built(profile: str, arm: str) -> None:
    """The models that profiles name exist with these options, and everything about an arm can be hashed."""
    found = PROFILES[profile].arms[arm]
    with torch.device("meta"):
        model = create(found.model, 10, **found.options)
    assert sum(parameter.numel() for parameter in model.parameters()) > 10_000
    json.dumps(plain(found))


@pytest.mark.parametrize("profile", PROFILES)
def test_matched_control_has_the_size_of_the_alternet(profile: str) -> None:
    """The second control differs from AlterNet by less than three per cent in parameters."""
    arms, sizes = PROFILES[profile].arms, {}
    for name in ("alternet", "resnet-matched"):
        with torch.device("meta"):
            model = create(arms[name].model, 10, **arms[name].options)
        sizes[name] = sum(parameter.numel() for parameter in model.parameters())
    assert sizes["resnet-matched"] == pytest.approx(sizes["alternet"], rel=0.03)


@pytest.mark.parametrize("profile", PROFILES)
def test_placements_have_equally_many_attentions(profile: str) -> None:
    """Stage-end, stage-start and model-end placements compare at the same number of MSA blocks."""
    arms = PROFILES[profile].arms
    counts = set()
    for name in ("alternet", "alternet-stage-start", "alternet-model-end"):
        assert arms[name].options["msas"] == arms["alternet"].options["msas"]
        with torch.device("meta"):
            model = create(arms[name].model, 10, **arms[name].options)
        counts.add(sum(type(module).__name__.endswith("Attention") for module in model.modules()))
    assert len(counts) == 1


def test_unknown_profile_is_one_sentence() -> None:
    """A wrong name is answered with those that exist."""
    with pytest.raises(VitworkError, match="There is no profile 'tiny'; choose one of smoke, cifar10-micro"):
        find("tiny")
