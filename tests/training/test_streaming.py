"""Training from pictures on the disk: the same run as from memory."""

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.data import copies
from tests.training import small_trainings as small
from vitwork.data import DataSpec, load
from vitwork.data.images import Splits
from vitwork.data.sources import decoding, pack
from vitwork.data.sources.stream import Pictures
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.training.batches import TrainingBatches, fits
from vitwork.training.train import load_snapshot, train

HARD = Augmentation(crop_padding=1, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25)
SIDE = 8


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    """Twelve pictures that a machine with next to no memory streams."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    for module in (decoding, pack):
        monkeypatch.setattr(module, "memory", lambda: 2)
    splits = load(DataSpec("folder", size=SIDE), copies.image_folder(tmp_path / "data", side=16))
    assert isinstance(splits.train.images, Pictures)
    return splits


def in_memory(splits: Splits) -> Splits:
    """Return the same images, in the same order, as tensors."""
    return Splits(*(dataclasses.replace(part, images=part.images[:]) for part in (splits.train, splits.test)))


def arm(augmentation: Augmentation = HARD):
    return small.arm(small.VIT, batch_size=5, drop_path=0.2, augmentation=augmentation)


def assert_same_run(one: Path, other: Path) -> None:
    for when in ("init", "warmup", "end"):
        mine, theirs = load_snapshot(one, when), load_snapshot(other, when)
        assert all(torch.equal(mine[key], theirs[key]) for key in mine | theirs)


def test_streamed_and_in_memory_are_the_same_run(tmp_path, streamed):
    """Order, draws, loss curve and weights are those of the same images in memory, bit for bit; the mode tells them apart."""
    outcome = train(arm(), 3, streamed, tmp_path / "stream")
    expected = train(arm(), 3, in_memory(streamed), tmp_path / "memory")
    assert outcome.history == expected.history
    assert_same_run(tmp_path / "stream", tmp_path / "memory")
    assert "images streamed" in outcome.mode
    assert "streamed" not in expected.mode


@pytest.mark.parametrize("resized", [False, True])
def test_a_streamed_run_resumes_to_the_bit(tmp_path, streamed, resized):
    """Stopped within epochs and continued, with crops drawn from whole pictures too, it ends as if uninterrupted."""
    trained = arm(dataclasses.replace(HARD, resized_crop=resized))
    expected = train(trained, 0, streamed, tmp_path / "whole")

    for stop in map(small.stop_at, (2, 4, 8)):
        with pytest.raises(small.StopTrainingError):
            train(trained, 0, streamed, tmp_path / "parts", progress=stop, every=0.0, checkpoint_seconds=0.0)
    assert train(trained, 0, streamed, tmp_path / "parts").history == expected.history
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_random_crops_change_from_epoch_to_epoch_and_seed_to_seed(streamed):
    """With random resized crops the stream cuts another part of a picture each time, and the same for the same seed."""

    def batch(seed, epoch):
        batches = TrainingBatches(
            streamed.train,
            lambda x, labels, generator, groups: (x, labels),
            batch_size=12,
            seed=seed,
            device=torch.device("cpu"),
            resized_crop=True,
        )
        ((x, _),) = batches.epoch(epoch)
        return {image.numpy().tobytes() for image in x}

    assert batch(0, 0) == batch(0, 0)
    assert batch(0, 0).isdisjoint(batch(0, 1))
    assert batch(0, 0).isdisjoint(batch(1, 0))


@pytest.mark.parametrize("resized", [False, True])
def test_processes_share_a_streamed_batch(streamed, resized):
    """Two processes together read each step's batch once, as one process reads it, in equally many steps."""

    def batches(share):
        made = TrainingBatches(
            streamed.train,
            lambda x, labels, generator, groups: (x, labels),
            batch_size=6,
            seed=0,
            device=torch.device("cpu"),
            share=share,
            resized_crop=resized,
        )
        return [{image.numpy().tobytes() for image in x} for x, _ in made.epoch(0)]

    whole, first, second = batches((0, 1)), batches((0, 2)), batches((1, 2))
    assert [one | other for one, other in zip(first, second, strict=True)] == whole
    assert all(one.isdisjoint(other) for one, other in zip(first, second, strict=True))


def test_the_choice_follows_the_size(streamed, monkeypatch):
    """On a CPU images stay in memory; on a GPU those that take little of it move there; pictures on the disk stay there."""
    image = torch.zeros(100, 3, 8, 8, dtype=torch.uint8)
    assert fits(image, torch.device("cpu"))
    for free, expected in ((1 << 20, True), (1 << 15, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, free))
        assert fits(image, torch.device("cuda")) is expected
    assert not fits(streamed.train.images, torch.device("cpu"))
