"""Hessian spectra against dense float64 Hessians, closed forms, finite differences, PyHessian and curvlinops."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vitwork.analysis import hessian, landscape
from vitwork.analysis.curvature.batchnorm import evaluation_mode
from vitwork.analysis.curvature.operator import HessianOperator
from vitwork.analysis.hessian import Spectrum, blockwise, density, hvp, top_eigenvalues, trace
from vitwork.device.memory import Cost
from vitwork.device.unfused_attention import math_attention
from vitwork.errors import VitworkError


class Attention(nn.Module):
    """One block of attention over the pixels of an image, with LayerNorm and GELU."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Linear(3, 4), nn.LayerNorm(4)
        self.qkv, self.head = nn.Linear(4, 12), nn.Linear(4, 3)

    def forward(self, x):
        tokens = self.embed(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(self.norm(tokens)).chunk(3, dim=-1)
        return self.head(F.gelu(tokens + F.scaled_dot_product_attention(q, k, v)).mean(1))


def convolution():
    return nn.Sequential(
        nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 3)
    )


NETS = {"convolution": convolution, "attention": Attention}


def build(kind: str) -> nn.Module:
    torch.manual_seed(0)
    net = NETS[kind]().double()
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.add_(0.3 * torch.rand_like(buffer))
    return net


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 3, 4, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (7,), generator=generator)


def dense(model, batch, batchnorm="eval", weight_decay=0.0):
    """The whole Hessian by torch's own double differentiation, row by row."""
    names, sizes = zip(*((name, value.shape) for name, value in model.named_parameters()), strict=True)
    start = torch.cat([value.detach().flatten() for value in model.parameters()])

    def loss(flat):
        parts = torch.split(flat, [size.numel() for size in sizes])
        state = {name: part.view(size) for name, part, size in zip(names, parts, sizes, strict=True)}
        buffers = {name: value.clone() for name, value in model.named_buffers()}
        logits = functional_call(model, state | buffers, (batch[0],))
        return F.cross_entropy(logits, batch[1]) + weight_decay / 2 * flat.square().sum()

    with evaluation_mode(model, batchnorm), math_attention():
        return torch.autograd.functional.hessian(loss, start)


CASES = [("convolution", "eval"), ("convolution", "train"), ("attention", "eval")]


