"""Training steps on a GPU, pretended where there is none: nothing is made on the wrong device."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from pretend_gpu import pretend_gpu

from tests.training import small_trainings as small
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.training.distributed import World
from vitwork.training.evaluation import evaluate_model
from vitwork.training.training import Training

EVERYTHING = {
    "augmentation": Augmentation(1, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25),
    "sam": 0.05,
    "ema": 0.9,
}
PLAIN = {"optimizer": "sgd", "augmentation": Augmentation(resized_crop=True, mixup=1.0)}


@pytest.mark.parametrize(
    ("network", "changes"),
    [(small.RESNET, PLAIN), (small.VIT, EVERYTHING), (small.ALTERNET, EVERYTHING)],
    ids=["resnet", "vit", "alternet"],
)
def test_steps_stay_on_the_gpu(network, changes):
    """Data, augmentation, steps, statistics and the evaluation are on the device that trains, and the loss is finite."""
    with pretend_gpu() as gpu:
        torch.manual_seed(0)
        run = Training(
            small.arm(network, **changes, snapshots=()), 0, small.splits(), Path(), device=gpu, world=World(),
            checkpoint_seconds=1e9,
        )  # fmt: skip
        run.model.train()
        for x, targets in itertools.islice(run.batches.epoch(0), 2):
            run.depth.draw(len(x))
            run.step(x, targets, 1e-3)
        loss, accuracy = run.step.tally.read()
        assert 0 < loss < 10
        assert 0 <= accuracy <= 1
        assert evaluate_model(run.model, run.test, gpu, run.step.memory)["nll"] > 0
        assert all(value.device == gpu for value in run.model.state_dict().values())
