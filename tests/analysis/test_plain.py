"""Inference mode and autocast around a call change nothing in what it returns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.analysis.hand_made import batches, conv_net
from vitwork.analysis import fourier, lesion
from vitwork.analysis.hessian import blockwise, density, hvp, top_eigenvalues, trace
from vitwork.analysis.landscape import surface

CALLS = {
    "spectrum": lambda model, data: top_eigenvalues(model, data, 2).eigenvalues,
    "at once": lambda model, data: top_eigenvalues(model, data, 2, at_once=2).eigenvalues,
    "product": lambda model, data: hvp(model, data, torch.ones(sum(p.numel() for p in model.parameters()))),
    "block": lambda model, data: blockwise(model, data, 1, groups={"a": ["1.weight"]})["a"].eigenvalues,
    "density": lambda model, data: density(model, data, steps=3, probes=1).nodes,
    "trace": lambda model, data: torch.tensor(trace(model, data, products=3).value),
    "surface": lambda model, data: surface(model, data, points=2).nll,
    "fourier": lambda _, data: fourier.log_amplitude(conv_net(), data).delta[0],
    "lesion": lambda _, data: torch.tensor(lesion.study(conv_net(), data).nll_change),
}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 6), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 5))


@pytest.mark.parametrize(
    "around", [torch.inference_mode, lambda: torch.autocast("cpu")], ids=["inference mode", "autocast"]
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_surrounds_a_call_changes_nothing(call, around):
    """The numbers are those of a plain call, to the bit, in inference mode and in autocast."""
    expected = call(model := network(), data := batches(8, 4))
    with around():
        found = call(model, data)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_was_made_in_inference_mode_is_measured(call):
    """Networks and images that autograd cannot follow are copied where it has to."""
    expected = call(network(), batches(8, 4))
    with torch.inference_mode():
        found = call(network(), batches(8, 4))
    assert torch.equal(found, expected)