@pytest.mark.parametrize(("kind", "batchnorm"), CASES)
def test_products_are_those_of_the_dense_hessian(kind, batchnorm, batch):
    """Products agree with a dense float64 Hessian, for each mode of BatchNorm and for attention, with weight decay."""
    model = build(kind)
    whole = dense(model, batch, batchnorm, 0.3)
    vector = torch.randn(len(whole), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    product = hvp(model, [batch], vector, 0.3, batchnorm=batchnorm)
    torch.testing.assert_close(product, whole @ vector, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("kind", "batchnorm"), CASES)
def test_eigenvalues_are_those_of_the_dense_hessian(kind, batchnorm, batch):
    """Top-5 by magnitude and signed extremes agree with a dense eigensolver within the tolerance."""
    model = build(kind)
    values = torch.linalg.eigvalsh(dense(model, batch, batchnorm))
    expected = values[values.abs().argsort(descending=True)[:5]]
    found = top_eigenvalues(model, [batch], batchnorm=batchnorm)
    assert found.converged == (True,)
    torch.testing.assert_close(found.eigenvalues[0], expected, rtol=1e-3, atol=0)
    decay = 0.1  # shifts all, and changes which are the largest where signs mix
    survey = top_eigenvalues(model, [batch], which="survey", batchnorm=batchnorm, weight_decay=decay)
    with_decay = values + decay
    chosen = [with_decay[with_decay.abs().argsort(descending=True)[:5]], expected + decay, with_decay[[-1, 0]]]
    torch.testing.assert_close(survey.eigenvalues[0], torch.cat(chosen), rtol=2e-3, atol=0)
    extremes = top_eigenvalues(model, [batch], 4, which="extremes", batchnorm=batchnorm)
    torch.testing.assert_close(extremes.eigenvalues[0], values[[-1, -2, 1, 0]], rtol=1e-3, atol=0)


@pytest.mark.parametrize("micro_batch", [None, 4])
def test_fused_attention_is_off_where_products_are_formed(monkeypatch, batch, micro_batch):
    """The products of a network that calls fused attention need it off: the fused kernel has no second derivative."""
    model = build("attention")
    vector = torch.ones(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    assert hvp(model, [batch], vector, micro_batch=micro_batch).isfinite().all()
    assert torch.backends.cuda.flash_sdp_enabled()
    monkeypatch.setattr("vitwork.analysis.curvature.operator.math_attention", nullcontext)
    with pytest.raises(VitworkError, match=r"cannot be differentiated twice: .* derivative for .* is not implemented"):
        hvp(model, [batch], vector, micro_batch=micro_batch)


def test_products_are_the_change_of_the_gradient(batch):
    """A product is the central difference of gradients along the vector."""
    model = build("attention")
    vector = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    product, step = hvp(model, [batch], vector, 0.1), 1e-5

    def moved(sign):
        other = build("attention")
        weights = nn.utils.parameters_to_vector(other.parameters()).detach() + sign * step * vector
        nn.utils.vector_to_parameters(weights, other.parameters())
        return HessianOperator(other, [batch], 0.1).gradient()

    torch.testing.assert_close(product, (moved(1) - moved(-1)) / (2 * step), rtol=1e-5, atol=1e-7)


class Norms(nn.Module):
    """What follows a GELU or tokens made a map: a normalisation, then a grouped convolution."""

    def __init__(self, norm):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), norm
        self.grouped, self.head = nn.Conv2d(4, 4, 1, groups=2), nn.Linear(4, 3)

    def forward(self, x):
        x = F.gelu(self.conv(x)).flatten(2).transpose(1, 2)
        x = self.norm(x.transpose(1, 2).reshape(len(x), 4, 2, 2))
        return self.head(self.grouped(torch.tanh(x)).mean((2, 3)))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, partial(nn.InstanceNorm2d, affine=True), partial(nn.GroupNorm, 2)])
def test_single_examples_have_the_curvature_of_the_whole(batch, norm):
    """One image per pass, of whose batch the stride is free, gives the product of the whole batch."""
    torch.manual_seed(0)
    model = Norms(norm(4)).double()
    vector = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    whole = dense(model, batch) @ vector
    for micro in (None, 1, 2):
        torch.testing.assert_close(hvp(model, [batch], vector, micro_batch=micro), whole)


def test_a_single_example_with_its_own_statistics(batch):
    """BatchNorm by the statistics of a lone image: the product is the change of a gradient, by finite differences."""
    torch.manual_seed(0)
    model, lone = Norms(nn.BatchNorm2d(4)).double(), (batch[0][:1], batch[1][:1])
    vector, step = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64), 1e-4
    start = nn.utils.parameters_to_vector(model.parameters()).detach()

    def loss(weights):
        nn.utils.vector_to_parameters(weights, model.parameters())
        with evaluation_mode(model, "train"), torch.no_grad():
            return F.cross_entropy(model(lone[0]), lone[1])

    middle, ends = loss(start), [loss(start + way * step * vector) for way in (1, -1)]
    nn.utils.vector_to_parameters(start, model.parameters())
    curvature = hvp(model, [lone], vector, batchnorm="train") @ vector
    torch.testing.assert_close(curvature, (sum(ends) - 2 * middle) / step**2, rtol=1e-4, atol=1e-6)


class Scaled(nn.Module):
    """A network with a scale at every pixel."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.head, self.scale_cache = nn.Parameter(torch.rand(48)), nn.Linear(48, 3), {}

    def looked_up(self):
        return self.scale

    def forward(self, x):
        return self.head(torch.tanh(x.flatten(1) * self.looked_up()))


class Cached(Scaled):
    """The same, looked up once in evaluation mode, as timm's networks keep the biases of their attention."""

    def looked_up(self):
        return self.scale_cache.setdefault("scale", self.scale[torch.arange(48)])


