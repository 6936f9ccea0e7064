import itertools
import math
from dataclasses import replace

import pytest
import torch

from vitwork.design.recipe import Augmentation, RandAugment, Recipe
from vitwork.design.recipes import DEIT_300, IMAGENET, SGD, WEAK
from vitwork.design.schedule import check_recipe, learning_rate, snapshot_steps
from vitwork.errors import VitworkError


def test_warmup_is_linear_from_zero_and_cosine_ends_at_zero():
    """The rate starts at 0, reaches the recipe's after the warm-up, is half of it midway and vanishes at the end."""
    recipe = Recipe(epochs=10, warmup_epochs=2, lr=1.0)
    rates = [learning_rate(recipe, step, 5) for step in range(60)]
    assert rates[:11] == pytest.approx([step / 10 for step in range(11)])
    assert rates[35] == pytest.approx(0.5)
    assert 0 < rates[59] < 0.002
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))


def test_cosine_at_epoch_ends_is_torchs():
    """At whole epochs the rate is that of torch's own cosine schedule, which the official code steps per epoch."""
    recipe = Recipe(epochs=7, warmup_epochs=1, lr=0.3)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=7)
    for epoch in range(7):
        assert learning_rate(recipe, (1 + epoch) * 4, 4) == pytest.approx(oracle.get_last_lr()[0])
        optimiser.step()
        oracle.step()


def test_the_official_cosine_moves_once_per_epoch():
    """``cosine-epochs`` is torch's schedule stepped after each epoch, at every step of the epochs; the paper's use it."""
    recipe = Recipe(epochs=7, warmup_epochs=1, lr=0.3, schedule="cosine-epochs")
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=7)
    for step in range(4, 32):
        assert learning_rate(recipe, step, 4) == pytest.approx(oracle.get_last_lr()[0])
        if step % 4 == 3:
            optimiser.step()
            oracle.step()
    assert {recipe.schedule for recipe in (DEIT_300, WEAK, IMAGENET)} == {"cosine-epochs"}


def test_step_schedule_is_torchs():
    """The SGD recipe's rate follows torch's MultiStepLR at every epoch."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=SGD.lr)
    oracle = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones=[60, 120, 160], gamma=0.2)
    for epoch in range(200):
        for step in (0, 2):
            rate = learning_rate(SGD, (SGD.warmup_epochs + epoch) * 3 + step, 3)
            assert math.isclose(rate, oracle.get_last_lr()[0], rel_tol=1e-9)
        optimiser.step()
        oracle.step()


def test_snapshots_fall_on_steps():
    """Snapshots count epochs after the warm-up; one step may carry several."""
    recipe = Recipe(epochs=4, warmup_epochs=2, snapshots=("init", "warmup", 0, 3, "end"))
    assert snapshot_steps(recipe, 10) == {0: ["init"], 20: ["warmup", "epoch-0"], 50: ["epoch-3"], 60: ["end"]}


@pytest.mark.parametrize("when", [5, -3, "middle"])
def test_a_snapshot_outside_the_training_is_refused(when):
    """A snapshot that would never be taken is an error at the start, not a missing file at the end."""
    with pytest.raises(VitworkError, match="snapshot"):
        snapshot_steps(Recipe(epochs=4, snapshots=(when,)), 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimizer": "adam"},
        {"schedule": "linear"},
        {"precision": "fp16"},
        {"decay": "none"},
        {"epochs": 1.5},
        {"augmentation": Augmentation(randaugment=RandAugment(std=math.nan))},
    ],
)
def test_words_and_numbers_that_there_are_not_are_refused(wrong):
    """A misspelt word would silently train something else, and be recorded."""
    with pytest.raises(VitworkError):
        check_recipe(replace(Recipe(), **wrong))
    check_recipe(Recipe())
