"""The pretended GPU refuses what a GPU refuses, allows what it allows, and computes the same."""

from __future__ import annotations

import pytest
import torch
from pretend_gpu import pretend_gpu
from torch.func import vmap
from torch.nn import functional as F

REFUSED = {
    "a tensor of the CPU": lambda x: x + torch.ones(4),
    "a tensor of the GPU in one of the CPU": lambda x: torch.ones(4).add_(x[0]),
    "a number of the GPU in a tensor of the CPU": lambda x: torch.ones(4).mul_(x[0, 0]),
    "numbers of two devices stacked": lambda x: torch.stack([x[0, 0], torch.tensor(1.0)]),
    "parts of two devices": lambda x: torch.cat([x[0], torch.ones(1)]),
    "weights of the CPU": lambda x: F.linear(x, torch.ones(2, 4)),
    "rows chosen by the CPU": lambda x: x.index_select(0, torch.tensor([0])),
    "an index of the GPU on the CPU": lambda x: torch.ones(4)[x[0].long()],
    "values of the CPU": lambda x: x.clone().index_put_((torch.tensor([0]),), torch.ones(1, 4)),
    "a generator of the CPU": lambda x: torch.rand(3, generator=torch.Generator(), device=x.device),
    "a generator of the GPU on the CPU": lambda x: torch.rand(3, generator=torch.Generator(x.device)),
    "numpy": lambda x: x.numpy(),
    "products of integers": lambda x: x.long() @ x.long().T,
}


@pytest.mark.parametrize("mistake", REFUSED.values(), ids=REFUSED)
def test_mistakes_raise(mistake):
    """What fails on a GPU fails here."""
    with pretend_gpu() as gpu:
        x = torch.arange(12.0, device=gpu).view(3, 4)
        with pytest.raises((RuntimeError, TypeError)):
            mistake(x)


ALLOWED = {
    "a number of the CPU": lambda x: x + torch.tensor(2.0),
    "a number of the CPU where it holds": lambda x: torch.where(x > 1, torch.tensor(2.0), x),
    "an index of the CPU": lambda x: x[torch.tensor([0, 2])],
    "a mask of the CPU": lambda x: x[torch.tensor([True, False, True])],
    "a number of the CPU at an index": lambda x: x.clone().index_put_((torch.tensor([0]),), torch.tensor(1.0)),
    "copies": lambda x: torch.zeros(3, 4, device=x.device).copy_(x.cpu()),
    "tensors of Python numbers": lambda x: torch.tensor([1.0, 2.0], device=x.device) + x.new_tensor([1.0, 2.0]),
    "complex numbers": lambda x: (torch.fft.fft2(x).conj() * torch.fft.fft2(x)).real,
    "a generator of its own": lambda x: torch.rand(
        3, generator=torch.Generator(x.device).manual_seed(0), device=x.device
    ),
    "a list as an index": lambda x: x[[2, 0], 1:],
    "many at once": vmap(lambda row: row / row.norm()),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_gpu_can_do_is_done(name):
    """What works on a GPU works here, stays there, and gives the CPU's values (random ones apart)."""
    with pretend_gpu() as gpu:
        x = torch.arange(12.0).view(3, 4)
        result = ALLOWED[name](x.to("cuda"))
        assert result.device == gpu
        if "generator" not in name:
            torch.testing.assert_close(result.cpu(), ALLOWED[name](x))


def test_values_can_be_read_and_written():
    """Numbers, lists and single entries cross between the devices as they do with a GPU."""
    with pretend_gpu() as gpu:
        x, y = torch.arange(3.0, device=gpu), torch.zeros(3)
        y[1] = x[2]
        x[0] = torch.tensor(5.0)
        assert (x.tolist(), float(x.sum()), y.tolist(), x.cpu().numpy().tolist()) == (
            [5, 1, 2], 8, [0, 2, 0], [5, 1, 2],
        )  # fmt: skip


def test_gradients_of_gradients_are_right():
    """Differentiating twice works and stays on the GPU."""
    with pretend_gpu() as gpu:
        x = torch.arange(3.0, device=gpu, requires_grad=True)
        (first,) = torch.autograd.grad(x.pow(3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        assert (second.device, second.tolist()) == (gpu, [0, 6, 12])


def test_inference_mode_changes_nothing():
    """In inference mode, too, tensors move and views of others can be changed."""
    with pretend_gpu() as gpu:
        x = torch.arange(3.0, device=gpu)
        with torch.inference_mode():
            assert torch.ones(3).to("cuda").mul_(x.view(3)).tolist() == [0, 1, 2]


def test_the_gpu_is_gone_afterwards():
    """Outside the context generators and devices are torch's again."""
    available, generator = torch.cuda.is_available(), torch.Generator
    with pretend_gpu():
        pass
    assert torch.Generator is generator
    assert torch.cuda.is_available() == available
