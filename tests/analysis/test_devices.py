"""Every analysis of a model on a GPU, pretended where there is none: it runs, and finds what it finds on the CPU."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest
import torch
from pretend_gpu import pretend_gpu
from torch import nn
from torch.nn import functional as F

from vitwork.analysis import (
    attention,
    calibration,
    directions,
    fourier,
    hessian,
    landscape,
    lesion,
    robustness,
    similarity,
    trajectory,
    variance,
)
from vitwork.data.images import normalise
from vitwork.device.memory import Cost
from vitwork.device.precision import single_precision
from vitwork.errors import VitworkError
from vitwork.models import as_blocks, create


@pytest.fixture(autouse=True)
def _exactly():
    """A GPU's convolutions round their factors to ten bits unless told not to, as measurements tell it."""
    with single_precision():
        yield


# Convolutions of 1×1 with a stride over fewer than eight channels damage memory in oneDNN on processors without AVX-512.
NETS = {
    "resnet": ("resnet_18", {"depths": (1, 1), "widths": (8, 16), "image_size": 8, "blur": True}),
    "vit": ("vit_ti", {"image_size": 8, "patch_size": 2, "dim": 8, "depth": 1, "heads": 2}),
    "alternet": (
        "alternet_18",
        {"depths": (1, 2), "widths": (8, 16), "msas": (0, 1), "window_size": 4, "heads": (1, 2), "head_dim": 4},
    ),
}


def normalised(pixels):
    return normalise(pixels, (0.5,) * 3, (0.25,) * 3)


class Subject:
    """A small network on a device, and images and classes on the CPU, as a user may give them."""

    def __init__(self, net, device):
        name, options = NETS[net]
        torch.manual_seed(0)
        self.model = create(name, 4, **options).to(device).eval()
        self.pixels = torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8)
        self.labels = torch.arange(8) % 4
        self.batches = [(normalised(part), self.labels[:4]) for part in self.pixels.split(4)]
        with torch.no_grad():
            self.logits = self.model(self.batches[0][0].to(device))
        self.blocks = as_blocks(self.model, (3, 8, 8))
        end = {name: value for name, value in self.model.state_dict().items() if value.is_floating_point()}
        self.path = [{n: w * 0.9 for n, w in end.items()}, {n: w + 0.1 * w.cos() for n, w in end.items()}, end]


OF_EVERY_NETWORK = {
    "eigenvalues": lambda on: hessian.top_eigenvalues(on.model, on.batches, k=2, max_products=4),
    "amplitudes": lambda on: fourier.log_amplitude(on.blocks, on.batches),
    "variances": lambda on: variance.by_block(on.blocks, on.batches),
    "similarity": lambda on: similarity.matrix(on.blocks, on.batches),
    "lesions": lambda on: lesion.study(on.blocks, on.batches),
    "attention": lambda on: attention.describe(on.blocks, on.batches, rank_images=2),
}
OF_ONE_NETWORK = {
    "extreme eigenvalues": lambda on: hessian.top_eigenvalues(
        on.model, on.batches[:1], k=2, which="extremes", batchnorm="train", capacity=6, max_products=8, tolerance=1e-9
    ),
    "eigenvalues in parts": lambda on: hessian.top_eigenvalues(
        on.model, on.batches[:1], k=1, micro_batch=2, max_products=3
    ),
    "eigenvalues by kind": lambda on: list(hessian.blockwise(on.model, on.batches[:1], k=1, max_products=2).values()),
    "density": lambda on: hessian.density(on.model, on.batches[:1], steps=3, probes=2),
    "trace": lambda on: hessian.trace(on.model, on.batches[:1], products=6),
    "surface": lambda on: landscape.surface(on.model, on.batches, points=3, extent=0.2),
    "official surface": lambda on: landscape.surface(
        on.model, on.batches, points=3, extent=0.2, batchnorm="recalibrated", official=True
    ),
    "surface along a path": lambda on: landscape.surface(
        on.model, on.batches, points=3, directions=[directions.principal_pair(on.path, on.path[-1]).pair]
    ),
    "path": lambda on: trajectory.polar(on.path, on.path[0], on.path[-1]),
    "radial amplitudes": lambda on: fourier.log_amplitude(
        on.blocks, on.batches, direction="radial", window="hann", part="branch"
    ),
    "tapered amplitudes": lambda on: fourier.log_amplitude(on.blocks, on.batches, window="hann"),
    "lesions of what varies": lambda on: lesion.study(on.blocks, on.batches, replacement=lesion.average_branch),
    "noise": lambda on: robustness.noise_bands(on.model, on.batches, frequencies=(0.3, 0.7)),
    "corruptions": lambda on: robustness.corruptions(
        on.model, on.pixels, on.labels, normalised, names=("contrast",), severities=(5,)
    ),
    "conflicting cues": lambda on: robustness.cue_conflict(on.model, on.batches, on.labels, on.labels.flip(0)),
    "metrics": lambda on: calibration.evaluate(on.logits, on.labels[:4]),
    "official metrics": lambda on: calibration.evaluate(on.logits, on.labels[:4], official=True),
}


