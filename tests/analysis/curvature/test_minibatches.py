"""Several mini-batches' Hessians at once against each by itself, in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.analysis.exact import NETWORKS, minibatch, network
from vitwork.analysis.curvature import minibatches
from vitwork.analysis.curvature.minibatches import StackedHessians, stacked
from vitwork.analysis.curvature.operator import HessianOperator, trainable
from vitwork.analysis.hessian import top_eigenvalues
from vitwork.errors import VitworkError


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("batchnorm", ["eval", "train"])
@pytest.mark.parametrize("soft", [False, True])
def test_products_at_once_are_those_of_each_alone(kind, batchnorm, soft):
    """Whatever the network, the statistics and the targets, every mini-batch's product is its own."""
    model, batches = network(kind), [minibatch(4, seed, soft=soft) for seed in range(3)]
    alone = [HessianOperator(model, [batch], 0.1, batchnorm=batchnorm) for batch in batches]
    vectors = [torch.randn(alone[0].size, dtype=torch.float64) for _ in batches]
    together = StackedHessians(alone[0], batches)
    for operator, vector, product in zip(alone, vectors, together(vectors), strict=True):
        torch.testing.assert_close(product, operator(vector), rtol=1e-9, atol=1e-10)


def test_a_part_of_the_parameters():
    """The Hessian of a block, and of a model with parameters that the loss does not see, is the same at once."""
    model, batches = network("vit"), [minibatch(4, seed) for seed in range(2)]
    model.register_parameter("unused", nn.Parameter(torch.ones(2, dtype=torch.float64)))
    for select in (trainable, lambda name, _: "norm" in name or name == "unused"):
        alone = [HessianOperator(model, [batch], select=select) for batch in batches]
        vectors = [torch.ones(alone[0].size, dtype=torch.float64) for _ in batches]
        for operator, vector, product in zip(alone, vectors, StackedHessians(alone[0], batches)(vectors), strict=True):
            torch.testing.assert_close(product, operator(vector), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", NETWORKS)
def test_spectra_at_once_are_those_one_by_one(kind):
    """Eigenvalues, residuals, products and order are the same, with a short last mini-batch that has to go alone."""
    model, batches = network(kind), [minibatch(5, seed) for seed in range(4)] + [minibatch(3, 9)]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    one, many = (top_eigenvalues(model, iter(batches), k=3, at_once=count) for count in (1, 3))
    torch.testing.assert_close(many.eigenvalues, one.eigenvalues, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(many.residuals, one.residuals, rtol=1e-4, atol=1e-9)
    assert many.products == one.products
    assert many.batch_sizes == one.batch_sizes == (5, 5, 5, 5, 3)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_fewer_at_once_where_memory_runs_out(monkeypatch):
    """A group that does not fit is halved until it does, and nothing is lost."""
    model, batches, tried = network("vit"), [minibatch(4, seed) for seed in range(5)], []
    stacking = minibatches.stacked

    def scarce(operator, group, **options):
        tried.append(len(group))
        if len(group) > 2:
            raise torch.OutOfMemoryError("no")
        return stacking(operator, group, **options)

    monkeypatch.setattr(minibatches, "stacked", scarce)
    found = top_eigenvalues(model, batches, k=2, at_once=5)
    assert tried == [5, 2, 2]
    torch.testing.assert_close(found.eigenvalues, top_eigenvalues(model, batches, k=2).eigenvalues)


class Contrary(nn.Module):
    """A network whose way depends on its input's values."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 3).double()

    def forward(self, x):
        y = self.head(x.flatten(1))
        return y.tanh() if x.sum() > 0 else y.sin()


def test_what_cannot_be_batched_goes_one_by_one():
    """A network that vmap refuses is measured all the same."""
    torch.manual_seed(0)
    model, batches = Contrary(), [minibatch(4, seed) for seed in range(3)]
    assert stacked(HessianOperator(model, batches[:1]), batches, forced=True) is None
    one, many = (top_eigenvalues(model, batches, k=2, at_once=count) for count in (1, 3))
    assert torch.equal(one.eigenvalues, many.eigenvalues)


def test_a_wrong_computation_at_once_is_not_used(monkeypatch):
    """Before several are computed at once, one product is compared with that of its mini-batch alone."""
    model, batches = network("vit"), [minibatch(4, seed) for seed in range(2)]
    operator = HessianOperator(model, batches[:1])
    assert stacked(operator, batches, forced=True) is not None
    product = StackedHessians._product
    monkeypatch.setattr(StackedHessians, "_product", lambda self, vectors: 1.01 * product(self, vectors))
    assert stacked(operator, batches, forced=True) is None


@pytest.mark.parametrize(("several", "chosen"), [(2.9, True), (3.1, False)])
def test_at_once_only_where_it_pays(monkeypatch, several, chosen):
    """Unasked, several go at once when their product takes less than theirs one by one."""
    model, batches = network("vit"), [minibatch(4, seed) for seed in range(3)]
    taken = iter([several, 1.0])
    monkeypatch.setattr(minibatches, "seconds", lambda *_: next(taken))
    assert (stacked(HessianOperator(model, batches[:1]), batches) is not None) == chosen


def test_conditions_are_named_at_once_as_one_by_one():
    """A model that is random in evaluation mode, or a loss that is not finite, is refused with the same sentence."""
    model, batches = network("vit"), [minibatch(4, seed) for seed in range(2)]
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(VitworkError, match="not finite"):
        top_eigenvalues(model, batches, k=2, at_once=2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_gpu_finds_the_same_spectra_at_once(kind):
    """On a GPU, at once or not, spectra are the CPU's."""
    model, batches = network(kind), [minibatch(5, seed) for seed in range(4)]
    expected = top_eigenvalues(model, batches, k=3)
    for at_once in (1, 4, None):
        found = top_eigenvalues(model.cuda(), batches, k=3, at_once=at_once)
        torch.testing.assert_close(found.eigenvalues.cpu(), expected.eigenvalues, rtol=1e-6, atol=1e-9)
        model.cpu()
