import dataclasses
from types import SimpleNamespace

import pytest
import torch

from tests.training import small_trainings as small
from vitwork.errors import VitworkError
from vitwork.training import stacked
from vitwork.training import together as module
from vitwork.training.checkpoint import read_tensors
from vitwork.training.together import fastest, pays, seconds_per_step, train_seeds
from vitwork.training.train import load_snapshot, train
from vitwork.training.training import Training

SEEDS = (3, 1, 4)


@pytest.fixture(autouse=True)
def _smooth(monkeypatch):
    """A ReLU whose input is zero but for rounding is open in one of two equal runs and shut in the other; SiLU has no kink."""
    monkeypatch.setattr(torch.nn.ReLU, "forward", lambda _, x: torch.nn.functional.silu(x))


def folders(path):
    return {seed: path / str(seed) for seed in SEEDS}


def assert_same_weights(one, other, tolerance=1e-5):
    for when in ("init", "warmup", "end"):
        expected, actual = load_snapshot(one, when), load_snapshot(other, when)
        for key, value in expected.items():
            torch.testing.assert_close(actual[key], value, rtol=tolerance * 10, atol=tolerance, msg=f"{when} {key}")


@pytest.mark.parametrize(
    ("network", "optimizer"),
    [
        (small.RESNET, "adamw"),
        (small.RESNET, "sgd"),
        (small.VIT, "adamw"),
        (small.VIT, "sgd"),
        (small.ALTERNET, "adamw"),
    ],
    ids=["resnet-adamw", "resnet-sgd", "vit-adamw", "vit-sgd", "alternet-adamw"],
)
def test_each_seed_equals_its_solo_run(tmp_path, network, optimizer):
    """Stacked, every seed has its solo run's weights, statistics, stochastic depth and history, up to rounding."""
    arm, splits = small.arm(network, optimizer=optimizer, lr=1e-3), small.few()
    joint = train_seeds(arm, SEEDS, splits, folders(tmp_path / "stacked"), way="stacked")
    for seed in SEEDS:
        solo = train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), tmp_path / "stacked" / str(seed))
        for expected, actual in zip(solo.history, joint[seed].history, strict=True):
            assert actual == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_a_diverging_seed_harms_nobody(tmp_path, monkeypatch):
    """One seed's weights are made infinite after the first step; it ends as diverged, the others as their solo runs."""
    arm, splits = small.arm(small.VIT, lr=1e-3), small.few()
    step = stacked.Stacked.step

    def sabotaged(self, batches, rate):
        step(self, batches, rate)
        if self.runs[0].done == 1:
            next(iter(self.parameters.values())).data[1] = torch.inf

    monkeypatch.setattr(stacked.Stacked, "step", sabotaged)
    outcomes = train_seeds(arm, SEEDS, splits, folders(tmp_path / "stacked"), way="stacked")
    assert [outcomes[seed].status for seed in SEEDS] == ["finished", "diverged", "finished"]
    assert len(outcomes[1].history) == 1
    for seed in (3, 4):
        train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), tmp_path / "stacked" / str(seed))


def test_seeds_continue_what_solo_runs_left_and_back(tmp_path):
    """A solo run's checkpoint is taken up by the joint training, and finished seeds are not trained again."""
    arm, splits, places = small.arm(small.RESNET, lr=1e-3), small.few(), folders(tmp_path / "stacked")

    stop = small.stop_at(6)
    for seed in (3, 1):
        with pytest.raises(small.StopTrainingError):
            train(arm, seed, splits, places[seed], progress=stop, every=0.0, checkpoint_seconds=0.0)
    done = train(arm, 4, splits, places[4])
    outcomes = train_seeds(arm, SEEDS, splits, places, way="stacked")
    assert outcomes[4] == done
    for seed in SEEDS:
        train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), places[seed])


@pytest.mark.parametrize("network", [small.RESNET, small.VIT, small.ALTERNET], ids=["resnet", "vit", "alternet"])
def test_side_by_side_every_seed_is_its_solo_run(tmp_path, network):
    """Trained in turns, with SAM and averages too, every seed ends with the very weights and history of its solo run."""
    arm, splits = small.arm(network, sam=0.05, ema=0.9), small.few()
    outcomes = train_seeds(arm, SEEDS, splits, folders(tmp_path / "turns"), way="side by side")
    for seed in SEEDS:
        solo = train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert outcomes[seed].history == solo.history
        assert "3 seeds side by side" in outcomes[seed].mode
        for when in ("init", "warmup", "end", "end-ema"):
            one, other = (load_snapshot(tmp_path / place / str(seed), when) for place in ("turns", "solo"))
            assert all(torch.equal(one[key], other[key]) for key in one)


def test_side_by_side_a_diverging_seed_harms_nobody(tmp_path, monkeypatch):
    """A seed whose weights become infinite leaves the turns as diverged; the others go on to their ends."""
    arm, splits = small.arm(small.VIT, lr=1e-3), small.few()
    epoch = Training.epoch

    def sabotaged(self):
        yield from epoch(self)
        if self.seed == 1:
            next(self.model.parameters()).data.fill_(torch.inf)

    monkeypatch.setattr(Training, "epoch", sabotaged)
    outcomes = train_seeds(arm, SEEDS, splits, folders(tmp_path / "turns"), way="side by side")
    assert [outcomes[seed].status for seed in SEEDS] == ["finished", "diverged", "finished"]
    solo = train(arm, 4, splits, tmp_path / "solo")
    assert outcomes[4].history == solo.history


def making(arm, splits):
    """Return what makes trainings to be thrown away."""
    return lambda number: small.run(dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, snapshots=())), number, splits)  # fmt: skip


