"""Data parallel by torchrun, with two gloo processes on a CPU."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.data import copies
from tests.training import small_trainings as small
from vitwork.data import DataSpec, load
from vitwork.data.sources import decoding, pack
from vitwork.design.recipe import Augmentation
from vitwork.design.recipes import IMAGENET
from vitwork.store.store import read_sealed
from vitwork.training.batches import TrainingBatches
from vitwork.training.distributed import World, joined, local_device
from vitwork.training.train import load_snapshot, train

PLAIN = Augmentation(crop_padding=0, flip=0.0)

SCRIPT = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[3]]
from pathlib import Path
import torch
import test_distributed as test
from vitwork.training.train import train
from tests.training import small_trainings as small
torch.set_num_threads(1)
folder = Path(sys.argv[2])

import torch.distributed as dist
dist.init_process_group("gloo")  # kept over several trainings
train(test.plain_arm(), 0, small.splits(), folder / "plain")
train(test.augmented_arm(), 0, small.splits(), folder / "whole")
train(test.streamed_arm(), 0, test.streamed(folder), folder / "streamed")
train(test.imagenet_arm(), 0, test.streamed(folder), folder / "imagenet")

import vitwork.training.training as training
from vitwork.training.distributed import World
world = World(dist.get_rank(), dist.get_world_size())
torch.manual_seed(0)
trained = training.Training(small.arm(small.VIT, drop_path=0.5), 0, small.splits(), folder, device=torch.device("cpu"), world=world, checkpoint_seconds=1e9)
trained.depth.draw(8)
drawn = trained.depth.factors.clone()
trained.step.forward(torch.zeros(8, 3, 8, 8)).sum().backward()
assert torch.equal(trained.depth.factors, drawn)
others = world.gather(drawn)
assert not torch.equal(others[0], others[1])

epoch = training.Training.epoch
def first_epoch_only(self):
    if self.done:
        raise KeyboardInterrupt
    yield from epoch(self)
training.Training.epoch = first_epoch_only
try:
    train(test.augmented_arm(), 0, small.splits(), folder / "parts", checkpoint_seconds=0.0)
except KeyboardInterrupt:
    pass
dist.barrier()  # the first process writes
training.Training.epoch = epoch
assert (folder / "parts" / "checkpoint.pt").exists()
train(test.augmented_arm(), 0, small.splits(), folder / "parts")
dist.destroy_process_group()
"""


def plain_arm():
    return small.arm(small.VIT, augmentation=PLAIN, drop_path=0.0, lr=1e-3)


def augmented_arm():
    return small.arm(small.RESNET)


def streamed_arm():
    return small.arm(small.VIT, batch_size=6, augmentation=PLAIN, drop_path=0.0, lr=1e-3)


def imagenet_arm():
    """Return an arm with the ImageNet recipe, made short: resized crops of whole pictures, RandAugment, mixing, erasing."""
    recipe = dataclasses.replace(IMAGENET, epochs=1, warmup_epochs=1, batch_size=6, snapshots=("end",))
    return dataclasses.replace(small.arm(small.VIT), recipe=recipe)


def streamed(folder):
    """Return pictures on the disk, as a machine with next to no memory reads them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VITWORK_CACHE", str(folder / "cache"))
        for module in (decoding, pack):
            patched.setattr(module, "memory", lambda: 2)
        return load(DataSpec("folder", size=8), folder / "data")


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    """Two processes end with the weights of one, up to rounding, also from the disk, and resume bit for bit.

    Each keeps its own draws of stochastic depth. The ImageNet recipe, whose draws two processes share otherwise than one has
    them, trains to its end.
    """
    (tmp_path / "script.py").write_text(SCRIPT)
    copies.image_folder(tmp_path / "data")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(tmp_path / "script.py"), str(Path(__file__).parent), str(tmp_path), str(Path(__file__).parents[2])]
    result = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    runs = {"plain": (plain_arm(), small.splits()), "streamed": (streamed_arm(), streamed(tmp_path))}
    for name, (arm, splits) in runs.items():
        outcome = train(arm, 0, splits, tmp_path / "solo" / name)
        assert "processes" not in outcome.mode
        assert b"2 processes" in (tmp_path / name / "outcome.json").read_bytes()
        expected, actual = load_snapshot(tmp_path / "solo" / name, "end"), load_snapshot(tmp_path / name, "end")
        for key, value in expected.items():
            torch.testing.assert_close(actual[key], value, rtol=2e-3, atol=2e-4)
    imagenet = json.loads(read_sealed(tmp_path / "imagenet" / "outcome.json"))
    assert imagenet["status"] == "finished"
    assert "images streamed, 2 processes" in imagenet["mode"]
    whole, parts = load_snapshot(tmp_path / "whole", "end"), load_snapshot(tmp_path / "parts", "end")
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("resident", [True, False])
def test_processes_share_a_batch(processes, resident):
    """The shares of a step are disjoint, equally large, and together the batch that one process would see."""
    images = small.images(50, 1)

    def identity(x, labels, generator, groups):
        return x, labels

    def batches(share):
        made = TrainingBatches(
            images, identity, batch_size=12, seed=0, device=torch.device("cpu"), share=share, resident=resident
        )
        return list(made.epoch(0))

    whole = batches((0, 1))
    shares = [batches((rank, processes)) for rank in range(processes)]
    assert {len(share) for share in shares} == {4 if processes == 3 else 5}
    for step, parts in enumerate(zip(*shares, strict=True)):
        assert len({len(x) for x, _ in parts}) == 1
        seen = {tuple(image.flatten().tolist()) for x, _ in parts for image in x}
        everything = [tuple(image.flatten().tolist()) for image in whole[step][0]]
        assert seen <= set(everything)
        assert len(everything) - len(seen) < processes


def test_alone_nothing_is_joined():
    """Without torchrun there is one process, and sums and decisions are its own."""
    with joined(torch.device("cpu")) as world:
        assert world == World(0, 1)
        assert world.leads
        assert world.follow(True)
        assert world.sum(torch.ones(2)).tolist() == [1, 1]
    assert local_device("cuda") == torch.device("cuda")
