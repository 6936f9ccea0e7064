"""Killed at any moment and resumed, a CPU run ends as if nothing had happened."""

import dataclasses
import multiprocessing
import os
import pickle
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.training import small_trainings as small
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.errors import VitworkError
from vitwork.store.store import write_sealed
from vitwork.training import batches
from vitwork.training.checkpoint import read_tensors
from vitwork.training.train import load_snapshot, train

HARD = {
    "epochs": 4,
    "ema": 0.9,
    "augmentation": Augmentation(crop_padding=1, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25),
}
SNAPSHOTS = ("init", "warmup", 1, "end", "end-ema")


def same_runs(one: Path, other: Path) -> bool:
    snapshots = [(load_snapshot(one, when), load_snapshot(other, when)) for when in SNAPSHOTS]
    return all(torch.equal(a[key], b[key]) for a, b in snapshots for key in a | b)


def interrupted(arm, splits, folder, step):
    """Train up to `step`, with a checkpoint after every step, and stop."""
    with pytest.raises(small.StopTrainingError):
        train(arm, 0, splits, folder, progress=small.stop_at(step), every=0.0, checkpoint_seconds=0.0)


@pytest.mark.parametrize(
    ("network", "optimizer"),
    [
        pytest.param(small.RESNET, "sgd", id="resnet-sgd"),
        pytest.param(small.VIT, "adamw", id="vit-adamw"),
        pytest.param(small.RESNET, "adamw", id="resnet-adamw", marks=pytest.mark.slow),
        pytest.param(small.VIT, "sgd", id="vit-sgd", marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_is_bit_identical(tmp_path, network, optimizer):
    """Stopped within an epoch, at its end and in the last step, weights, average and history are the same bits."""
    arm, splits = small.arm(network, optimizer=optimizer, **HARD), small.splits()
    expected = train(arm, 0, splits, tmp_path / "whole")
    for step in (4, 14, 34):
        interrupted(arm, splits, tmp_path / "parts", step)
    outcome = train(arm, 0, splits, tmp_path / "parts")
    assert same_runs(tmp_path / "whole", tmp_path / "parts")
    assert outcome.history == expected.history


def test_groups_of_batches_resume_within_a_group(tmp_path, monkeypatch):
    """Where two batches are augmented together, stopping between them changes nothing."""
    monkeypatch.setitem(batches.PIXELS_AT_ONCE, "cpu", 2 * 16 * 64)
    arm, splits = small.arm(**HARD), small.splits()
    train(arm, 0, splits, tmp_path / "whole")
    for step in (3, 4, 13):
        interrupted(arm, splits, tmp_path / "parts", step)
    train(arm, 0, splits, tmp_path / "parts")
    assert same_runs(tmp_path / "whole", tmp_path / "parts")


def train_in_a_process_of_its_own(folder, pipe, most):
    """Train with a checkpoint after each step, telling each; wait to be killed after so many, as the killer may be slow."""
    told = []

    def tell(progress):
        pipe.send(progress.step)
        told.append(progress.step)
        if len(told) == most:
            time.sleep(600)

    torch.set_num_threads(1)
    arm = small.arm(small.RESNET, **HARD)
    train(arm, 0, small.splits(), folder, progress=tell, every=0.0, checkpoint_seconds=0.0)


@pytest.mark.slow
def test_killed_at_random_steps(tmp_path):
    """kill -9 of the training process at random moments, four times over, costs nothing but time."""
    train(small.arm(small.RESNET, **HARD), 0, small.splits(), tmp_path / "whole")
    processes = multiprocessing.get_context("forkserver")
    # What takes long to import is imported once, not once per process.
    processes.set_forkserver_preload(
        ["vitwork.training.training", "vitwork.models.zoo.vit", "vitwork.data.augmentation", "pytest"]
    )
    draw, folder, steps = random.Random(0), tmp_path / "parts", []
    for _ in range(4):
        mine, its = processes.Pipe(duplex=False)
        process = processes.Process(target=train_in_a_process_of_its_own, args=(folder, its, 5))
        process.start()
        its.close()  # so that the end of the process is noticed
        steps += [mine.recv() for _ in range(draw.randint(1, 4))]
        time.sleep(draw.random() * 0.05)  # anywhere within a step or the writing of a checkpoint
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert max(steps) < 35
    assert (folder / "checkpoint.pt").exists()
    train(small.arm(small.RESNET, **HARD), 0, small.splits(), folder)
    assert same_runs(tmp_path / "whole", folder)


def test_a_damaged_checkpoint_is_set_aside_and_the_run_redone(tmp_path):
    """A checkpoint with a flipped byte is named and set aside; the run starts over and ends the same."""
    arm, splits = small.arm(**HARD), small.splits()
    train(arm, 0, splits, tmp_path / "whole")
    interrupted(arm, splits, tmp_path / "parts", 9)
    path = tmp_path / "parts" / "checkpoint.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"checkpoint\.pt is damaged"):
        train(arm, 0, splits, tmp_path / "parts")
    assert same_runs(tmp_path / "whole", tmp_path / "parts")


def test_another_runs_checkpoint_is_refused(tmp_path):
    """A checkpoint left by another recipe is not continued."""
    interrupted(small.arm(**HARD), small.splits(), tmp_path, 9)
    with pytest.raises(VitworkError, match="another run"):
        train(small.arm(**HARD | {"epochs": 5}), 0, small.splits(), tmp_path)


class Evil:
    """An object whose unpickling would execute a command."""

    def __reduce__(self):
        return (os.system, ("touch executed",))


def test_a_file_that_would_execute_is_refused(tmp_path, monkeypatch):
    """A sealed pickle that would run a command is refused with a clear error, and nothing runs."""
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": Evil()}, "evil", pickle_protocol=2)
    write_sealed(tmp_path / "end.pt", Path("evil").read_bytes())
    with pytest.raises(VitworkError, match="is not loaded"):
        load_snapshot(tmp_path, "end")
    write_sealed(tmp_path / "raw.pt", pickle.dumps(Evil(), protocol=2))
    with pytest.raises(VitworkError):
        read_tensors(tmp_path / "raw.pt")
    assert not Path("executed").exists()


def test_a_folder_of_other_data_is_not_continued(tmp_path):
    """An outcome is that of the arm's own part of the data, though the data set is the same."""
    arm, splits = small.arm(small.VIT), small.splits()
    train(arm, 1, splits, tmp_path)
    other = dataclasses.replace(arm, data=dataclasses.replace(arm.data, train=50))
    assert train(other, 1, small.splits(), tmp_path / "fresh").history
    with pytest.raises(VitworkError):
        train(other, 1, small.splits(), tmp_path)
