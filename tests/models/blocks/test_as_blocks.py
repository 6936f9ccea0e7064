"""Any model as blocks: their composition is the model, and each block is what it says."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F

from vitwork.device.unfused_attention import math_attention
from vitwork.errors import VitworkError
from vitwork.models import as_blocks, create
from vitwork.models.blocks.extraction import attention_weights

CNN = {"depths": (1, 2, 2), "widths": (8, 16, 32)}
VIT = {"image_size": 16, "patch_size": 4, "dim": 16, "depth": 2, "heads": 2}
MIXED = {**CNN, "msas": (0, 1, 1), "heads": (1, 2, 2), "head_dim": 4}
TINY = {
    "resnet": ("resnet_18", {**CNN, "blur": True}),
    "bottleneck": ("resnet_50", CNN),
    "resnext": ("resnext_50", {**CNN, "widths": (64, 64, 64)}),
    "wideresnet": ("wideresnet_50", CNN),
    "seresnet": ("seresnet_18", {**CNN, "widths": (16, 16, 32)}),
    "cbamresnet": ("cbamresnet_18", {**CNN, "widths": (16, 16, 32)}),
    "preresnet": ("preresnet_18", CNN),
    "prebottleneck": ("preresnet_50", CNN),
    "alternet": ("alternet_18", MIXED),
    "alternet-start": ("alternet_50", {**MIXED, "placement": "stage-start"}),
    "alternet-post": ("alternet_18", {**MIXED, "activation": "post"}),
    "alternet-static": ("alternet_18", {**MIXED, "mixer": "static", "placement": "appended"}),
    "vit-cls": ("vit_ti", VIT),
    "vit-map": ("vit_ti", {**VIT, "head": "map", "attention": "window"}),
    "vit-conv": ("vit_ti", {**VIT, "head": "gap", "attention": "conv", "border": "zero"}),
    "vit-static": ("vit_ti", {**VIT, "head": "gap", "attention": "static"}),
    "pit": ("pit_ti", {"image_size": 16, "head_dims": (8, 8), "depths": (1, 2), "heads": (1, 2)}),
    "swin": ("swin_t", {"image_size": 16, "dim": 12, "depths": (2, 2), "heads": (1, 2)}),
    "twins": ("twins_s", {"image_size": 16, "dims": (8, 16), "depths": (2, 2), "heads": (1, 2), "reductions": (4, 1)}),
    "mixer": ("mixer_ti", {"image_size": 16, "dim": 16, "depth": 2}),
    "convit": (
        "convit_ti",
        {"image_size": 16, "heads": 2, "head_dim": 8, "depth": 2, "local_depth": 1, "patch_size": 4},
    ),
    "convnext": ("convnext_ti", {"depths": (1, 1, 2, 1), "widths": (8, 8, 16, 16), "image_size": 16}),
    "prevgg": ("prevgg_11", {"widths": (8, 8, 16, 16, 16), "hidden": 32}),
    "vgg": ("vgg_11", {"depths": (1, 1, 2), "widths": (8, 8, 16), "mlp_ratio": 0.01}),
    "alexnet": ("alexnet", {"hidden": 32}),
    "mobilenet": ("mobilenet_v2", {"width": "035"}),
    **{
        name: (f"timm:{name}", {})
        for name in ("test_convnext2", "test_nfnet", "test_vit4", "test_maxvit", "test_efficientnet")
    },
}
SIDES = {"test_vit4": 160, "test_maxvit": 160}
"""Pixels of timm's networks that take images of one size."""


