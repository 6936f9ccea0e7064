"""Which networks can be built up, and how they are made."""

from __future__ import annotations

import pytest

from vitwork.buildup.networks import named, network, refusal
from vitwork.buildup.outcome import blocks
from vitwork.design.arm import Arm
from vitwork.errors import VitworkError
from vitwork.models import create
from vitwork.models.zoo.resnets import layout
from vitwork.models.zoo.staged import PostActMixing, PreActMixing
from vitwork.profiles import find

MICRO = find("cifar10-micro").arms


def made(built, msas):
    model, options = built.model(msas)
    return create(model, 10, **options)


def mixing(model):
    return [name for name, module in model.named_modules() if isinstance(module, (PreActMixing, PostActMixing))]


@pytest.mark.parametrize("arm", ["resnet", "alternet"])
def test_the_profiles_networks_start_without_msas(arm):
    """An AlterNet is built up from its own network without MSA blocks, which is the profile's ResNet."""
    built = network(MICRO[arm], 16)
    assert built.depths == (2, 2, 2)
    start, resnet = made(built, (0, 0, 0)), create(MICRO["resnet"].model, 10, **MICRO["resnet"].options)
    assert [w.shape for w in start.parameters()] == [w.shape for w in resnet.parameters()]
    assert mixing(made(built, (0, 1, 1))) == ["stages.1.1", "stages.2.1"]


@pytest.mark.parametrize("model", ["resnet_18", "timm:resnet18"])
def test_networks_with_activations_last_are_built_up(model):
    """Ours and timm's: without MSA blocks the arm is the plain model, so that it shares its runs."""
    built = network(Arm("mine", model), 32)
    assert (built.with_msas(built.none).model, built.depths) == (model, (2, 2, 2, 2))
    assert len(mixing(made(built, (0, 1, 0, 1)))) == 2


def test_options_of_the_msa_blocks_are_told_from_the_bases():
    """Window and heads go to the MSA blocks, everything else to the network that they are put into."""
    arm = Arm(
        "mine", "timm:resnet18", {"window_size": 2, "heads": (1, 1, 2, 2), "head_dim": 8, "zero_init_last": False}
    )
    built = network(arm, 32)
    assert built.base == ("timm:resnet18", {"zero_init_last": False})
    (block,) = [m for m in made(built, (0, 0, 0, 1)).modules() if isinstance(m, PostActMixing)]
    assert (block.mixer.window_size, block.mixer.heads, block.mixer.head_dim) == (2, 2, 8)


def test_large_images_get_their_stem_and_windows_of_seven():
    """Beyond 64 pixels the zoo's builders are told the size; timm's know one stem only."""
    assert network(Arm("mine", "resnet_18"), 224).base[1] == {"image_size": 224}
    assert network(Arm("mine", "preresnet_18"), 224).base[1]["image_size"] == 224
    assert network(Arm("mine", "timm:resnet18"), 224).base[1] == {}
    assert network(Arm("mine", "timm:resnet18"), 224).arm.options["window_size"] == 7


@pytest.mark.parametrize("model", ["vit_ti", "timm:vit_tiny_patch16_224", "prevgg_11"])
def test_other_networks_are_refused_by_name(model):
    """Nothing here replaces their blocks."""
    with pytest.raises(VitworkError, match=f"{model} has no stages of residual convolution blocks"):
        network(Arm("mine", model), 32)


def test_a_block_whose_map_no_window_divides_is_refused_with_the_reason():
    """Of timm's ResNet at 32 pixels, windows of four fit into the first two stages."""
    built = network(Arm("mine", "timm:resnet18"), 32)
    assert "a window of 4 does not divide a feature map of 1×1" in refusal(built, (0, 0, 0, 1), 10, 32)
    assert refusal(built, (0, 1, 0, 0), 10, 32) == ""


def test_drawn_and_named_blocks_are_those_that_the_builder_makes():
    """The diagram's rows are the zoo's own layout, and names count blocks from 1 as the paper does."""
    depths, msas = (3, 4, 6, 4), (1, 2, 0, 2)
    assert blocks(msas, depths) == layout(depths, msas, "stage-end")
    assert named(msas, depths) == "c4#4 c4#2 c2#4 c2#2 c1#3"
    assert named((0, 0, 0, 0), depths) == "no MSA"