# Start vectors are drawn on the device, and these searches end before the result is independent of theirs.
DRAWN = {"eigenvalues", "extreme eigenvalues", "eigenvalues in parts", "eigenvalues by kind", "density", "trace"}


def numbers(found):
    """Return all numbers of a result, which are the CPU's."""
    if isinstance(found, torch.Tensor):
        assert found.device.type == "cpu"
        return found.flatten().tolist()
    if dataclasses.is_dataclass(found):
        found = [getattr(found, field.name) for field in dataclasses.fields(found)]
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, (list, tuple)):
        return [number for part in found if not isinstance(part, Cost) for number in numbers(part)]
    return [] if isinstance(found, str) or found is None else [float(found)]


@cache
def subjects(net):
    """Return the same network on both devices."""
    with pretend_gpu() as gpu:
        return Subject(net, "cpu"), Subject(net, gpu)


@pytest.mark.parametrize(
    ("net", "name"),
    [
        *(
            # an AlterNet has the layers of both others, of which its products with the Hessian are made
            pytest.param(net, name, marks=[pytest.mark.slow] * (name == "eigenvalues" and net != "alternet"))
            for net in NETS
            for name in OF_EVERY_NETWORK
            if (net, name) != ("resnet", "attention")
        ),
        *(("alternet", name) for name in OF_ONE_NETWORK),
    ],
)
def test_an_analysis_on_a_gpu_finds_what_it_finds_on_the_cpu(net, name):
    """No tensor is made on the wrong device, whatever lies where, and all results come back to the CPU."""
    analysis = (OF_EVERY_NETWORK | OF_ONE_NETWORK)[name]
    there, here = subjects(net)
    expected = numbers(analysis(there))
    with pretend_gpu():
        found = numbers(analysis(here))
    assert expected
    if name in DRAWN and torch.cuda.is_available():  # a real GPU draws other numbers
        assert len(found) == len(expected)
        return
    assert found == pytest.approx(expected, rel=1e-2, abs=1e-3, nan_ok=True)


class Random(nn.Module):
    """A network that drops features in evaluation mode too."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return F.dropout(self.net(x), 0.5, training=True)


OF_A_MODEL = {name for name in OF_EVERY_NETWORK | OF_ONE_NETWORK if "path" not in name and "metrics" not in name}


@pytest.fixture(scope="module")
def random():
    """A network that is random, as the analyses take it: they refuse it before they do anything to it."""
    subject = Subject("alternet", "cpu")
    subject.model = Random(subject.model).eval()
    subject.blocks = as_blocks(subject.model, (3, 8, 8))
    return subject


@pytest.mark.parametrize("name", sorted(OF_A_MODEL))
def test_a_random_model_is_refused(random, name):
    """What changes from pass to pass has no measurement, whichever it is."""
    with pytest.raises(VitworkError, match="random in eval mode"):
        (OF_EVERY_NETWORK | OF_ONE_NETWORK)[name](random)
