from __future__ import annotations

import pytest
import torch

from vitwork.device import place
from vitwork.errors import VitworkError


def test_devices_are_tried_before_anything_starts() -> None:
    """What torch cannot compute on here is refused in one sentence; auto and what can be used are returned."""
    assert [place.check(device) for device in ("auto", "cpu", "cpu:0")] == ["auto", "cpu", "cpu:0"]
    for device in ("gpu", "meta", "cuda:99"):
        with pytest.raises(VitworkError, match=f"^The device '{device}' cannot be used [^\n]*$"):
            place.check(device)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, ["cpu"] * 5), (1, ["cuda:0"] * 5), (2, ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"])],
)
def test_workers_take_one_gpu_after_the_other(monkeypatch: pytest.MonkeyPatch, count: int, expected: list[str]) -> None:
    """With ``auto`` GPUs go round among the workers, who know with how many others they share theirs."""
    monkeypatch.setattr(place, "devices", lambda: count)
    picked = [place.pick("auto", index) for index in range(5)]
    assert picked == expected
    assert [place.sharing("auto", index, 5) for index in range(5)] == [picked.count(device) for device in picked]


def test_a_device_that_was_asked_for_is_shared_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device by name is everybody's, whatever else there is."""
    monkeypatch.setattr(place, "devices", lambda: 2)
    assert place.pick("cuda:1", 2) == "cuda:1"
    assert place.sharing("cuda:1", 2, 3) == 3


def test_threads_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker takes its share of the cores, at least one thread, and no more than it was started with."""
    monkeypatch.setattr(place, "cores", lambda: 6)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(6)
        for workers, share in ((2, 3), (20, 1), (1, 1)):
            place.share_threads(workers)
            assert torch.get_num_threads() == share
    finally:
        torch.set_num_threads(threads)
