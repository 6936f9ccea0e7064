"""ResNets with activations last, some of whose blocks were replaced by MSA blocks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models import as_blocks, create
from vitwork.models.zoo.staged import PostActMixing
from vitwork.models.zoo.with_msas import NAME, stages_of

SMALL = {"depths": (2, 4), "widths": (8, 16), "bottleneck": True, "image_size": 16, "heads": (1, 2), "head_dim": 8}


def mixed(base="resnet_18", msas=(1, 2), **options):
    return create(NAME, 10, base=base, msas=msas, **{"window_size": 4, **SMALL, **options})


@pytest.mark.parametrize("bottleneck", [True, False])
def test_blocks_are_replaced_alternately_from_the_end_of_each_stage(bottleneck):
    """Every second block from the last one is an MSA block, and the network still learns in every parameter."""
    model = mixed(bottleneck=bottleneck)
    rows = [[isinstance(block, PostActMixing) for block in stage] for stage in stages_of_any(model)]
    assert rows == [[False, True], [False, True, False, True]]
    model(torch.randn(2, 3, 16, 16)).square().sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def stages_of_any(model):
    return list(model.stages) if hasattr(model, "stages") else [getattr(model, f"layer{n}") for n in range(1, 5)]


def test_a_resnet_of_timms_is_replaced_as_ours_is():
    """timm's network keeps its other blocks, its channels and its stochastic depth; its blocks compose to the model."""
    model = create(NAME, 7, base="timm:resnet18", msas=(1, 0, 0, 1), window_size=2, head_dim=8, drop_path=0.1)
    stages = stages_of_any(model)
    assert [[type(block).__name__ for block in stage] for stage in stages][3] == ["BasicBlock", "PostActMixing"]
    assert stages[3][1].drop_path.drop_prob == pytest.approx(0.1)
    model.eval()
    images = torch.randn(2, 3, 64, 64)
    blocks = as_blocks(model, (3, 64, 64))
    x = images
    for block in blocks:
        x = block.module(x)
    torch.testing.assert_close(x, model(images))
    assert sum(block.kind == "msa" for block in blocks) == 2


def test_without_msas_nothing_is_changed():
    """No MSA block: the weights are the base's own, drawn alike."""
    torch.manual_seed(0)
    plain = create("timm:resnet18", 10).state_dict()
    torch.manual_seed(0)
    same = create(NAME, 10, base="timm:resnet18", msas=(0, 0, 0, 0), window_size=4).state_dict()
    assert plain.keys() == same.keys()
    assert all(torch.equal(plain[name], same[name]) for name in plain)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"base": "vit_ti", "msas": (1,)}, "vit_ti has no stages of residual convolution blocks"),
        ({"base": "timm:vgg11", "msas": (1,)}, "timm:vgg11 has no stages"),
        ({"base": "preresnet_18", "msas": (0, 0, 0, 1)}, "preresnet_18 has no stages"),
        (
            {"base": "timm:resnet18", "msas": (0, 0, 0, 2)},
            "2 alternating MSA blocks do not fit into a stage of 2 blocks",
        ),
        ({"base": "timm:resnet18", "msas": (1,)}, "msas has 1 stages but depths has 4"),
    ],
)
def test_what_cannot_be_replaced_is_refused_by_name(given, sentence):
    """Networks without such stages, and numbers that do not fit them."""
    with pytest.raises(VitworkError, match=sentence):
        create(NAME, 10, window_size=4, **given)


def test_a_window_that_does_not_divide_a_map_is_refused():
    """The last map of a timm ResNet has one place at 32 pixels, in which no window of four lies."""
    model = create(NAME, 10, base="timm:resnet18", msas=(0, 0, 0, 1), window_size=4).eval()
    with pytest.raises(VitworkError, match="a window of 4 does not divide a feature map of 1×1"):
        model(torch.randn(2, 3, 32, 32))


def test_stages_are_those_of_the_network():
    """Any of timm's ResNets has its four stages."""
    assert [len(stage) for stage in stages_of(create("timm:resnet26", 10), "timm:resnet26")] == [2, 2, 2, 2]
    with pytest.raises(VitworkError):
        stages_of(nn.Linear(2, 2), "mine")
