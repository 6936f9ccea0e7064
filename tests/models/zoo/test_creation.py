"""Models by name and option."""

from __future__ import annotations

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from vitwork.errors import VitworkError
from vitwork.models import create
from vitwork.models.zoo import table
from vitwork.models.zoo.catalogue import ENTRIES
from vitwork.models.zoo.matching import flops, parameters
from vitwork.models.zoo.resnets import layout

SMALL = {"depths": (2, 2, 2), "widths": (16, 32, 64)}


@pytest.mark.parametrize(
    ("name", "options", "classes", "millions"),
    [
        ("resnet_50", {}, 100, 23.7),
        ("resnet_18", {}, 100, 11.2),
        ("preresnet_50", {}, 100, 23.7),
        ("alternet_50", {"msas": (0, 0, 0, 0)}, 100, 28.2),
        ("alternet_50", {"msas": (0, 1, 1, 2)}, 100, 33.0),
        ("alternet_50", {}, 100, 34.1),
        ("alternet_34", {}, 100, 22.4),
        ("alternet_101", {}, 100, 53.1),
        ("vit_ti", {}, 100, 5.4),
        ("vit_s", {}, 100, 21.4),
        ("vit_b", {}, 100, 85.3),
        ("pit_ti", {}, 100, 4.6),
        ("swin_t", {}, 100, 27.6),
        ("mixer_ti", {}, 100, 4.8),
        ("resnext_50", {}, 100, 23.2),
    ],
)
def test_parameter_counts_are_the_papers(name, options, classes, millions):
    """Models have the parameter counts of the released definitions."""
    with torch.device("meta"):
        count = parameters(create(name, classes, **options))
    assert count / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("head", ["gap", "cls", "map"])
