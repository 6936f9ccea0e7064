"""A GPU's own kernels give the CPU's numbers in single precision: nothing is rounded to fewer digits on the way."""

from __future__ import annotations

import pytest
import torch

from vitwork.analysis import (
    attention,
    calibration,
    fourier,
    hessian,
    landscape,
    lesion,
    robustness,
    similarity,
    variance,
)
from vitwork.device.precision import single_precision
from vitwork.models import as_blocks, create


@pytest.fixture(autouse=True)
def _exactly():
    """A GPU's convolutions round their factors to ten bits unless told not to, as measurements tell it."""
    with single_precision():
        yield


NETS = {
    "resnet": ("resnet_18", {"depths": (1, 1), "widths": (8, 16)}),
    "vit": ("vit_ti", {"image_size": 16, "patch_size": 2, "dim": 24, "depth": 2, "heads": 2}),
    "alternet": (
        "alternet_18",
        {"depths": (1, 2), "widths": (8, 16), "msas": (0, 1), "window_size": 4, "heads": (1, 2), "head_dim": 8},
    ),
}
CLOSE = (
    1e-3  # of the largest number of a result, where single precision and its sums in another order reach 1e-5 to 1e-4
)


class Subject:
    """A small network after a few steps of training, the same on every device."""

    def __init__(self, net, device):
        name, options = NETS[net]
        torch.manual_seed(0)
        self.model = create(name, 5, **options)
        self.pixels = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8)
        self.labels = torch.arange(32) % 5
        x = self.pixels.float() / 127.5 - 1
        optimiser = torch.optim.SGD(self.model.parameters(), 0.05)
        for _ in range(5):
            torch.nn.functional.cross_entropy(self.model(x), self.labels).backward()
            optimiser.step()
            optimiser.zero_grad()
        self.logits = self.model.eval()(x).detach().to(device)
        self.model.to(device)
        self.batches = [(part, classes) for part, classes in zip(x.split(16), self.labels.split(16), strict=True)]
        self.blocks = as_blocks(self.model, (3, 16, 16))
        size = sum(parameter.numel() for parameter in self.model.parameters())
        self.vector = torch.randn(size, generator=torch.Generator().manual_seed(0))


def surface(on):
    found = landscape.surface(on.model, on.batches, points=3, extent=0.2)
    return torch.stack([found.nll, found.l2])


def amplitudes(on, **options):
    return torch.cat(
        [torch.as_tensor(each).flatten() for each in fourier.log_amplitude(on.blocks, on.batches, **options).delta]
    )


def heads(on):
    found = attention.describe(on.blocks, on.batches, rank_images=8)
    return torch.cat([*found.distance, *found.entropy, *found.effective_rank, *found.gain])


ANALYSES = {
    "product": lambda on: hessian.hvp(on.model, on.batches, on.vector),
    "eigenvalues": lambda on: hessian.top_eigenvalues(on.model, on.batches, k=3, tolerance=1e-5).eigenvalues,
    "one by one": lambda on: hessian.top_eigenvalues(on.model, on.batches, k=3, tolerance=1e-5, at_once=1).eigenvalues,
    "surface": surface,
    "amplitudes": amplitudes,
    "radial amplitudes": lambda on: amplitudes(on, direction="radial", window="hann"),
    "variances": lambda on: torch.tensor(variance.by_block(on.blocks, on.batches).variance),
    "similarity": lambda on: similarity.matrix(on.blocks, on.batches).cka,
    "lesions": lambda on: torch.tensor(lesion.study(on.blocks, on.batches).nll_change),
    "attention": heads,
    "corruptions": lambda on: torch.tensor(
        [found["nll"] for found in robustness.corruptions(
            on.model, on.pixels, on.labels, lambda x: x.float() / 127.5 - 1, severities=(3,)).metrics.values()]
    ),
    "metrics": lambda on: torch.tensor([calibration.evaluate(on.logits, on.labels)[name] for name in ("nll", "ece", "brier")]),
}  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("net", NETS)
def test_a_gpu_gives_the_numbers_of_the_cpu(net, name):
    """Every analysis that draws nothing on the device agrees to single precision."""
    if (net, name) == ("resnet", "attention"):
        pytest.skip("a ResNet has no attention")
    expected, found = (ANALYSES[name](Subject(net, device)).double().cpu() for device in ("cpu", "cuda"))
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= CLOSE * float(expected.abs().max())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_estimates_by_random_vectors_agree_within_their_errors():
    """The trace and the density, whose vectors are drawn on the device, estimate the same."""
    here, there = (Subject("vit", device) for device in ("cpu", "cuda"))
    a, b = (hessian.trace(on.model, on.batches, products=60) for on in (here, there))
    assert abs(a.value - b.value) <= 5 * (a.standard_error + b.standard_error)
    c, d = (hessian.density(on.model, on.batches, steps=16, probes=4).nodes for on in (here, there))
    assert float(c.max()) == pytest.approx(float(d.max()), rel=0.05)