def shuffled(model):
    """Give every parameter and statistic a value that matters: fresh gates, scales and biases are often zero."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator)
                tensor.add_(0.1 * (noise.abs() if name.endswith("running_var") else noise))
    return model


@pytest.fixture(scope="module")
def built():
    """Build each model and its blocks once; tests leave them unchanged."""
    made = {}

    def get(family):
        if family not in made:
            torch.manual_seed(0)
            name, options = TINY[family]
            model = shuffled(create(name, 5, **options)).eval()
            size = getattr(model, "input_size", None) or (3, *2 * [SIDES.get(family, 64)])
            blocks = as_blocks(model, size)
            made[family] = model, blocks, torch.randn(2, *size, generator=torch.Generator().manual_seed(0))
        return made[family]

    return get


def compose(blocks, x):
    """Apply blocks in order."""
    for block in blocks:
        x = block.module(x)
    return x


@pytest.mark.parametrize("family", TINY)
def test_composition_is_the_model_with_gradients(built, family):
    """Logits and all gradients of the composed blocks are those of the model, bit by bit."""
    model, blocks, x = built(family)
    results = []
    for function in (model, lambda x: compose(blocks, x)):
        inputs = x.clone().requires_grad_()
        logits = function(inputs)
        targets = [inputs, *model.parameters()]
        results.append((logits, *torch.autograd.grad(logits.square().sum(), targets, allow_unused=True)))
    for ours, theirs in zip(*results, strict=True):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)


@pytest.mark.parametrize("family", TINY)
def test_blocks_share_the_models_parameters(built, family):
    """The blocks hold the model's own parameters, all that it uses, and no others."""
    model, blocks, x = built(family)
    own = {id(p) for p in model.parameters()}
    held = {id(p) for block in blocks for p in block.module.parameters()}
    grads = torch.autograd.grad(model(x).sum(), list(model.parameters()), allow_unused=True)
    used = {id(p) for p, g in zip(model.parameters(), grads, strict=True) if g is not None}
    assert used <= held <= own


@pytest.mark.parametrize("family", TINY)
def test_blocks_are_described_truly(built, family):
    """Layout, prefix, downsampling, stages and skips agree with the tensors that flow through."""
    _model, blocks, x = built(family)
    assert [blocks[0].kind, blocks[-1].kind, blocks[-1].layout] == ["stem", "head", "vector"]
    assert len({block.name for block in blocks}) == len(blocks)
    assert [b.stage for b in blocks] == sorted(b.stage for b in blocks)
    with torch.no_grad():
        for before, block in pairwise(blocks[:-1]):
            x = before.module(x)
            after = block.module(x)
            places = [b.feature_map(t).shape[-1] for b, t in ((before, x), (block, after))]
            assert block.downsamples == (places[1] < places[0])
            if block.skip is not None:
                assert block.skip(x).shape == after.shape
                assert not torch.equal(block.skip(x), after)
            if block.kind == "msa" and block.attention is not None:
                weights = block.attention(x)
                assert weights.dim() == 4
                torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


@pytest.mark.parametrize("family", TINY)
def test_hessian_vector_products_exist(built, family):
    """With plain attention every family's loss has a second derivative, equal to the gradient's finite difference."""
    model, _blocks, x = built(family)
    model, x = (
        copy.deepcopy(model).double(),
        x[:1].double(),
    )
    parameters = [p for p in model.parameters() if p.requires_grad]
    generator = torch.Generator().manual_seed(0)
    direction = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
    norm = torch.cat([d.flatten() for d in direction]).norm()
    direction = [d / norm for d in direction]

    def gradient(**options):
        loss = nn.functional.cross_entropy(model(x), torch.tensor([1]))
        found = torch.autograd.grad(loss, parameters, allow_unused=True, **options)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]

    with math_attention():
        first = gradient(create_graph=True)
        inner = sum((g * d).sum() for g, d in zip(first, direction, strict=True))
        product = torch.autograd.grad(inner, parameters, allow_unused=True)
        moved = []
        for step in (1e-5, -2e-5):
            with torch.no_grad():
                for p, d in zip(parameters, direction, strict=True):
                    p.add_(step * d)
            moved.append(gradient())
    exact = torch.cat(
        [torch.zeros_like(p).flatten() if h is None else h.flatten() for p, h in zip(parameters, product, strict=True)]
    )
    difference = torch.cat([((a - b) / 2e-5).flatten() for a, b in zip(*moved, strict=True)])
    assert exact.norm() > 0
    assert (exact - difference).norm() <= 1e-3 * exact.norm()


def kinds(blocks):
    """Kinds in order, the stage's end marked."""
    return [(block.kind, block.stage, block.stage_end) for block in blocks]


def test_transformer_sublayers_stand_apart(built):
    """A ViT is stem, (MSA, MLP) pairs, head; names are the modules'."""
    _, blocks, _ = built("vit-cls")
    assert kinds(blocks) == [
        ("stem", 0, False), ("msa", 1, False), ("mlp", 1, False), ("msa", 1, False), ("mlp", 1, True), ("head", 1, False),
    ]  # fmt: skip
    assert [b.name for b in blocks[1:3]] == ["blocks.0.attn", "blocks.0.mlp"]
    assert [b.prefix for b in blocks[:-1]] == [1] * 5