def test_what_a_model_keeps_of_its_weights_serves_no_pass(batch):
    """The Hessian holds a parameter that the model caches, however it was used before, and leaves its cache alone."""
    model = Cached().double().eval()
    with torch.no_grad():
        model(batch[0])
    kept = model.scale_cache["scale"]
    vector = torch.ones(195, dtype=torch.float64)
    torch.testing.assert_close(hvp(model, [batch], vector), dense(Scaled().double(), batch) @ vector)
    assert model.scale_cache["scale"] is kept


class Checkpointed(Scaled):
    """The same, computed anew in the backward pass, as timm's networks do to save memory."""

    def __init__(self):
        super().__init__()
        self.grad_checkpointing = True

    def forward(self, x):
        if self.grad_checkpointing:
            return checkpoint(super().forward, x, use_reentrant=False)
        return super().forward(x)


def test_checkpointed_networks_have_a_hessian(batch):
    """What is computed anew to save memory is kept while curvature is measured, and computed anew again after that."""
    model, vector = Checkpointed().double(), torch.ones(195, dtype=torch.float64)
    torch.testing.assert_close(hvp(model, [batch], vector), dense(Scaled().double(), batch) @ vector)
    assert model.grad_checkpointing


def test_parameters_that_the_loss_does_not_use(batch):
    """Their Hessian is that of the penalty; an empty batch among others counts for nothing."""
    model = build("convolution")
    model.unused = nn.Identity()
    model.unused.register_parameter("weight", nn.Parameter(torch.ones(3, dtype=torch.float64)))
    forward = nn.Sequential(*list(model)[:-1])
    model.forward = forward.forward
    found = top_eigenvalues(model, [batch], 3, 0.5, select=lambda name, _: name.startswith("unused"))
    assert found.eigenvalues.tolist() == [pytest.approx([0.5] * 3)]
    empty = batch[0][:0], batch[1][:0]
    size = sum(p.numel() for p in model.parameters())
    vector = torch.ones(size, dtype=torch.float64)
    torch.testing.assert_close(hvp(model, [empty, batch], vector), hvp(model, [batch], vector))


def test_rounding_is_not_below_zero():
    """A linear model on one image has a Hessian of low rank without negative eigenvalues: NEP is 0, not that of rounding."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    found = top_eigenvalues(model, [(torch.randn(1, 3, 4, 4), torch.tensor([1]))])
    assert found.nep == 0
    assert found.ape == pytest.approx(float(found.eigenvalues.max()))


def test_vectors_are_translated_to_and_fro(batch):
    """An operator's order and torch's hold the same numbers, and `hvp` speaks torch's."""
    model = build("convolution")
    operator = HessianOperator(model, [batch])
    vector = nn.utils.parameters_to_vector(model.parameters()).detach()
    assert not torch.equal(operator.arranged(vector), vector)
    assert torch.equal(operator.arranged(vector), operator.weights())
    assert torch.equal(operator.by_rows(operator.weights()), vector)
    torch.testing.assert_close(hvp(model, [batch], vector), dense(model, batch) @ vector)


