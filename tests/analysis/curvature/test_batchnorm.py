"""Modes of BatchNorm, and statistics that are computed anew."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitwork.analysis.curvature.batchnorm import evaluation_mode, mixes_examples, recalibrate
from vitwork.errors import VitworkError


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


def test_there_are_two_modes():
    """A word of another analysis is refused before a pass, and the modules' modes stay."""
    model = net()
    with pytest.raises(VitworkError, match="batchnorm is 'eval' or 'train', not 'recalibrated'"):
        mixes_examples(model, "recalibrated")
    with pytest.raises(VitworkError, match="not 'fixed'"), evaluation_mode(model, "fixed"):
        pass
    assert all(module.training for module in model.modules())


def test_statistics_are_the_mean_over_batches():
    """Recalibrated statistics are numpy's mean and unbiased variance of each batch, weighted by the batches' sizes."""
    model, state = net(), {}
    state |= {name: value.detach().clone() for name, value in model.state_dict().items()}
    inputs = [torch.randn(n, 3, 6, 6, generator=torch.Generator().manual_seed(n)) for n in (5, 5, 2)]
    recalibrate(model, state, inputs)
    with torch.no_grad():
        features = [model[0](x).transpose(0, 1).flatten(1).numpy() for x in inputs]
    mean = sum(len(x) * f.mean(1) for x, f in zip(inputs, features, strict=True)) / 12
    variance = sum(len(x) * f.var(1, ddof=1) for x, f in zip(inputs, features, strict=True)) / 12
    assert state["1.running_mean"].numpy() == pytest.approx(mean, abs=1e-5)
    assert state["1.running_var"].numpy() == pytest.approx(variance, abs=1e-5)
    assert torch.equal(model[1].running_mean, torch.zeros(4))


@pytest.mark.parametrize("said", ["DefaultCPUAllocator: can't allocate memory", "shapes do not fit"])
def test_a_batch_whose_statistics_do_not_fit_is_not_split(said):
    """Out of memory asks for smaller batches, as splitting would change the statistics; other errors keep their words."""
    model = net()

    class Fails(nn.Module):
        def forward(self, x):
            raise RuntimeError(said)

    model.append(Fails())
    asked, words = (VitworkError, "batch of 8 images") if "memory" in said else (RuntimeError, "shapes do not fit")
    with pytest.raises(asked, match=words):
        recalibrate(model, dict(model.state_dict()), [torch.randn(8, 3, 6, 6)])
    assert model[1].momentum == 0.1