def test_the_fastest_way_is_found_by_trying(monkeypatch):
    """Each way is tried on as many seeds as it would train; the one with the shortest step for all seeds wins."""
    tried = {}

    def seconds(runs, way):
        tried[way] = [run.seed for run in runs]
        return {"alone": 1.0, "side by side": 2.5, "stacked": 2.0}[way]

    monkeypatch.setattr(module, "seconds_per_step", seconds)
    make = making(small.arm(small.VIT), small.few())
    assert fastest(make, 3) == "stacked"
    assert tried == {"alone": [0], "side by side": [0, 1, 2], "stacked": [0, 1, 2]}
    assert fastest(make, 1) == "alone"


@pytest.mark.parametrize("changes", [{"sam": 0.05}, {}], ids=["a recipe", "a model"])
def test_a_way_that_cannot_be_gone_is_not_chosen(changes, monkeypatch):
    """What cannot be stacked is not chosen: a recipe with SAM, or a model that vmap refuses."""

    def refuses(*_, **__):
        raise RuntimeError("vmap: no batching rule")

    if not changes:
        monkeypatch.setattr(stacked, "vmap", refuses)
    monkeypatch.setattr(module, "TRIED_STEPS", 2)
    make = making(small.arm(small.VIT, **changes), small.few())
    with pytest.raises((RuntimeError, VitworkError), match=r"stacked|batching rule"):
        seconds_per_step([make(0), make(1)], "stacked")
    assert seconds_per_step([make(0), make(1)], "side by side") > 0
    assert fastest(make, 2) in {"alone", "side by side"}


def test_a_gpu_trains_in_the_fastest_way(tmp_path, monkeypatch):
    """Where seeds may go at once, trials decide; what they did is nowhere to be seen in the trainings or on the disk."""
    arm, splits, tried = small.arm(small.VIT, lr=1e-3), small.few(), []

    def choose(make, count):
        tried.append(count)
        seconds_per_step([make(number) for number in range(count)], "side by side")
        assert not (tmp_path / "turns").exists()
        return "side by side"

    monkeypatch.setattr(module, "pays", lambda *_: True)
    monkeypatch.setattr(module, "fastest", choose)
    outcomes = train_seeds(arm, SEEDS, splits, folders(tmp_path / "turns"))
    assert tried == [3]
    assert outcomes[4].history == train(arm, 4, splits, tmp_path / "solo").history


def test_a_recipe_that_cannot_be_stacked_says_so(tmp_path):
    """Asked for in words, stacking a recipe with SAM is refused in one sentence."""
    with pytest.raises(VitworkError, match="it is not stacked"):
        train_seeds(small.arm(sam=0.05), SEEDS, small.few(), folders(tmp_path), way="stacked")


def test_stacked_seeds_tell_how_far_they_are(tmp_path):
    """Progress of stacked seeds has the loss and accuracy of the epoch so far, as a solo run's has."""
    arm, splits = small.arm(small.VIT, lr=1e-3), small.few()
    solo, joint = [], []
    train(arm, 3, splits, tmp_path / "solo", progress=solo.append, every=0.0)
    train_seeds(arm, (3, 1), splits, folders(tmp_path / "joint"), way="stacked", progress=joint.append, every=0.0)
    assert [told.step for told in joint] == [told.step for told in solo]
    assert [told.loss for told in joint] == pytest.approx([told.loss for told in solo], rel=1e-2)
    assert [told.accuracy for told in joint] == pytest.approx([told.accuracy for told in solo], abs=0.1)


def test_stacked_seeds_are_saved_within_an_epoch(tmp_path):
    """Stopped in the middle of an epoch, stacked seeds continue there, together or alone, and end as ever."""
    arm, splits, places = small.arm(small.VIT, lr=1e-3), small.few(), folders(tmp_path / "joint")

    stop = small.stop_at(10)
    with pytest.raises(small.StopTrainingError):
        train_seeds(arm, SEEDS, splits, places, way="stacked", progress=stop, every=0.0, checkpoint_seconds=0.0)
    assert {read_tensors(places[seed] / "checkpoint.pt")["done"] for seed in SEEDS} == {10}
    train(arm, 3, splits, places[3])
    train_seeds(arm, SEEDS, splits, places, way="stacked")
    for seed in SEEDS:
        train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), places[seed])


def test_a_cpu_trains_one_after_another(tmp_path):
    """On a CPU the automatic choice is solo runs, bit for bit."""
    arm, splits = small.arm(epochs=1, snapshots=("end",)), small.few()
    images = small.few().train
    assert not pays("cpu", images)
    assert pays("cuda", images)
    assert not pays("cuda", SimpleNamespace(images=iter(())))  # streamed: read once for each seed
    train_seeds(arm, (1,), splits, {1: tmp_path / "a"})
    train(arm, 1, splits, tmp_path / "b")
    one, other = load_snapshot(tmp_path / "a", "end"), load_snapshot(tmp_path / "b", "end")
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_side_by_side_a_model_that_draws_is_its_solo_run(tmp_path):
    """Weights drawn by NumPy, and dropout from torch's global generator, are those of the solo run, bit for bit."""
    arm, splits = (
        dataclasses.replace(small.arm(small.VIT), model="small_trainings:drawing_network", options={}),
        small.few(),
    )
    arm = dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, drop_path=0.0))
    train_seeds(arm, SEEDS, splits, folders(tmp_path / "together"), way="side by side")
    for seed in SEEDS:
        train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), tmp_path / "together" / str(seed), tolerance=0)