def test_stages_of_an_alternet(built):
    """AlterNet's MSA blocks end their stages, whose first blocks lose resolution."""
    _, blocks, _ = built("alternet")
    assert kinds(blocks) == [
        ("stem", 0, False), ("conv", 1, True), ("conv", 2, False), ("msa", 2, True), ("conv", 3, False), ("msa", 3, True),
        ("head", 3, False),
    ]  # fmt: skip
    assert [b.downsamples for b in blocks] == [False, False, True, False, True, False, True]


def test_multi_stage_transformers_pool_between_stages(built):
    """Swin and PiT have a pooling block at each change of resolution, and no other."""
    for family in ("swin", "pit"):
        _, blocks, _ = built(family)
        assert [b.kind for b in blocks[1:-1] if b.downsamples] == ["pool"]


def test_controls_of_data_specificity_are_no_attention(built):
    """Static mixing has no attention weights that depend on the data, so its blocks are not called MSA."""
    for family in ("vit-static", "alternet-static"):
        _, blocks, _ = built(family)
        assert "msa" not in {b.kind for b in blocks}


@pytest.mark.parametrize("family", ["vit-cls", "preresnet", "swin"])
def test_the_skip_of_an_equal_shape_is_the_identity(built, family):
    """Where a residual block keeps the shape, its skip alone returns its input."""
    _, blocks, x = built(family)
    found = 0
    with torch.no_grad():
        for block in blocks:
            y = block.module(x)
            if block.skip is not None and not block.downsamples and y.numel() == x.numel():
                assert torch.equal(block.skip(x).flatten(), x.flatten())
                found += 1
            x = y
    assert found >= 2


def test_a_projecting_skip_keeps_the_projection(built):
    """The skip of a block that halves the map is its projection of the activated input."""
    model, blocks, x = built("preresnet")
    with torch.no_grad():
        x = compose(blocks[:2], x)
        first = model.stages[1][0]
        torch.testing.assert_close(blocks[2].skip(x), first.shortcut(first.act(first.norm1(x))))


def test_attention_weights_are_those_applied(built):
    """Weights times values, joined and projected, plus the skip, is the block's output."""
    model, blocks, x = built("vit-cls")
    with torch.no_grad():
        x = blocks[0].module(x)
        layer = model.blocks[0]
        values = layer.attn.qkv(layer.norm1(x)).chunk(3, dim=-1)[2]
        heads = values.reshape(*values.shape[:2], 2, 8).transpose(1, 2)
        mixed = (blocks[1].attention(x) @ heads).transpose(1, 2).flatten(2)
        torch.testing.assert_close(x + layer.attn.proj(mixed), blocks[1].module(x))


def test_groups_of_heads_share_keys():
    """Weights of grouped attention, applied to the values that a group of heads shares, are torch's attention."""
    query, key, value = (torch.randn(3, heads, 5, 8) for heads in (4, 2, 2))
    weights = attention_weights(query=query, key=key, value=value, enable_gqa=True)
    expected = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    torch.testing.assert_close(weights @ value.repeat_interleave(2, 1), expected)


@pytest.mark.parametrize("family", ["alternet", "swin", "convit", "pit"])
def test_blocks_take_any_batch(built, family):
    """Blocks hold for other batch sizes than that of the recording."""
    model, blocks, x = built(family)
    with torch.no_grad():
        many = torch.cat([x, x, x])[:5]
        assert torch.equal(compose(blocks, many), model(many))


def test_blocks_follow_the_models_mode():
    """In training mode the blocks normalise by the batch and drop paths as the model does."""
    model = shuffled(create("preresnet_18", **CNN, drop_path=0.5))
    blocks, x = as_blocks(model), torch.randn(8, 3, 32, 32)
    twin = copy.deepcopy(model)
    torch.manual_seed(0)
    expected = twin(x)
    torch.manual_seed(0)
    assert torch.equal(compose(blocks, x), expected)
    assert model.training


def test_dividing_a_model_leaves_it_as_it_was():
    """Modes, parameters and statistics are unchanged, also of modules that differ in mode."""
    model = create("convit_ti", **TINY["convit"][1])
    model.blocks[0].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    as_blocks(model)
    assert [m.training for m in model.modules()] == modes
    assert all(
        type(v) in (torch.Tensor, nn.Parameter) and torch.equal(v, before[k]) for k, v in model.state_dict().items()
    )


