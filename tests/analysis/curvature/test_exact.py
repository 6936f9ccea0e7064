"""Products that are not those of the loss's Hessian are refused, and sound ones never."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitwork.analysis import targets
from vitwork.analysis.hessian import blockwise, density, hvp, top_eigenvalues, trace
from vitwork.errors import VitworkError
from vitwork.models import create


class Detached(torch.autograd.Function):
    """A cube whose backward pass forgets that it depends on its input."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * 3 * x.detach() ** 2


class StraightThrough(torch.autograd.Function):
    """A rounding whose backward pass is that of the identity."""

    @staticmethod
    def forward(_, x):
        return (4 * x).round() / 4

    @staticmethod
    def backward(_, gradient):
        return gradient


class Net(nn.Module):
    """Two layers with a function between them."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.function = nn.Linear(48, 8), nn.Linear(8, 3), function

    def forward(self, x):
        return self.second(torch.tanh(self.function(self.first(x.flatten(1)))))


def weight_normed():
    net = Net(nn.Identity())
    nn.utils.parametrizations.weight_norm(net.first)
    return net


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return torch.randn(6, 3, 4, 4), torch.randint(0, 3, (6,))


@pytest.mark.parametrize("measure", [top_eigenvalues, density, trace])
@pytest.mark.parametrize(
    "build",
    [lambda: Net(Detached.apply), lambda: Net(StraightThrough.apply), lambda: Net(torch.detach), weight_normed],
    ids=["cube", "round", "cut", "norm"],
)
def test_wrong_second_derivatives_are_refused(batch, measure, build):
    """Every measurement of curvature refuses a product that the gradient's change contradicts."""
    with pytest.raises(VitworkError, match="the second derivative of Net is wrong"):
        measure(build(), [batch])


def unseen(x):
    with torch.no_grad():
        return torch.tanh(x)


@pytest.mark.parametrize("function", [torch.detach, unseen])
def test_weights_that_the_gradient_does_not_see_are_refused(batch, function):
    """Products that are all zero agree with a gradient that is zero, but the loss moves along these weights."""
    with pytest.raises(VitworkError, match="the loss of Net depends on weights that its gradient does not"):
        blockwise(Net(function), [batch], 1, groups={"first": ["first.weight", "first.bias"]})
    kept = blockwise(Net(function), [batch], 1, groups={"second": ["second.weight", "second.bias"]})["second"]
    assert kept.eigenvalues.item() > 0


@pytest.mark.filterwarnings("ignore")  # torch announces another way to quantise
def test_quantised_models_are_refused(batch):
    """Quantised layers have no derivatives: what is left of a model would have no curvature."""
    model = nn.Sequential(nn.Flatten(), nn.LayerNorm(48), nn.Linear(48, 3))
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    with pytest.raises(VitworkError, match="or quantised, so the curvature along these weights cannot be measured"):
        top_eigenvalues(quantised, [batch], 1)


@pytest.mark.parametrize("bias", [0.0, 20.0, 50.0, 100.0])
def test_a_network_that_is_sure_of_all_images_is_measured(batch, bias):
    """Its loss is smaller than the rounding of its logits, so that the loss cannot be seen to rise."""
    model, (images, targets) = Net(nn.Identity()), batch
    with torch.no_grad():
        model.second.bias += torch.tensor([bias, 0.0, 0.0])
    assert top_eigenvalues(model, [(images, torch.zeros_like(targets))], 1).eigenvalues.isfinite().all()


def test_unused_weights_have_no_curvature(batch):
    """Weights on which the loss does not depend are not taken for unseen ones."""
    model = Net(nn.Identity())
    model.unused = nn.Linear(2, 2)
    assert blockwise(model, [batch], 1, groups={"unused": ["unused.weight"]})["unused"].eigenvalues.item() == 0


@pytest.mark.parametrize(
    "function",
    [
        nn.Identity(),
        nn.ReLU(),
        lambda x: x.float().sin().to(x.dtype),
        lambda x: nn.functional.hardtanh(x * 0),
        lambda x: (1e6 * x).sin(),
    ],
    ids=["identity", "relu", "single precision inside", "zero", "steep"],
)
def test_sound_models_pass(batch, function):
    """Kinks, dead units and precision of one's own are no faults."""
    model = Net(function)
    vector = torch.ones(sum(p.numel() for p in model.parameters()))
    assert hvp(model, [batch], vector).isfinite().all()


