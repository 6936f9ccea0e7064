"""Hessian products that are captured and replayed; on a CPU operations are recorded as a CUDA graph records kernels."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from cpu_graph import noting

from tests.analysis.exact import NETWORKS, minibatch, network
from vitwork.analysis.curvature.minibatches import stacked
from vitwork.analysis.curvature.operator import HessianOperator
from vitwork.analysis.hessian import density, top_eigenvalues
from vitwork.device import graphs


@pytest.fixture
def on_a_cpu(monkeypatch):
    """Let products on a CPU be captured; gives the functions that were."""
    made = []
    monkeypatch.setattr(graphs, "capture_on", lambda device: noting(made))
    return made


def minibatches(count):
    return [minibatch(5, seed) for seed in range(count)]


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_replayed_products_are_computed_ones(on_a_cpu, kind, batchnorm):
    """A Hessian's products are captured once, at the second, and those replayed are the same for other vectors."""
    model, batches = network(kind), minibatches(1)
    operator = HessianOperator(model, batches, 0.1, batchnorm=batchnorm)
    vectors = torch.randn(5, operator.size, dtype=torch.float64)
    products = [operator(vector) for vector in vectors]
    assert len(on_a_cpu) == 1
    for vector, product in zip(vectors, products, strict=True):
        fresh = HessianOperator(model, batches, 0.1, batchnorm=batchnorm)
        torch.testing.assert_close(product, fresh(vector), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("at_once", [1, 3])
def test_spectra_by_replays(request, kind, at_once):
    """Eigenvalues, residuals and the number of products are those of computed products, one by one and at once."""
    model, batches = network(kind), minibatches(3)
    computed = top_eigenvalues(model, batches, k=3, at_once=at_once)
    made = request.getfixturevalue("on_a_cpu")
    replayed = top_eigenvalues(model, batches, k=3, at_once=at_once)
    assert len(made) == {1: 3, 3: 1}[at_once]
    assert replayed.products == computed.products
    torch.testing.assert_close(replayed.eigenvalues, computed.eigenvalues, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(replayed.residuals, computed.residuals, rtol=1e-4, atol=1e-9)


def test_a_density_by_replays(request):
    """Quadrature, whose products all go to one operator, captures once and finds the same nodes."""
    model, batches = network("vit"), minibatches(1)
    computed = density(model, batches, steps=6, probes=2)
    made = request.getfixturevalue("on_a_cpu")
    replayed = density(model, batches, steps=6, probes=2)
    assert len(made) == 1
    torch.testing.assert_close(replayed.nodes, computed.nodes, rtol=1e-8, atol=1e-10)


def test_several_passes_are_not_captured(on_a_cpu):
    """A loss of several passes rebuilds each, and one product needs no capture."""
    model, batches = network("vit"), minibatches(2)
    operator = HessianOperator(model, batches)
    for _ in range(3):
        operator(torch.ones(operator.size, dtype=torch.float64))
    HessianOperator(model, batches[:1])(torch.ones(operator.size, dtype=torch.float64))
    assert not on_a_cpu


def test_at_once_and_alone_are_timed_by_replays(on_a_cpu, monkeypatch):
    """What is compared is what each costs from then on."""
    model, batches = network("vit"), minibatches(2)
    operator, ready = HessianOperator(model, batches[:1]), []
    monkeypatch.setattr("vitwork.analysis.curvature.minibatches.seconds", lambda *_: ready.append(len(on_a_cpu)) or 1.0)
    assert stacked(operator, batches) is not None
    assert ready == [2, 2]


def test_an_operator_is_freed_at_once(on_a_cpu):
    """Nothing refers back to an operator, whose graph is large: it goes with its last name, without garbage collection."""
    operator = HessianOperator(network("vit"), minibatches(1))
    operator(torch.ones(operator.size, dtype=torch.float64))
    gone = weakref.ref(operator)
    gc.disable()
    try:
        del operator
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("batchnorm", ["eval", "train"])
def test_a_cuda_graph_multiplies_as_the_cpu_does(kind, batchnorm):
    """On a GPU products are indeed captured, alone and at once, and are the CPU's."""
    model, batches = network(kind), minibatches(2)
    vectors = torch.randn(4, sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    operator = HessianOperator(model, batches[:1], batchnorm=batchnorm)
    expected = [operator(vector) for vector in vectors]
    operator = HessianOperator(model.cuda(), batches[:1], batchnorm=batchnorm)
    together = stacked(operator, batches, forced=True)
    assert together is not None
    for vector, product in zip(vectors, expected, strict=True):
        for found in (operator(vector.cuda()), together([vector.cuda()] * 2)[0]):
            torch.testing.assert_close(found.cpu(), product, rtol=1e-6, atol=1e-9)
    assert operator._kept.replay is not None
    assert together._without_decay.replay is not None