class Merging:
    """Has an adapter, which is merged into the weights whenever the layer leaves training mode, as loralib does."""

    merged = False

    def train(self, mode=True):
        super().train(mode)
        if self.merged is mode:
            self.weight.data.add_(self.change, alpha=-1 if mode else 1)
            self.merged = not mode
        return self

    def forward(self, x):
        return super().forward(x) if self.merged else super().forward(x) + nn.functional.linear(x, self.change)


class Adapter(Merging, nn.Linear):
    """One node of a recording."""

    def __init__(self, dim):
        super().__init__(dim, dim)
        self.change = nn.Parameter(torch.randn(dim, dim) / 3)


class FollowedAdapter(Merging, nn.Sequential):
    """A layer whose code is followed in a recording."""

    def __init__(self, dim):
        super().__init__(nn.Linear(dim, dim))
        self.weight, self.change = self[0].weight, nn.Parameter(torch.randn(dim, dim) / 3)


class Clamping(nn.Linear):
    """A layer that bounds its weights in every pass, and so writes into them."""

    def __init__(self, dim):
        super().__init__(dim, dim)

    def forward(self, x):
        self.weight.data.clamp_(-0.1, 0.1)
        return super().forward(x)


class Adapted(nn.Module):
    """Tokens and two residual layers of a kind."""

    def __init__(self, layer):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 5)
        self.layers = nn.ModuleList(layer(16) for _ in range(2))

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x.mean(1))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layer", [Adapter, FollowedAdapter, Clamping])
def test_layers_that_rewrite_their_weights_keep_them(layer, training):
    """No bit of a weight changes, in either mode, and the blocks are the model in the mode that it is in."""
    torch.manual_seed(0)
    model = Adapted(layer).train(training)
    before = copy.deepcopy(model.state_dict())
    blocks = as_blocks(model, (3, 16, 16))
    assert all(
        torch.equal(value.view(torch.int32), before[k].view(torch.int32)) for k, value in model.state_dict().items()
    )
    assert {module.training for module in model.modules()} == {training}
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(compose(blocks, x), copy.deepcopy(model)(x))


@pytest.mark.parametrize("layer", [nn.LazyLinear, lambda dim: nn.Linear(dim, dim, device="meta")])
def test_weights_without_values_are_refused(layer):
    """A lazy layer that was never passed, and weights on the meta device, are named as what they are."""
    with pytest.raises(VitworkError, match="the model has weights without values"):
        as_blocks(Adapted(layer), (3, 16, 16))


class Branching(nn.Module):
    """Takes one of two ways by the values of its input, which no recording can follow."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


class Whole(nn.Module):
    """Branches in its own forward."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.layer(x).mean((2, 3)) if x.sum() > 0 else x.mean((2, 3))


class Parallel(nn.Module):
    """Two attentions side by side."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.left = nn.ModuleList([timm.layers.Attention(8, 2), timm.layers.Attention(8, 2)])
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = x + self.left[0](x) + self.left[1](x)
        return self.head(x.mean(1))


class Pair(nn.Module):
    """Returns two tensors."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        y = self.layer(x)
        return y, y


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Whole, "cannot follow the code of Whole: it branches on values"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 4), Branching()), "the code of 2: it branches on values"),
        (Parallel, "structure of left is not understood: its attentions do not stand apart"),
        (Pair, "Pair does not return one tensor of logits"),
    ],
)
def test_structures_that_are_not_understood_are_named(model, message):
    """The error names the module."""
    with pytest.raises(VitworkError, match=message):
        as_blocks(model(), (3, 16, 16))


@pytest.mark.parametrize("other", ["vit_ti", [1], None])
def test_what_is_no_model_has_no_blocks(other):
    """A model's name in its place is one sentence."""
    with pytest.raises(VitworkError, match=r"a model is a torch\.nn\.Module .*, not "):
        as_blocks(other)


@pytest.mark.parametrize("size", [16, (16, 16), (3, 0, 0), (3, 16.0, 16), (), "3x16", [[3, 16, 16]]])
def test_an_image_size_is_three_whole_numbers(built, size):
    """A side alone, a size without channels or of nothing is one sentence."""
    with pytest.raises(VitworkError, match=r"input_size is \(channels, height, width\), as in \(3, 224, 224\), not "):
        as_blocks(built("resnet")[0], size)
