"""The replaced functions are equal to torch's, to their second derivatives."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from vitwork.analysis.curvature.second_derivatives.mode import CheapSecondDerivatives
from vitwork.device import onednn

needs_onednn = pytest.mark.skipif(
    not onednn.available(), reason="this torch has no oneDNN, or its processor is too old"
)


def draw(*shape, grad=True):
    generator = torch.Generator().manual_seed(sum(shape) + 17 * len(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_(grad)


def softmaxes(x):
    return F.softmax(x, -1) + torch.softmax(x, dim=1) * x.softmax(dim=-1)


def one_fixed(x, weight, bias, constant):
    """Leave out each argument's derivative once, and all but the bias'."""
    fixed_input, fixed_weight = F.linear(constant, weight, bias), F.linear(x, constant, bias)
    return F.linear(fixed_input, weight) * fixed_weight * F.linear(constant, constant, bias)


def norm(x, weight, bias):
    mean, variance = torch.tensor([0.3, -0.2]).double(), torch.tensor([1.5, 0.7]).double()
    return F.batch_norm(x, mean, variance, weight, bias) + F.batch_norm(x, mean, variance)


def convolved(x, kernel, weight, bias):
    return norm(F.conv2d(x, kernel, stride=2), weight, bias) * norm(F.conv2d(x, kernel, bias, 2), weight, bias)


def layer_norm(x, weight, bias):
    return F.layer_norm(x, (5,), weight, bias, 0.1) + F.layer_norm(x, (3, 5), weight.expand(3, 5), None).square()


def masked(q, k, v):
    mask = torch.zeros(3, 3).double().masked_fill(torch.eye(3) > 0, float("-inf"))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.4)


CASES = {
    "convolution": (partial(F.conv2d, padding=1), (draw(2, 2, 4, 4), draw(3, 2, 3, 3), draw(3))),
    "strided": (partial(F.conv2d, stride=2, padding=(1, 0)), (draw(1, 2, 5, 5), draw(2, 2, 3, 3))),
    "grouped": (partial(F.conv2d, dilation=2, groups=2), (draw(1, 4, 5, 5), draw(4, 2, 2, 2))),
    "patches": (partial(F.conv2d, stride=2), (draw(2, 3, 4, 4, grad=False), draw(2, 3, 2, 2))),
    "frozen kernel": (F.conv2d, (draw(1, 2, 4, 4), draw(2, 2, 3, 3, grad=False))),
    "same": (partial(F.conv2d, padding="same"), (draw(1, 2, 3, 3), draw(2, 2, 3, 3))),
    "linear": (F.linear, (draw(2, 3, 4), draw(5, 4), draw(5))),
    "linear, one argument fixed": (one_fixed, (draw(4, 4), draw(4, 4), draw(4), draw(4, 4, grad=False))),
    "gelu": (F.gelu, (draw(3, 5),)),
    "gelu, then changed in place": (lambda x: F.gelu(input=x).mul_(x), (draw(3, 5),)),
    "hard sigmoid": (F.hardsigmoid, (draw(3, 5),)),
    "an image without a batch": (F.conv2d, (draw(2, 4, 4), draw(2, 2, 3, 3))),
    "softmax of another precision": (
        lambda x: torch.softmax(input=x, dim=-1) + torch.softmax(x, -1, torch.float64),
        (draw(3, 4),),
    ),
    "one value for all heads": (F.scaled_dot_product_attention, (draw(2, 2, 3, 4), draw(2, 2, 3, 4), draw(1, 1, 3, 5))),
    "tanh gelu": (partial(F.gelu, approximate="tanh"), (draw(3, 5),)),
    "softmax": (softmaxes, (draw(3, 4),)),
    "attention": (F.scaled_dot_product_attention, (draw(2, 3, 4), draw(2, 3, 4), draw(2, 3, 5))),
    "masked attention": (masked, (draw(2, 3, 4), draw(2, 3, 4), draw(2, 3, 5))),
    "layer norm": (partial(F.layer_norm, normalized_shape=(5,)), (draw(2, 3, 5),)),
    "scaled layer norm": (layer_norm, (draw(2, 3, 5), draw(5), draw(5))),
    "batch norm after a convolution": (convolved, (draw(2, 2, 4, 4), draw(2, 2, 2, 2), draw(2), draw(2))),
    "after a fixed kernel": (convolved, (draw(2, 2, 4, 4), draw(2, 2, 2, 2, grad=False), draw(2), draw(2))),
    "fixed, after a convolution": (
        convolved,
        (draw(2, 2, 4, 4), draw(2, 2, 2, 2), draw(2, grad=False), draw(2, grad=False)),
    ),
    "batch norm": (norm, (draw(3, 2, 2, 2), draw(2), draw(2))),
}


@pytest.mark.parametrize("case", CASES)
def test_values_gradients_and_second_derivatives(case):
    """Values equal torch's; gradients and second derivatives equal finite differences."""
    function, inputs = CASES[case]
    expected = function(*inputs)
    with CheapSecondDerivatives():
        torch.testing.assert_close(function(*inputs), expected)

    def replaced(*args):
        with CheapSecondDerivatives():
            return function(*args)

    assert gradcheck(replaced, inputs)
    assert gradgradcheck(replaced, inputs)


def test_batch_statistics_are_left_to_torch():
    """BatchNorm over the batch's own statistics, and attention with dropout or boolean masks, are not replaced."""
    x, mask = draw(4, 2, 2, 2), torch.eye(2).bool()
    with CheapSecondDerivatives():
        torch.testing.assert_close(F.batch_norm(x, None, None, training=True).mean(), torch.tensor(0.0).double())
        found = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    torch.testing.assert_close(found, x)


def curvature(x, weight, bias, direction):
    loss = torch.tanh(F.linear(torch.tanh(F.linear(x, weight, bias)), weight)).square().sum()
    gradients = torch.autograd.grad(loss, (weight, bias, x), create_graph=True)
    return torch.autograd.grad(gradients, (weight, bias, x), direction)


@pytest.mark.parametrize("by_onednn", [False, pytest.param(True, marks=needs_onednn)])
@pytest.mark.parametrize("rows", [(), (5,)])
def test_linear_layers_in_single_precision(monkeypatch, rows, by_onednn):
    """Products of linear layers, by oneDNN too, equal torch's in double precision, for rows and for rows of rows."""
    monkeypatch.setattr(onednn, "pays", lambda: by_onednn)
    inputs = draw(*rows, 7, 4), draw(4, 4), draw(4)
    direction = [value.detach().cos() for value in (inputs[1], inputs[2], inputs[0])]
    expected = curvature(*inputs, direction)
    with CheapSecondDerivatives():
        found = curvature(
            *(value.detach().float().requires_grad_() for value in inputs), [value.float() for value in direction]
        )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5)


def test_frozen_linear_layers():
    """A linear layer whose weight is frozen still passes curvature on to what lies below."""
    x, below, frozen = draw(3, 4).float(), draw(4, 4).detach().float().requires_grad_(), draw(2, 4, grad=False).float()
    found = []
    for mode in (torch.enable_grad(), CheapSecondDerivatives()):
        with mode:
            loss = F.linear(torch.tanh(F.linear(x.detach(), below)), frozen).square().sum()
            (gradient,) = torch.autograd.grad(loss, below, create_graph=True)
            found += torch.autograd.grad(gradient, below, torch.ones_like(below))
    torch.testing.assert_close(*found)
