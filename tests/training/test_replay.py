"""Steps that are recorded and replayed, on a CPU by a recording of operations as a CUDA graph makes it of kernels."""

import dataclasses
import gc
import itertools
import weakref

import pytest
import torch
from cpu_graph import cpu_graph, noting

from tests.training import small_trainings as small
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.training import replay
from vitwork.training.replay import WARM_UP, Replayed, recorder
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
def recorded(monkeypatch):
    """Let trainings on a CPU record their steps."""
    made = []
    monkeypatch.setattr(replay, "recorder", lambda *_: noting(made))
    return made


def assert_same_weights(one, other, tolerance):
    for when in ("warmup", "end"):
        expected, actual = load_snapshot(one, when), load_snapshot(other, when)
        for key, value in expected.items():
            torch.testing.assert_close(actual[key], value, rtol=tolerance, atol=tolerance, msg=f"{when} {key}")


@NETWORKS
@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "lr": 1e-2}, EVERYTHING], ids=["adamw", "sgd", "all"])
def test_a_replayed_training_is_the_computed_one(tmp_path, request, network, changes):
    """Rates, draws, statistics, averages and sums go on in replays: weights and history are those of computed steps."""
    arm, splits = small.arm(network, **changes), small.splits()
    computed = train(arm, 3, splits, tmp_path / "computed")
    recorded = request.getfixturevalue("recorded")
    replayed = train(arm, 3, splits, tmp_path / "replayed")
    assert len(recorded) == 1
    assert "steps replayed as one graph" in replayed.mode
    assert "graph" not in computed.mode
    assert_same_weights(tmp_path / "computed", tmp_path / "replayed", 1e-4)
    for expected, actual in zip(computed.history, replayed.history, strict=True):
        assert actual == pytest.approx(expected, rel=1e-3, abs=1e-4)


@NETWORKS
def test_stacked_seeds_are_replayed_alike(tmp_path, recorded, network):
    """Several seeds as one computation are recorded once, and end as their solo runs, statistics included."""
    arm, splits, seeds = small.arm(network, lr=1e-3), small.splits(), (3, 1)
    folders = {seed: tmp_path / f"stacked-{seed}" for seed in seeds}
    outcomes = train_seeds(arm, seeds, splits, folders, way="stacked")
    assert len(recorded) == 1
    assert "2 seeds stacked, steps replayed as one graph" in outcomes[3].mode
    for seed in seeds:
        train(arm, seed, splits, tmp_path / str(seed))
        assert_same_weights(tmp_path / str(seed), folders[seed], 1e-3)


def test_a_killed_replayed_training_continues(tmp_path, recorded):
    """Restored from a checkpoint, a training records anew and ends where the uninterrupted one does."""
    arm, splits = small.arm(small.RESNET, ema=0.9), small.splits()
    train(arm, 0, splits, tmp_path / "whole")

    stop = small.stop_at(12)
    with pytest.raises(small.StopTrainingError):
        train(arm, 0, splits, tmp_path / "parts", progress=stop, every=0.0, checkpoint_seconds=0.0)
    train(arm, 0, splits, tmp_path / "parts")
    assert len(recorded) == 3
    assert_same_weights(tmp_path / "whole", tmp_path / "parts", 1e-5)


@pytest.mark.parametrize("way", ["alone", "side by side", "stacked"])
def test_a_training_is_freed_with_its_last_name(recorded, way):
    """No run refers to itself, recorded or not: the next has its memory without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        runs = [small.run(small.arm(small.VIT, snapshots=()), seed, small.splits()) for seed in (0, 1)]
        under_way = steps(runs, way)
        for _ in range(WARM_UP + 3):
            next(under_way)
        assert recorded
        gone = [weakref.ref(part) for run in runs for part in (run, run.step, run.model)]
        del under_way, runs
        assert [reference() for reference in gone] == [None] * len(gone)
    finally:
        gc.enable()


def counting(total, record=cpu_graph):
    """Return a recorded function that adds its input's sum to a total, and says how often Python ran it."""
    ran = []

    def compute(x):
        ran.append(1)
        total.add_(x.sum())

    return Replayed(compute, lambda: [total], record), ran