@pytest.mark.parametrize("attention", ["global", "conv", "window", "static", "pool"])
def test_every_vit_runs_and_learns(size, head, attention):
    """Each kind of attention and head gives logits, and every parameter has a gradient."""
    model = create("vit_ti", 5, image_size=size, patch_size=4, dim=16, depth=2, heads=2, head=head, attention=attention)
    model(torch.randn(2, 3, size, size)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("placement", ["stage-end", "stage-start", "model-end", "appended"])
@pytest.mark.parametrize("mixer", ["msa", "static", "pool"])
def test_every_alternet_runs_and_learns(placement, mixer):
    """Each placement and mixer gives logits, and every parameter has a gradient."""
    options = {"msas": (0, 1, 1), "heads": (1, 2, 4), "head_dim": 4, "placement": placement, "mixer": mixer}
    model = create("alternet_18", 5, **SMALL, **options)
    model(torch.randn(2, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_layouts_place_the_msas():
    """The paper's rule alternates from a stage's end; the controls start the stage, end the model, or append."""
    picture = {
        "stage-end": ["cc", "cm", "cccm", "cmcm"],
        "stage-start": ["cc", "cm", "cmcc", "cmcm"],
        "model-end": ["cc", "cc", "cccc", "mmmm"],
        "appended": ["cc", "ccm", "ccccm", "ccccmm"],
    }
    for placement, stages in picture.items():
        made = layout((2, 2, 4, 4), (0, 1, 1, 2), placement)
        assert ["".join("cm"[msa] for msa in stage) for stage in made] == stages


def test_a_stage_holds_at_most_half_its_blocks_as_msas():
    """Alternation leaves a convolution before every MSA; asking for more is an error."""
    with pytest.raises(VitworkError, match="2 alternating MSA blocks do not fit into a stage of 3"):
        layout((3,), (2,), "stage-end")


@pytest.mark.parametrize("match_by", ["parameters", "flops"])
def test_controls_match_in_size(match_by):
    """A CNN matched to an AlterNet has its parameters or FLOPs within one percent, where the unmatched one has not."""
    options = {**SMALL, "msas": (0, 1, 1), "heads": (2, 4, 8), "head_dim": 16}
    measure = {"parameters": parameters, "flops": lambda model: flops(model, 32)}[match_by]
    target = measure(create("alternet_18", **options))
    plain = measure(create("preresnet_18", **SMALL))
    matched = measure(create("preresnet_18", **SMALL, match=("alternet_18", options), match_by=match_by))
    assert abs(matched - target) <= 0.01 * target < abs(plain - target)


def test_flops_are_those_of_the_arithmetic():
    """The count is two per multiply-add, worked out by hand for a network of one convolution and one linear layer."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 5))
    assert flops(model, 4) == 2 * (16 * 8 * 3 * 9) + 2 * (128 * 5)


@pytest.mark.parametrize("name", ["resnet_18", "preresnet_18", "alternet_18"])
def test_stochastic_depth_grows_linearly(name):
    """The first block is always kept and the last dropped with the given probability."""
    model = create(name, drop_path=0.3)
    rates = [m.drop_prob for m in model.modules() if isinstance(m, DropPath)]
    assert rates == pytest.approx([0.3 * i / 7 for i in range(1, 8)])


def test_stems_follow_the_image_size():
    """Small images keep their resolution in the stem, large ones lose a factor of four."""
    for size, side in ((32, 32), (224, 56)):
        stem = create("resnet_18", image_size=size).stem
        assert stem(torch.zeros(1, 3, size, size)).shape[-1] == side


def test_blur_is_a_clipped_mean():
    """Smoothing clips softly at 10, rectifies, and averages 2×2 places."""
    blur = create("resnet_18", **SMALL, blur=True).stages[0].blur
    x = torch.tensor([[-5.0, 5.0], [50.0, 1.0]]).reshape(1, 1, 2, 2)
    clipped = [
        0.0,
        10 * torch.tanh(torch.tensor(0.5)),
        10 * torch.tanh(torch.tensor(5.0)),
        10 * torch.tanh(torch.tensor(0.1)),
    ]
    assert blur(x)[0, 0, 1, 1] == pytest.approx(float(sum(clipped) / 4), rel=1e-5)


def build(num_classes, width=3):
    """A user's own model."""
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


def test_models_of_timm_and_of_users():
    """timm's names and a user's function give models with the classes asked for."""
    assert create("timm:test_vit", 7, drop_path=0.1).num_classes == 7
    own = create(f"{__name__}:build", 4, width=5)
    assert own(torch.zeros(2, 3, 8, 8)).shape == (2, 4)


def test_models_without_stochastic_depth_are_built_without_it():
    """A recipe's drop_path does not keep a plain network from being built."""
    for name, options in (("alexnet", {"hidden": 8}), ("timm:vgg11", {}), (f"{__name__}:build", {})):
        with torch.device("meta"):
            assert isinstance(create(name, 4, drop_path=0.1, **options), nn.Module)


def no_model(num_classes):
    """A user's mistake."""
    return num_classes


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError


def silent(num_classes):
    raise SilentError


def failing(num_classes):
    """Another one."""
    raise ValueError(f"no head for {num_classes} classes\nat all")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet_51", {}, "there is no model 'resnet_51': did you mean .*resnet_50"),
        ("zzz", {}, "`vitwork models` lists"),
        *(
            (name, {"num_classes": "10"}, "num_classes is a whole number, 1 or more, not '10'")
            for name in ("resnet_18", "timm:resnet18", f"{__name__}:build")
        ),
        ("vit_ti", {"num_classes": 0}, "num_classes is 1 or more, not 0"),
        ("timm:resnet18", {"num_classes": -1}, "num_classes is 1 or more, not -1"),
        ("timm:resnet18", {"num_classes": None}, "num_classes is a whole number, 1 or more, not None"),
        (build, {}, "a model is asked for by its name, not by <function build"),
        ("vit_ti", {"heads": "3"}, r"vit_ti cannot be built with {'heads': '3'}: TypeError: .* %: 'int' and 'str'$"),
        ("vit_ti", {"heads": 0}, r"vit_ti cannot be built with {'heads': 0}: ZeroDivisionError: "),
        ("resnet_18", {"widths": (64, 64)}, r"resnet_18 cannot be built with {'widths': \(64, 64\)}: ValueError: "),
        ("resnet_18", {"match": "resnet_50"}, "resnet_18 cannot be built with {'match': 'resnet_50'}: ValueError: "),
        ("resnet_18", {"depth": 3}, "resnet_18 has no option depth; it has depths, "),
        ("vit_ti", {"patch_size": 5}, "patches of 5 do not divide an image of 32"),
        ("vit_ti", {"heads": 5}, "5 heads do not divide 192 channels"),
        ("vit_ti", {"attention": "fast"}, "attention 'fast'"),
        ("alternet_18", {"placement": "middle"}, "placement must be"),
        ("alternet_18", {"msas": (1, 1)}, "msas has 2 stages but depths has 4"),
        ("alternet_18", {"mixer": "fft"}, "mixer must be one of"),
        ("vit_ti", {"match": ("resnet_18", {})}, "has no widths to scale"),
        ("timm:resnt18", {}, "timm has no model 'resnt18': did you mean resnet18 or"),
        ("timm:zzz", {}, "timm has no model 'zzz': its `timm.list_models"),
        ("timm:resnet18", {"bogus": 1}, "timm does not build 'resnet18' with {'bogus': 1}: TypeError: .*bogus"),
        ("no.such.module:build", {}, "cannot be imported"),
        (f"{__name__}:ENTRIES", {}, r"is of the type \w+, not a function that builds a model$"),
        (f"{__name__}:failing", {}, "cannot be built: ValueError: no head for 10 classes$"),
        (f"{__name__}:silent", {}, "cannot be built: SilentError$"),
        (f"{__name__}:no_model", {}, "returned int, not a torch.nn.Module"),
        (f"{__name__}:build", {"height": 3}, "does not take height"),
    ],
)
def test_mistakes_get_one_sentence(name, options, message):
    """Wrong names, options and sizes are errors that a user can act on."""
    with pytest.raises(VitworkError, match=message):
        create(name, **options)


def test_the_table_counts_without_storage():
    """A row's parameters are those of the model built for real, and every name has a row."""
    (row,) = table.rows((32,), ["preresnet_18"])
    assert row.parameters == parameters(create("preresnet_18"))
    assert row.flops == flops(create("preresnet_18"), 32)
    assert len(ENTRIES) > 50


def test_the_table_is_laid_out_in_columns(monkeypatch):
    """The terminal's table has a heading, and one line per name with parameters and FLOPs under their headings."""
    monkeypatch.setattr(table, "ENTRIES", {name: ENTRIES[name] for name in ("vit_ti", "preresnet_18")})
    heading, vit, _ = table.lines()
    assert vit.split() == ["vit_ti", "32", "5.39", "M", "3.338", "G", "timm", "VisionTransformer"]
    assert heading.index("FLOPs") + len("FLOPs") == vit.index("3.338 G") + len("3.338 G")
