"""A function that is captured and replayed; on a CPU operations are recorded as a CUDA graph records kernels."""

from __future__ import annotations

import itertools

import pytest
import torch
from cpu_graph import cpu_graph

from vitwork.device.graphs import aside, capture_on, cuda_graph
from vitwork.device.replay import Replayed, alike

WARM_UP = 3


def adding(total, disturbance=lambda x: x, capture=cpu_graph):
    """Return a replayed function that adds its input's sum to a total, and what notes each time that Python ran it."""
    ran = []

    def compute(x):
        ran.append(1)
        total.add_(disturbance(x).sum())

    return Replayed(compute, capture, state=lambda: [total], warm_up=WARM_UP, tolerance=0.1), ran


def doubling(double, capture=cpu_graph):
    """Return a replayed map of a vector."""
    return Replayed(double, capture, warm_up=1, tolerance=1e-3)


def twice(vector):
    return 2 * vector


def test_other_shapes_are_computed():
    """Only inputs of the captured shape are replayed; all count once."""
    total = torch.zeros(())
    add, ran = adding(total)
    for _ in range(WARM_UP + 3):
        add(torch.ones(4))
    assert len(ran) == WARM_UP + 2  # the warm-up, one call to compare with, and the capture
    add(torch.ones(3))
    assert len(ran) == WARM_UP + 3
    assert total == 4 * (WARM_UP + 3) + 3
    assert add.note == "steps replayed as one graph"


@pytest.mark.parametrize("disturbance", [lambda x: x + 0 * x.sum().item(), lambda x: x + 0 * float(torch.rand(()))])
def test_what_cannot_be_captured_is_computed(disturbance):
    """A function that reads a value back keeps being computed, and says why."""
    total = torch.zeros(())
    add, ran = adding(total, disturbance)
    for _ in range(WARM_UP + 3):
        add(torch.ones(4))
    assert total == 4 * (WARM_UP + 3)
    assert len(ran) == WARM_UP + 4
    assert "not permitted when stream is capturing" in add.note


def test_a_wrong_capture_is_noticed():
    """A function that changes its way from call to call differs from its replay, and is computed from then on."""
    total, ways = torch.zeros(()), []

    def changing(x):
        ways.append(1)
        return x * len(ways)

    add, _ = adding(total, changing)
    for _ in range(WARM_UP + 2):
        add(torch.ones(1))
    assert add.note == "steps not recorded (a replay differed)"
    assert len(ways) == WARM_UP + 3
    assert total == sum([*range(1, WARM_UP + 2), WARM_UP + 3])


def test_a_result_belongs_to_the_caller():
    """A replayed result stays when the next is made, and its vector may change."""
    double, vector = doubling(twice), torch.ones(3)
    results = [double(vector) for _ in range(4)]
    assert double.replay is not None
    results[2].zero_()
    vector.fill_(5)
    assert double(vector).tolist() == [10, 10, 10]
    assert results[3].tolist() == [2, 2, 2]


def test_a_result_that_differs_in_its_replay_is_computed():
    """A map that draws is not replayed, though it changes nothing in place."""
    torch.manual_seed(0)  # draws that are by chance within the tolerance of each other would be replayed
    double = doubling(lambda vector: vector * 2 * (1 + 0.1 * torch.rand(())))
    for number in range(1, 6):
        result = double(torch.full((3,), 1.0 * number))
        torch.testing.assert_close(result, torch.full((3,), 2.0 * number), rtol=0.1, atol=0)
    assert double.replay is None


def test_memory_for_the_capture_may_lack():
    """Where memory suffices for a computation but not for capturing it, all calls are computed."""

    def capture(compute):
        raise torch.OutOfMemoryError("no")

    double = doubling(twice, capture)
    assert [double(torch.ones(1)).item() for _ in range(4)] == [2] * 4


def test_numbers_that_are_not_finite_are_alike():
    """A training that has diverged is no reason to doubt its capture; becoming infinite in a replay alone is."""
    nan, one = torch.tensor([torch.nan, 1.0]), torch.tensor([2.0, 1.0])
    assert alike([one], [nan], [nan.clone()], 0.1)
    assert not alike([one], [one + 1], [nan], 0.1)


def test_a_cpu_captures_nothing():
    """On a GPU work is captured by CUDA graphs; a CPU computes where it is."""
    assert capture_on(torch.device("cuda:0")) is cuda_graph
    assert capture_on(torch.device("cpu")) is None
    double = doubling(twice, capture_on(torch.device("cpu")))
    with aside(torch.device("cpu")):
        assert [double(torch.ones(1)).item() for _ in range(4)] == [2] * 4
    assert double.replay is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_what_draws_is_replayed():
    """Dropout draws in a replay what it drew in the computation that it is compared with, and something new later."""
    total = torch.zeros(1000, device="cuda")

    def compute(x):
        total.copy_(torch.nn.functional.dropout(x))

    draw = Replayed(compute, cuda_graph, state=lambda: [total], warm_up=WARM_UP, tolerance=0.1)
    seen = []
    with torch.cuda.stream(torch.cuda.Stream()):
        for _ in range(WARM_UP + 3):
            draw(torch.ones(1000, device="cuda"))
            seen.append(total.clone())
        torch.cuda.synchronize()
    assert draw.note == "steps replayed as one graph"
    assert not any(torch.equal(one, other) for one, other in itertools.pairwise(seen))
