"""Inference mode and autocast around a call change nothing in what it returns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.analysis.hand_made import batches, conv_net
from vitwork.analysis import fourier, lesion, robustness
from vitwork.analysis.hessian import blockwise, density, hvp, top_eigenvalues, trace
from vitwork.analysis.landscape import surface
from vitwork.models import as_blocks

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


def setting(model):
    """Return a model, or blocks, whose first module sets what holds for the whole process, whenever it is passed."""
    first = model[0].module if isinstance(model, list) else model[0]
    first.register_forward_pre_hook(lambda *_: sets())
    return model


def sets():
    torch.use_deterministic_algorithms(True)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(torch.get_num_threads() + 1)


def held():
    return torch.are_deterministic_algorithms_enabled(), torch.get_default_dtype(), torch.get_num_threads()


SETTING = {
    **{name: (lambda call=call: call(setting(network()), batches(8, 4))) for name, call in CALLS.items()},
    "fourier": lambda: fourier.log_amplitude(setting(conv_net()), batches(8, 4)),
    "lesion": lambda: lesion.study(setting(conv_net()), batches(8, 4)),
    "noise": lambda: robustness.noise_bands(setting(network()), batches(8, 4)),
    "corruptions": lambda: robustness.corruptions(
        setting(network()), torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.zeros(4).long(), lambda x: x.float(),
        names=("contrast",), severities=(1,),
    ),
    "cues": lambda: robustness.cue_conflict(setting(network()), batches(8, 4), *torch.zeros(2, 8).long()),
    "blocks": lambda: as_blocks(setting(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 5))), (3, 16, 16)),
}  # fmt: skip


@pytest.mark.parametrize("call", SETTING.values(), ids=SETTING)
def test_what_a_model_sets_is_set_back(call):
    """Default type, deterministic kernels and threads are after a measurement what they were before."""
    before = held()
    call()
    assert held() == before
