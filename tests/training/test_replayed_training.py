"""Steps that are captured and replayed; on a CPU operations are recorded as a CUDA graph records kernels."""

import dataclasses
import gc
import weakref

import pytest
import torch
from cpu_graph import noting

from tests.training import small_trainings as small
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.device import graphs
from vitwork.training.step import WARM_UP, capture_for
from vitwork.training.together import steps, train_seeds
from vitwork.training.train import load_snapshot, train

EVERYTHING = {
    "augmentation": Augmentation(1, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25),
    "sam": 0.05,
    "ema": 0.9,
}
NETWORKS = pytest.mark.parametrize(
    "network", [small.RESNET, small.VIT, small.ALTERNET], ids=["resnet", "vit", "alternet"]
)


@pytest.fixture
def captured(monkeypatch):
    """Let trainings on a CPU capture their steps."""
    made = []
    monkeypatch.setattr(graphs, "capture_on", lambda device: noting(made))
    return made


def assert_same_weights(one, other, tolerance):
    for when in ("warmup", "end"):
        expected, actual = load_snapshot(one, when), load_snapshot(other, when)
        for key, value in expected.items():
            torch.testing.assert_close(actual[key], value, rtol=tolerance, atol=tolerance, msg=f"{when} {key}")


@NETWORKS
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="adamw", marks=pytest.mark.slow),  # which "all" is as well
        pytest.param({"optimizer": "sgd", "lr": 1e-2}, id="sgd"),
        pytest.param(EVERYTHING, id="all"),
    ],
)
def test_a_replayed_training_is_the_computed_one(tmp_path, request, network, changes):
    """Rates, draws, statistics, averages and sums go on in replays: weights and history are those of computed steps."""
    arm, splits = small.arm(network, **changes), small.few()
    computed = train(arm, 3, splits, tmp_path / "computed")
    captured = request.getfixturevalue("captured")
    replayed = train(arm, 3, splits, tmp_path / "replayed")
    assert len(captured) == 1
    assert "steps replayed as one graph" in replayed.mode
    assert "graph" not in computed.mode
    assert_same_weights(tmp_path / "computed", tmp_path / "replayed", 1e-4)
    for expected, actual in zip(computed.history, replayed.history, strict=True):
        assert actual == pytest.approx(expected, rel=1e-3, abs=1e-4)


@NETWORKS
def test_stacked_seeds_are_replayed_alike(tmp_path, captured, network):
    """Several seeds as one computation are recorded once, and end as their solo runs, statistics included."""
    arm, splits, seeds = small.arm(network, lr=1e-3), small.few(), (3, 1)
    folders = {seed: tmp_path / f"stacked-{seed}" for seed in seeds}
    outcomes = train_seeds(arm, seeds, splits, folders, way="stacked")
    assert len(captured) == 1
    assert "2 seeds stacked, steps replayed as one graph" in outcomes[3].mode
    for seed in seeds:
        train(arm, seed, splits, tmp_path / str(seed))
        assert_same_weights(tmp_path / str(seed), folders[seed], 1e-3)


def test_a_killed_replayed_training_continues(tmp_path, captured):
    """Restored from a checkpoint, a training records anew and ends where the uninterrupted one does."""
    arm, splits = small.arm(small.RESNET, ema=0.9), small.splits()
    train(arm, 0, splits, tmp_path / "whole")

    stop = small.stop_at(12)
    with pytest.raises(small.StopTrainingError):
        train(arm, 0, splits, tmp_path / "parts", progress=stop, every=0.0, checkpoint_seconds=0.0)
    train(arm, 0, splits, tmp_path / "parts")
    assert len(captured) == 3
    assert_same_weights(tmp_path / "whole", tmp_path / "parts", 1e-5)


@pytest.mark.parametrize("way", ["alone", "side by side", "stacked"])
def test_a_training_is_freed_with_its_last_name(captured, way):
    """No run refers to itself, captured or not: the next has its memory without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        runs = [small.run(small.arm(small.VIT, snapshots=()), seed, small.few()) for seed in (0, 1)]
        under_way = steps(runs, way)
        for _ in range(WARM_UP + 3):
            next(under_way)
        assert captured
        gone = [weakref.ref(part) for run in runs for part in (run, run.step, run.model)]
        del under_way, runs
        assert [reference() for reference in gone] == [None] * len(gone)
    finally:
        gc.enable()


def test_where_steps_are_captured():
    """On a GPU, by one process, unless recipes ask for determinism or for torch's own captures."""
    recipe, gpu = small.RECIPE, torch.device("cuda")
    assert capture_for(recipe, gpu) is graphs.cuda_graph
    assert capture_for(dataclasses.replace(recipe, compile="default"), gpu) is graphs.cuda_graph
    assert capture_for(dataclasses.replace(recipe, compile="reduce-overhead"), gpu) is None
    assert capture_for(dataclasses.replace(recipe, deterministic=True), gpu) is None
    assert capture_for(recipe, gpu, 2) is None
    assert capture_for(recipe, torch.device("cpu")) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@NETWORKS
@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "precision": "bf16"}, EVERYTHING], ids=["adamw", "sgd", "all"])  # fmt: skip
def test_a_cuda_graph_trains_as_computed_steps_do(tmp_path, monkeypatch, network, changes):
    """On a GPU, captured steps end where computed ones end, up to rounding that training magnifies."""
    arm, splits = (
        small.arm(network, lr=1e-3, **changes) if "lr" not in changes else small.arm(network, **changes),
        small.few(),
    )
    replayed = train(arm, 3, splits, tmp_path / "replayed", device="cuda")
    assert "steps replayed as one graph" in replayed.mode
    monkeypatch.setattr(graphs, "capture_on", lambda device: None)
    computed = train(arm, 3, splits, tmp_path / "computed", device="cuda")
    assert_same_weights(tmp_path / "computed", tmp_path / "replayed", 2e-2)
    assert replayed.history[-1]["loss"] == pytest.approx(computed.history[-1]["loss"], rel=0.05)