def test_a_logistic_regression_in_closed_form():
    """For one example x and zero weights the Hessian is (diag(p) - ppᵀ) ⊗ xxᵀ, whose eigenvalues are known."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4, bias=False))
    nn.init.zeros_(model[1].weight)
    x = torch.full((1, 1, 2, 2), 3.0)
    found = top_eigenvalues(model, [(x, torch.tensor([2]))], 4, weight_decay=0.5)
    torch.testing.assert_close(found.eigenvalues[0], torch.tensor([9.5, 9.5, 9.5, 0.5]).double(), rtol=1e-5, atol=0)


def test_weight_decay_shifts_every_eigenvalue(batch):
    """The penalty (λ/2)·|w|² adds λ, no more and no less."""
    model = build("convolution")
    plain, decayed = (top_eigenvalues(model, [batch], 3, decay, which="extremes", tolerance=1e-9) for decay in (0, 0.7))
    torch.testing.assert_close(decayed.eigenvalues, plain.eigenvalues + 0.7, rtol=1e-7, atol=1e-8)


def test_soft_targets_weigh_the_classes(batch):
    """One-hot targets equal class indices, and mixed targets mix the Hessians."""
    model = build("attention")
    x, y = batch
    vector = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    first, second = F.one_hot(y, 3).double(), F.one_hot((y + 1) % 3, 3).double()
    torch.testing.assert_close(hvp(model, [(x, first)], vector), hvp(model, [(x, y)], vector))
    mixed = hvp(model, [(x, 0.3 * first + 0.7 * second)], vector)
    parts = hvp(model, [(x, y)], vector), hvp(model, [(x, (y + 1) % 3)], vector)
    torch.testing.assert_close(mixed, 0.3 * parts[0] + 0.7 * parts[1])


@pytest.mark.parametrize("kind", NETS)
def test_ragged_batches_and_micro_batches_weigh_every_example_alike(kind, batch):
    """Batches of five and two, or passes of three, give the Hessian of all seven examples at once."""
    model = build(kind)
    x, y = batch
    vector = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    whole = hvp(model, [batch], vector, 0.2)
    torch.testing.assert_close(hvp(model, [(x[:5], y[:5]), (x[5:], y[5:])], vector, 0.2), whole)
    torch.testing.assert_close(hvp(model, [batch], vector, 0.2, micro_batch=3), whole)
    halves = hvp(model, [(x[:5], y[:5])], vector), hvp(model, [(x[5:], y[5:])], vector)
    assert not torch.allclose(sum(halves) / 2, whole, rtol=1e-3)


def test_a_batch_that_does_not_fit_is_split(batch, monkeypatch):
    """When memory runs out, passes are halved until they fit, and nothing else changes."""
    model = build("attention")
    expected = top_eigenvalues(model, [batch], 3, tolerance=1e-8)
    real, sizes = HessianOperator._losses, []

    def limited(self, images, targets, *at):
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, images, targets, *at)

    monkeypatch.setattr(HessianOperator, "_losses", limited)
    found = top_eigenvalues(model, [batch], 3, tolerance=1e-8)
    torch.testing.assert_close(found.eigenvalues, expected.eigenvalues, rtol=1e-7, atol=0)
    assert max(sizes) == 7
    assert sizes[-1] <= 2


def test_a_batch_that_batchnorm_needs_whole_is_not_split(batch):
    """Splitting would change the loss under batch statistics, and is refused."""
    with pytest.raises(VitworkError, match="BatchNorm uses its statistics"):
        top_eigenvalues(build("convolution"), [batch], batchnorm="train", micro_batch=3)


@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_the_model_is_left_as_found(batch, batchnorm):
    """Mode, weights, buffers, requires_grad and gradients are untouched, and no_grad around the call does no harm."""
    model = build("convolution").train()
    model[5].bias.requires_grad_(False)
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        found = top_eigenvalues(model, [batch], batchnorm=batchnorm)
    assert torch.isfinite(found.eigenvalues).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert [value.requires_grad for value in model.parameters()] == [True] * 5 + [False]
    assert all(torch.equal(value.grad, torch.ones_like(value)) for value in model.parameters())


def test_frozen_parameters_are_left_out(batch):
    """The Hessian is in the trainable parameters: that of the rest is a sub-block."""
    model = build("convolution")
    whole = dense(model, batch)
    for value in list(model.parameters())[2:]:
        value.requires_grad_(False)
    values = torch.linalg.eigvalsh(whole[:84, :84])
    found = top_eigenvalues(model, [batch], 2)
    torch.testing.assert_close(
        found.eigenvalues[0], values[values.abs().argsort(descending=True)[:2]], rtol=1e-3, atol=0
    )


def test_unused_parameters_have_no_curvature(batch):
    """A parameter that the loss does not depend on has a row of zeros instead of crashing the measurement."""
    model = build("convolution")
    expected = top_eigenvalues(model, [batch], tolerance=1e-8).eigenvalues
    model.register_parameter("idle", nn.Parameter(torch.ones(4).double()))
    torch.testing.assert_close(top_eigenvalues(model, [batch], tolerance=1e-8).eigenvalues, expected, rtol=1e-7, atol=0)


def test_randomness_in_eval_mode_is_detected(batch):
    """A loss that changes between two passes of one batch is refused before any number."""

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = build("convolution")

        def forward(self, x):
            return F.dropout(self.net(x), 0.5, training=True)

    with pytest.raises(VitworkError, match="random in eval mode"):
        top_eigenvalues(Noisy(), [batch])


def test_conditions_that_a_user_can_mend_are_named(batch):
    """No batch, no example, nothing trainable, weights that are not finite: one sentence each."""
    model = build("convolution")
    with pytest.raises(VitworkError, match="no batch"):
        top_eigenvalues(model, [])
    with pytest.raises(VitworkError, match="no example"):
        top_eigenvalues(model, [(batch[0][:0], batch[1][:0])])
    with pytest.raises(VitworkError, match="no trainable parameter"):
        top_eigenvalues(build("convolution").requires_grad_(False), [batch])
    model[0].weight.data[0] = float("nan")
    with pytest.raises(VitworkError, match="not finite"):
        top_eigenvalues(model, [batch])


def test_losses_without_a_real_hessian_are_refused(batch):
    """Complex parameters, a penalty that is negative or not finite, and modules of torch.jit are one sentence each."""
    for wrong in (-1e-4, math.nan, math.inf, "1e-4"):
        for call in (top_eigenvalues, density, trace):
            with pytest.raises(VitworkError, match="weight_decay is a finite number, 0 or more, not"):
                call(build("convolution"), [batch], weight_decay=wrong)
    model = build("convolution")
    model.register_parameter("phase", nn.Parameter(torch.ones(2, dtype=torch.complex64)))
    for call in (top_eigenvalues, density, trace, landscape.surface):
        with pytest.raises(VitworkError, match="the parameter phase is complex64"):
            call(model, [batch])


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_weights_of_few_digits_are_refused(batch, kind):
    """Half precision rounds by more than most eigenvalues, and two precisions have no common vector."""
    for call in (top_eigenvalues, density, trace, blockwise, landscape.surface):
        with pytest.raises(VitworkError, match=f"{str(kind)[6:]}, too coarse for curvature: convert the model with"):
            call(build("attention").to(kind), [batch])
    mixed = build("convolution").float()
    mixed[5].double()
    for call in (top_eigenvalues, density, trace):
        with pytest.raises(VitworkError, match="the parameters are of two precisions"):
            call(mixed, [batch])


class Rounded(nn.Module):
    """Weights in single precision, and logits of less."""

    def __init__(self, kind):
        super().__init__()
        self.inner, self.kind = build("attention"), kind

    def forward(self, x):
        return self.inner(x).to(self.kind)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_logits_of_few_digits_are_refused_as_what_they_are(batch, kind):
    """Not for a gradient that misses a part of the loss, which is what their rounding looks like."""
    for call in (top_eigenvalues, density, trace, blockwise, landscape.surface):
        with pytest.raises(
            VitworkError, match=rf"logits of less than single precision \({str(kind)[6:]}\), too coarse"
        ):
            call(Rounded(kind), [batch])


def test_weights_without_values_are_refused(batch):
    """Models on the meta device and lazy layers have nothing to measure yet."""
    for model in (build("attention").to("meta"), nn.Sequential(nn.Flatten(), nn.LazyLinear(3))):
        for call in (top_eigenvalues, density, trace, blockwise, landscape.surface):
            with pytest.raises(VitworkError, match="the model has weights without values"):
                call(model, [batch])


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_traced_and_scripted_models_are_refused(batch):
    """A whole model of torch.jit takes no other weights, but a scripted part of a model does no harm."""
    model = build("attention").eval()
    for jitted in (torch.jit.trace(model, batch[0]), torch.jit.script(build("convolution"))):
        for call in (top_eigenvalues, density, trace, blockwise, landscape.surface):
            with pytest.raises(VitworkError, match=r"traced or scripted by torch\.jit"):
                call(jitted, [batch])
    model, expected = build("convolution"), top_eigenvalues(build("convolution"), [batch]).eigenvalues
    model[2] = torch.jit.script(model[2])
    torch.testing.assert_close(top_eigenvalues(model, [batch]).eigenvalues, expected)


def test_numbers_of_eigenvalues_that_there_are_not_are_refused(batch):
    """The number of eigenvalues is a positive whole one, and no more than there are."""
    model = build("attention")
    for call in (top_eigenvalues, blockwise):
        for wrong in (0, -1, 2.5, "2", None):
            with pytest.raises(VitworkError, match="k is a whole number of eigenvalues, 1 or more, not"):
                call(model, [batch], wrong)
    size = sum(p.numel() for p in model.parameters())
    with pytest.raises(VitworkError, match=f"k is {size + 1}, but the Hessian in these parameters has {size} eigen"):
        top_eigenvalues(model, [batch], size + 1)


def test_vectors_of_other_than_finite_real_numbers_are_refused(batch):
    """A product with NaN, infinity, a complex vector or a list is refused before it is computed."""
    model = build("attention")
    vector = torch.ones(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    for wrong, words in (
        (vector * math.nan, "is not finite"),
        (vector * math.inf, "is not finite"),
        (vector.cfloat(), "a tensor of real numbers"),
        (vector.tolist(), "a tensor of real numbers"),
    ):
        with pytest.raises(VitworkError, match=words):
            hvp(model, [batch], wrong)


def test_each_batch_is_measured_by_itself_and_repeats(batch):
    """A batch's eigenvalues do not depend on the batches before it, and the same call gives the same bits."""
    model = build("attention")
    other = (batch[0].flip(0) * 2, batch[1])
    both = top_eigenvalues(model, [other, batch])
    alone = top_eigenvalues(model, [batch])
    assert torch.equal(both.eigenvalues[1], alone.eigenvalues[0])
    assert both.batch_sizes == (7, 7)
    assert torch.equal(top_eigenvalues(model, [batch]).eigenvalues, alone.eigenvalues)


