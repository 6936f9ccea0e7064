"""The parts of a step, each against another way of computing it."""

import math

import pytest
import torch
from timm.layers.drop import DropPath
from timm.utils import ModelEmaV2
from torch import nn

from tests.event_files import scalars
from tests.training import small_trainings as small
from vitwork.design.recipe import Recipe
from vitwork.training import numerics, optimisers
from vitwork.training.step import frozen_statistics
from vitwork.training.stochastic_depth import StochasticDepth
from vitwork.training.tensorboard import EventFiles
from vitwork.training.train import build_model, load_snapshot, train


def test_clipping_is_torchs():
    """Clipped gradients equal torch's own, above and below the limit."""
    for scale in (0.01, 10.0):
        torch.manual_seed(0)
        mine = [nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5))]
        theirs = [nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5))]
        for a, b in zip(mine, theirs, strict=True):
            a.grad = torch.randn_like(a) * scale
            b.grad = a.grad.clone()
        optimisers.clip([p.grad for p in mine], 1.0)
        nn.utils.clip_grad_norm_(theirs, 1.0)
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a.grad, b.grad)


def test_sam_on_a_quadratic():
    """For ½ Σ hᵢ wᵢ² the sharpness-aware gradient is h·(w + ρ h·w / |h·w|), and the weights come back exactly."""
    h, w = torch.tensor([1.0, 5.0, -2.0]), nn.Parameter(torch.tensor([0.3, -0.7, 1.1]))
    start = w.detach().clone()

    def gradients():
        (0.5 * (h * w * w).sum()).backward()

    gradients()
    optimisers.sharpness_aware([w], 0.05, gradients)
    expected = h * (start + 0.05 * h * start / (h * start).norm())
    torch.testing.assert_close(w.grad, expected)
    assert torch.equal(w.detach(), start)


def test_sam_changes_the_weights_but_not_what_batchnorm_sees(tmp_path):
    """SAM trains to other weights; its second pass leaves the running statistics to the first one."""
    model = build_model(small.arm(small.RESNET), 4)
    x = torch.randn(8, 3, 8, 8)
    before = {key: value.clone() for key, value in model.state_dict().items() if "running" in key}
    with frozen_statistics(model):
        model(x)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in before.items())
    model(x)
    assert not all(torch.equal(model.state_dict()[key], value) for key, value in before.items())
    plain = train(small.arm(small.RESNET), 0, small.splits(), tmp_path / "plain")
    sam = train(small.arm(small.RESNET, sam=0.05), 0, small.splits(), tmp_path / "sam")
    assert sam.history != plain.history
    assert sam.status == "finished"


def test_the_average_is_timms(tmp_path):
    """After some steps the averaged weights and statistics equal timm's."""
    torch.manual_seed(0)
    model = build_model(small.arm(small.RESNET), 4)
    mine, theirs = optimisers.Average(model, 0.9), ModelEmaV2(model, decay=0.9)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        optimiser.zero_grad()
        model(torch.randn(8, 3, 8, 8)).square().mean().backward()
        optimiser.step()
        mine.update()
        theirs.update(model)
    for key, value in theirs.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(mine.state[key], value)


def test_averaged_weights_are_kept_and_tested(tmp_path):
    """With an average there is a snapshot of it beside each snapshot, and its accuracy is in the history."""
    outcome = train(small.arm(ema=0.9), 0, small.splits(), tmp_path)
    assert {"test_accuracy", "ema_accuracy", "ema_nll"} <= outcome.history[-1].keys()
    start, end = load_snapshot(tmp_path, "init-ema"), load_snapshot(tmp_path, "end-ema")
    assert not all(torch.equal(start[key], end[key]) for key in start)


def test_decay_spares_vectors_only_for_matrices():
    """`all` decays every parameter as the official code does; `matrices` spares biases and normalisation."""
    model = build_model(small.arm(small.VIT), 4)
    (everything,) = optimisers.parameter_groups(model, Recipe(decay="all"))
    assert len(everything["params"]) == len(list(model.parameters()))
    decayed, spared = optimisers.parameter_groups(model, Recipe(decay="matrices"))
    assert min(p.ndim for p in decayed["params"]) == 2
    assert max(p.ndim for p in spared["params"]) == 1
    assert spared["weight_decay"] == 0


def test_stochastic_depth_is_timms_in_distribution():
    """Each block drops its share of images, scales what it keeps, and does nothing in evaluation."""
    model = nn.Sequential(DropPath(0.25), nn.Identity(), nn.Sequential(DropPath(0.5, scale_by_keep=False)))
    depth = StochasticDepth(model, 40000, torch.Generator().manual_seed(0))
    assert list(depth.layers) == ["0", "2.0"]
    assert not model.state_dict()
    x = torch.ones(40000, 2)
    depth.draw(40000)
    first, second = model[0](x), model[2](x)
    assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert second.unique().tolist() == [0.0, 1.0]
    for output, drop in ((first, 0.25), (second, 0.5)):
        share = (output[:, 0] == 0).double().mean().item()
        assert abs(share - drop) < 4 * math.sqrt(drop * (1 - drop) / 40000)
    together = ((first[:, 0] == 0) & (second[:, 0] == 0)).double().mean().item()
    assert abs(together - 0.125) < 0.01
    assert torch.equal(model.eval()(x), x)


def test_layout_follows_the_weights():
    """Networks whose weights are mostly convolutions run channels-last, Transformers do not."""
    assert numerics.layout(build_model(small.arm(small.RESNET), 4)) == torch.channels_last
    assert numerics.layout(build_model(small.arm(small.VIT), 4)) == torch.contiguous_format


def test_event_files_can_be_read_back(tmp_path):
    """TensorBoard's own reader finds loss and test accuracy in the event files."""
    passed_on = []
    with EventFiles(tmp_path / "events", then=passed_on.append) as events:
        outcome = train(small.arm(), 0, small.splits(), tmp_path / "run", progress=events.progress, every=0.0)
        events.outcome(outcome)
    read = scalars(tmp_path / "events")
    assert [event.step for event in read("train/loss")] == [report.step for report in passed_on]
    assert read("epoch/test_accuracy")[0].value == pytest.approx(outcome.history[-1]["test_accuracy"])
