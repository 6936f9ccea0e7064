"""What a training is expected to take, from the operations of its steps."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vitwork import profiles
from vitwork.training import speed
from vitwork.training.speed import operations
from vitwork.training.training import build_model

ARMS = profiles.PROFILES["cifar10-micro"].arms


@pytest.mark.parametrize("name", ["resnet", "vit", "alternet", "mixer"])
def test_operations_are_those_of_a_step_that_is_taken(name):
    """Forwards and backwards on two images, as torch counts them while it computes, within a twentieth: fused attention repeats some."""
    model = build_model(ARMS[name], 10)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(2, 3, 16, 16)).sum().backward()
    assert operations(ARMS[name], 16) == pytest.approx(counter.get_total_flops() / 2, rel=0.05)


def test_a_step_of_sam_is_two():
    """Sharpness-aware minimisation takes a second gradient."""
    twice = replace(ARMS["vit"], recipe=replace(ARMS["vit"].recipe, sam=0.1))
    assert operations(twice, 16) == 2 * operations(ARMS["vit"], 16)


@pytest.mark.parametrize(("enough", "steps"), [(0.0, 1), (1e9, 1 + speed.STEPS)])
def test_slow_steps_are_waited_for_once(monkeypatch, enough, steps):
    """A plan takes further steps of a network only until they have taken long enough."""
    taken, call = [], speed.Step.__call__
    monkeypatch.setattr(speed.Step, "__call__", lambda *given: (taken.append(1), call(*given)))
    monkeypatch.setattr(speed, "ENOUGH", enough)
    assert speed.seconds_per_image(ARMS["vit"], 16, "cpu", int(speed.AFFORDED)) > 0
    assert len(taken) == steps