def test_nep_and_ape_pool_all_values():
    """NEP is the share below zero and APE the mean of the positive values; without any positive value APE is NaN."""
    values = torch.tensor([[4.0, -2.0], [2.0, 0.0]]).double()
    facts = ((1, 1), (1, 1), (True, True), "magnitude", "eval", Cost(2, 0.0, None))
    spectrum = Spectrum(values, values * 0, *facts)
    assert spectrum.nep == 0.25
    assert spectrum.ape == 3.0
    nothing = Spectrum(-values.abs(), values * 0, *facts)
    assert math.isnan(nothing.ape)


def test_extremes_have_neither_nep_nor_ape(batch):
    """Half of the signed extremes come from the lower end whatever the loss, so their share below zero is refused."""
    extremes = top_eigenvalues(build("attention"), [batch], 2, which="extremes")
    for name in ("nep", "ape"):
        with pytest.raises(VitworkError, match="largest magnitude"):
            getattr(extremes, name)


def test_results_say_what_they_took(batch):
    """Images, time and memory stand beside eigenvalues, density and trace."""
    model, data = build("attention"), [batch, (batch[0][:2], batch[1][:2])]
    for found in (
        top_eigenvalues(model, data, 1),
        density(model, data, steps=2, probes=1),
        trace(model, data, products=3),
    ):
        assert found.cost.images == 9
        assert found.cost.seconds > 0