def test_other_shapes_are_computed():
    """Only inputs of the recorded shape are replayed; all count once."""
    total = torch.zeros(())
    add, ran = counting(total)
    for _ in range(WARM_UP + 3):
        add(torch.ones(4))
    assert len(ran) == WARM_UP + 2  # the warm-up, one step to compare with, and the recording
    add(torch.ones(3))
    assert len(ran) == WARM_UP + 3
    assert total == 4 * (WARM_UP + 3) + 3
    assert add.note == "steps replayed as one graph"


@pytest.mark.parametrize(
    ("disturbance", "reason"),
    [
        (lambda x: x.sum().item(), "not permitted when stream is capturing"),
        (lambda x: x * float(torch.rand(())), "not permitted when stream is capturing"),
    ],
)
def test_what_cannot_be_recorded_is_computed(disturbance, reason):
    """A step that reads a value back keeps being computed, and the mode says why."""
    total = torch.zeros(())

    def compute(x):
        disturbance(x)
        total.add_(x.sum())

    add = Replayed(compute, lambda: [total], cpu_graph)
    for _ in range(WARM_UP + 3):
        add(torch.ones(4))
    assert total == 4 * (WARM_UP + 3)
    assert reason in add.note


def test_a_wrong_recording_is_noticed():
    """A step that changes its way from call to call differs from its replay, and is computed from then on."""
    total, ways = torch.zeros(()), []

    def compute(x):
        ways.append(1)
        total.add_(x.sum() * len(ways))

    add = Replayed(compute, lambda: [total], cpu_graph)
    for _ in range(WARM_UP + 2):
        add(torch.ones(1))
    assert add.note == "steps not recorded (a replay differed)"
    assert len(ways) == WARM_UP + 3
    assert total == sum([*range(1, WARM_UP + 2), WARM_UP + 3])


def test_numbers_that_are_not_finite_are_alike():
    """A training that has diverged is no reason to doubt its recording; becoming infinite in a replay alone is."""
    nan, one = torch.tensor([torch.nan, 1.0]), torch.tensor([2.0, 1.0])
    assert replay._alike([one], [nan], [nan.clone()])
    assert not replay._alike([one], [one + 1], [nan])


def test_where_steps_are_recorded():
    """On a GPU, by one process, unless recipes ask for determinism or for torch's own recordings."""
    recipe, gpu = small.RECIPE, torch.device("cuda")
    assert recorder(recipe, gpu) is replay.cuda_graph
    assert recorder(dataclasses.replace(recipe, compile="default"), gpu) is replay.cuda_graph
    assert recorder(dataclasses.replace(recipe, compile="reduce-overhead"), gpu) is None
    assert recorder(dataclasses.replace(recipe, deterministic=True), gpu) is None
    assert recorder(recipe, gpu, 2) is None
    assert recorder(recipe, torch.device("cpu")) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@NETWORKS
@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "precision": "bf16"}, EVERYTHING], ids=["adamw", "sgd", "all"])  # fmt: skip
def test_a_cuda_graph_trains_as_computed_steps_do(tmp_path, monkeypatch, network, changes):
    """On a GPU, recorded steps end where computed ones end, up to rounding that training magnifies."""
    arm, splits = (
        small.arm(network, lr=1e-3, **changes) if "lr" not in changes else small.arm(network, **changes),
        small.splits(),
    )
    replayed = train(arm, 3, splits, tmp_path / "replayed", device="cuda")
    assert "steps replayed as one graph" in replayed.mode
    monkeypatch.setattr(replay, "recorder", lambda *_: None)
    computed = train(arm, 3, splits, tmp_path / "computed", device="cuda")
    assert_same_weights(tmp_path / "computed", tmp_path / "replayed", 2e-2)
    assert replayed.history[-1]["loss"] == pytest.approx(computed.history[-1]["loss"], rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_step_that_draws_is_replayed():
    """Dropout draws in a replay what it drew in the computed step that it is compared with, and something new later."""
    total = torch.zeros(1000, device="cuda")
    draw = Replayed(lambda x: total.copy_(torch.nn.functional.dropout(x)), lambda: [total], replay.cuda_graph)
    seen = []
    with torch.cuda.stream(torch.cuda.Stream()):
        for _ in range(WARM_UP + 3):
            draw(torch.ones(1000, device="cuda"))
            seen.append(total.clone())
        torch.cuda.synchronize()
    assert draw.note == "steps replayed as one graph"
    assert not any(torch.equal(one, other) for one, other in itertools.pairwise(seen))