@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_fresh_networks_pass(batchnorm):
    """Gates that begin at zero put ReLUs on their kinks; the check looks beside them."""
    model = create("resnet_18", 3, depths=(1, 1), widths=(8, 8)).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.zeros_(module.weight)
    batch = torch.randn(4, 3, 32, 32), torch.randint(0, 3, (4,))
    assert top_eigenvalues(model, [batch], 1, batchnorm=batchnorm, max_products=3).products


class Rounded(Net):
    """Insists on single precision, and has a backward pass that is wrong the second time."""

    def forward(self, x):
        if x.dtype == torch.float64:
            raise TypeError("single precision only")
        return super().forward(x)


def test_models_of_one_precision_are_tested_for_symmetry(batch):
    """Where double precision is refused, products that are not symmetric are, and sound ones pass."""
    vector = torch.ones(sum(p.numel() for p in Net(nn.Identity()).parameters()))
    assert hvp(Rounded(nn.Identity()), [batch], vector).isfinite().all()
    wrong = Rounded(nn.Identity())
    nn.utils.parametrizations.weight_norm(wrong.first)
    with pytest.raises(VitworkError, match="the second derivative of Rounded is wrong"):
        trace(wrong, [batch])


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_wrapped_models_have_the_hessian_of_the_model_inside(batch, wrap):
    """Compiled and replicated models give the bare model's product, to the bit."""
    model = Net(nn.Identity())
    vector = torch.randn(sum(p.numel() for p in model.parameters()))
    assert torch.equal(hvp(wrap(model), [batch], vector), hvp(model, [batch], vector))


class Pair(Net):
    def forward(self, x):
        return super().forward(x), x


class Named(Net):
    def forward(self, x):
        return {"logits": super().forward(x)}


@pytest.mark.parametrize(("build", "what"), [(Pair, "a tuple"), (Named, "a dict")])
def test_outputs_that_are_no_logits_are_named(batch, build, what):
    """A model that returns a tuple or a dictionary is refused in one sentence."""
    with pytest.raises(VitworkError, match=f"{build.__name__} returns {what}: let it return the tensor of logits"):
        top_eigenvalues(build(nn.Identity()), [batch])


class Centred(Net):
    def forward(self, x):
        return super().forward(x - x.mean(0))


def test_examples_that_depend_on_each_other_are_not_passed_in_parts(batch, monkeypatch):
    """Parts of a batch, asked for or for lack of memory, would have another loss than the whole."""
    model = Centred(nn.Identity())
    assert top_eigenvalues(model, [batch], 1).eigenvalues.item() != 0
    with pytest.raises(VitworkError, match="a batch of 6 cannot be passed in parts: what the model makes of an image"):
        top_eigenvalues(model, [batch], 1, micro_batch=2)
    real = targets.functional_call

    def limited(module, state, args):
        if len(args[0]) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return real(module, state, args)

    monkeypatch.setattr(targets, "functional_call", limited)
    with pytest.raises(VitworkError, match="a batch of 6 cannot be passed in parts"):
        top_eigenvalues(model, [batch], 1)
    assert top_eigenvalues(Net(nn.Identity()), [batch], 1).eigenvalues.item() != 0


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("at_once", [None, 2])
@pytest.mark.parametrize(
    ("label", "message"), [(-100, "a label is -100"), (3, "a label is 3, but the model has 3 logits")]
)
def test_labels_that_are_no_classes_are_refused(batch, label, message, place, at_once):
    """In the first mini-batch and in later ones, one by one or at once."""
    images, labels = batch
    wrong = labels.clone()
    wrong[2] = label
    batches = [(images, labels), (images, labels)]
    batches[place] = images, wrong
    with pytest.raises(VitworkError, match=message):
        top_eigenvalues(Net(nn.Identity()), batches, 1, at_once=at_once)