def test_misspelt_options_and_numbers_below_one_are_refused(batch):
    """Another word for an option, or a vector of another size, is one sentence and never another computation."""
    model = build("convolution")
    for options, words in (
        ({"which": "largest"}, "which is 'magnitude' or 'extremes' or 'survey', not 'largest'"),
        ({"batchnorm": "recalibrated"}, "batchnorm is 'eval' or 'train', not 'recalibrated'"),
        ({"at_once": 0}, "at_once is 1 or more, not 0"),
        ({"max_products": 0}, "max_products is 1 or more, not 0"),
        ({"seed": "x"}, "seed is a whole number, 0 or more, not 'x'"),
        ({"tolerance": math.nan}, "tolerance is a number between 0 and 1, not nan"),
        ({"tolerance": -1.0}, "tolerance is a number between 0 and 1, not -1"),
        ({"tolerance": 0}, "tolerance is a number between 0 and 1, not 0"),
        ({"tolerance": "1e-3"}, "tolerance is a number between 0 and 1, not '1e-3'"),
    ):
        with pytest.raises(VitworkError, match=words):
            top_eigenvalues(model, [batch], **options)
    vector = torch.zeros(sum(p.numel() for p in model.parameters())).double()
    for call in (top_eigenvalues, density, trace, lambda *given, **options: hvp(*given, vector, **options)):
        with pytest.raises(VitworkError, match="micro_batch is 1 or more, not 0"):
            call(model, [batch], micro_batch=0)
    for call in (density, trace):
        with pytest.raises(VitworkError, match="seed is a whole number, 0 or more, not 'x'"):
            call(model, [batch], seed="x")
    for wrong in (vector[1:], vector[None]):
        with pytest.raises(VitworkError, match=rf"does not fit a Hessian in {len(vector)} parameters"):
            hvp(model, [batch], wrong)


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("kind", NETS)
def test_pyhessian_agrees(kind, batch):
    """PyHessian's power iteration, run to a fine tolerance, finds the same top eigenvalue (in float32, its precision)."""
    pyhessian = pytest.importorskip("pyhessian")
    model = build(kind).float()
    data = batch[0].float(), batch[1]
    found = top_eigenvalues(model, [data], 2)
    with math_attention():
        other = pyhessian.hessian(model, nn.CrossEntropyLoss(), data=data, cuda=False)
        (value,), _ = other.eigenvalues(maxIter=500, tol=1e-6, top_n=1)
    assert float(found.eigenvalues[0, 0]) == pytest.approx(value, rel=2e-3)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("kind", NETS)
