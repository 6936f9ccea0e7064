"""Recordings on a GPU, of which a CPU can show the order of calls: what fails must not spoil the process."""

from __future__ import annotations

import pytest
import torch

from vitwork.device.graphs import cuda_graph


class Graph:
    """Stands for `torch.cuda.CUDAGraph`, and notes what is asked of all of its kind."""

    calls: list[str]
    broken = False

    def capture_begin(self, pool=None, capture_error_mode="global"):
        self.calls.append(f"begin {pool} {capture_error_mode}")

    def capture_end(self):
        self.calls.append("end")
        if type(self).broken:
            type(self).broken = False
            raise RuntimeError("operation failed due to a previous error during capture")

    def replay(self):
        self.calls.append("replay")


@pytest.fixture
def calls(monkeypatch):
    noted = []
    monkeypatch.setattr(Graph, "calls", noted, raising=False)
    monkeypatch.setattr(Graph, "broken", False)
    cuda = {
        "CUDAGraph": Graph,
        "graph_pool_handle": lambda: "pool",
        "synchronize": lambda: noted.append("wait"),
        "current_device": lambda: 0,
    }
    for name, stand_in in cuda.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        monkeypatch.setattr(torch._C, name, lambda *given, name=name: noted.append(f"{name} {given}"), raising=False)
    zeros = torch.zeros

    def without_a_gpu(*size, device):
        assert device == "cuda"
        return zeros(*size)

    monkeypatch.setattr(torch, "zeros", without_a_gpu)
    return noted


def test_a_recording_is_made_and_replayed(calls):
    """The device is waited for, the function runs once while it is recorded, and the replay is the graph's."""
    replay = cuda_graph(lambda: calls.append("compute"))
    replay()
    assert calls == ["wait", "begin pool thread_local", "compute", "end", "replay"]


def test_an_error_of_the_function_ends_the_recording(calls):
    """What the function raises is what the caller sees; a recording that could be ended leaves nothing to mend."""

    def compute():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cuda_graph(compute)
    assert calls == ["wait", "begin pool thread_local", "end"]


@pytest.mark.parametrize("raised", [ValueError("of its own"), None], ids=["by the function", "unnoticed"])
def test_a_broken_recording_is_cleared_away(calls, raised):
    """Where CUDA gave the recording up, memory and random numbers are taken out of it, and the first error is told."""

    def compute():
        Graph.broken = True
        if raised:
            raise raised

    with pytest.raises((ValueError, RuntimeError), match="of its own" if raised else "previous error"):
        cuda_graph(compute)
    mended = ["_cuda_endAllocateToPool (0, 'pool')", "_cuda_releasePool (0, 'pool')", "begin None global", "end"]
    assert calls == ["wait", "begin pool thread_local", "end", *mended]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_random_numbers_and_memory_go_on_after_a_broken_recording():
    """A function that waits for the device cannot be recorded; afterwards, draws and recordings work as before."""
    x = torch.randn(1000, device="cuda")
    with torch.cuda.stream(torch.cuda.Stream()):
        with pytest.raises(RuntimeError):
            cuda_graph(lambda: x.sum().item())
        y = torch.randn(1000, device="cuda")
        replay = cuda_graph(lambda: y.mul_(2))
        before = y.clone()
        replay()
        torch.cuda.synchronize()
        assert torch.equal(y, 2 * before)
    assert torch.randn(10, device="cuda").isfinite().all()
