"""Nothing in a training step makes the host wait for the device: seen on a CPU by the operations that would."""

import contextlib
import dataclasses

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training import small_trainings as small
from vitwork.data.augmentation import rows
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.training import numerics
from vitwork.training.distributed import World
from vitwork.training.stacked import Stacked
from vitwork.training.training import Training

EVERYTHING = {
    "augmentation": Augmentation(1, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25),
    "sam": 0.05,
    "ema": 0.9,
    "snapshots": (),
}
RESIZED = dataclasses.replace(EVERYTHING["augmentation"], resized_crop=True)
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "unique_consecutive", "equal", "is_nonzero"}
"""Reading a value back, results whose size the data decide, and tensors made of Python numbers (copied to the device)."""


class NoWaits(TorchDispatchMode):
    """Fails at an operation for which a GPU's host would wait."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.overloadpacket.__name__
        masks = name in {"index", "index_put", "index_put_"} and any(
            index is not None and index.dtype == torch.bool for index in arguments[1]
        )
        assert name not in WAITING, f"{function} makes the host wait"
        assert not masks, f"{function} by a mask makes the host wait"
        return function(*arguments, **(options or {}))


def steps(run):
    """Train for an epoch without the looks at the loss that a run takes now and then."""
    run.model.train()
    for x, targets in run.batches.epoch(0):
        run.depth.draw(len(x))
        run.step(x, targets, 1e-3)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Let the augmentation compute all rows, as it does wherever waiting would be slower."""
    monkeypatch.setattr(rows, "on_some", rows.on_all)


@pytest.mark.parametrize("network", [small.RESNET, small.VIT, small.ALTERNET], ids=["resnet", "vit", "alternet"])
@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "precision": "bf16", "augmentation": RESIZED}])
def test_a_step_reads_nothing_back(as_on_a_gpu, network, changes):
    """Augmentation, forward, backward, SAM, clipping, update, average and tally leave every value where it is."""
    run = small.run(small.arm(network, **EVERYTHING | changes), 0, small.splits())
    steps(run)  # constants are made once
    with NoWaits():
        steps(run)


def test_stacked_seeds_read_nothing_back(as_on_a_gpu):
    """So do several seeds in one program."""
    arm = small.arm(small.VIT, **EVERYTHING | {"sam": 0.0, "ema": 0.0})
    runs = [small.run(arm, seed, small.splits()) for seed in (0, 1)]
    stacked = Stacked(runs)
    for number, pair in enumerate(zip(*(run.batches.epoch(0) for run in runs), strict=True)):
        with NoWaits() if number else contextlib.nullcontext():  # constants are made once
            stacked.step(pair, 1e-3)


def test_the_watch_sees_a_wait():
    """Reading a value, a mask as an index and a tensor of Python numbers are all noticed."""
    x = torch.arange(4.0)
    for wait in (x.sum().item, lambda: x[x > 1], lambda: torch.tensor([1.0, 2.0]), (x > 1).nonzero):
        with pytest.raises(AssertionError, match="makes the host wait"), NoWaits():
            wait()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize("network", [small.RESNET, small.VIT, small.ALTERNET], ids=["resnet", "vit", "alternet"])
def test_a_gpu_never_waits(tmp_path, network):
    """CUDA itself, told to fail where the host waits, lets whole steps pass, replayed ones and a computed last one."""
    run = Training(
        small.arm(network, **EVERYTHING),
        0,
        small.splits(),
        tmp_path,
        device=torch.device("cuda"),
        world=World(),
        checkpoint_seconds=1e9,
    )
    with numerics.on(run.stream):
        steps(run)
        assert run.step.update.note == "steps replayed as one graph"
        torch.cuda.synchronize()
        try:
            torch.cuda.set_sync_debug_mode("error")
            steps(run)
        finally:
            torch.cuda.set_sync_debug_mode("default")