def test_curvlinops_agrees(kind, batch):
    """curvlinops' Hessian operator over ragged batches gives the same products."""
    curvlinops = pytest.importorskip("curvlinops")
    model = build(kind).eval()
    # curvlinops 3.0.1 on torch 2.15 is wrong in the rows of a LayerNorm's weight, as dense Hessians and finite
    # differences show, so this oracle judges the net without it.
    model.norm = nn.Identity()
    data = [(batch[0][:5], batch[1][:5]), (batch[0][5:], batch[1][5:])]
    vector = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    with math_attention():
        operator = curvlinops.HessianLinearOperator(model, nn.CrossEntropyLoss(), list(model.parameters()), data)
        expected = operator @ vector
    torch.testing.assert_close(hvp(model, data, vector), expected)


def test_blocks_of_the_hessian(batch):
    """A group's spectrum is that of its diagonal block; a group smaller than k gives what it has."""
    model = build("convolution")
    whole = dense(model, batch)
    groups = {"kernel": ["0.weight"], "norm": ["1.weight", "1.bias"]}
    found = blockwise(model, [batch], 7, groups=groups, tolerance=1e-8)
    for name, (low, high) in {"kernel": (0, 81), "norm": (84, 90)}.items():
        values = torch.linalg.eigvalsh(whole[low:high, low:high])
        expected = values[values.abs().argsort(descending=True)[:7]]
        torch.testing.assert_close(found[name].eigenvalues[0], expected, rtol=1e-6, atol=1e-9)
    assert found["norm"].eigenvalues.shape == (1, 6)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["0.weight", "0.wieght"], r"the group kernel is to be a list .* but names 0\.wieght$"),
        ("0.weight", r"names 0\.weight$"),
        ([], "names nothing$"),
    ],
)
def test_groups_that_name_no_parameter_are_refused(batch, names, words):
    """A misspelt name, or text in place of a list, would leave parameters out of a block without a word."""
    with pytest.raises(VitworkError, match=words):
        blockwise(build("convolution"), [batch], groups={"kernel": names})


def test_a_products_graph_is_kept_for_one_pass_only(batch, monkeypatch):
    """Products on one pass differentiate once; a loss in several passes rebuilds each, so that one is held at a time."""
    model, calls = build("attention"), []
    real = HessianOperator._gradient_of
    monkeypatch.setattr(
        HessianOperator, "_gradient_of", lambda self, *a, **k: (calls.append(1), real(self, *a, **k))[1]
    )
    for micro, expected in ((None, 1), (4, 4)):
        calls.clear()
        operator = HessianOperator(model, [batch], micro_batch=micro)
        for _ in range(2):
            operator(torch.ones(operator.size, dtype=torch.float64))
        assert len(calls) == expected


def test_the_public_names_are_there():
    """What the package promises lives in this module."""
    assert {"density", "trace", "hvp", "blockwise", "top_eigenvalues", "Spectrum", "Density"} <= set(dir(hessian))
