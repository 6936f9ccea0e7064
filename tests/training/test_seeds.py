import pytest
import small_trainings as small
import torch

from vitwork.training import seeds as module
from vitwork.training.engine import load_snapshot, train
from vitwork.training.seeds import pays, train_seeds

SEEDS = (3, 1, 4)


def folders(path):
    return {seed: path / str(seed) for seed in SEEDS}


def assert_same_weights(one, other, tolerance=2e-4):
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
    """Trained together, every seed has its solo run's weights, statistics, stochastic depth and history, up to rounding."""
    arm, splits = small.arm(network, optimizer=optimizer, lr=1e-3), small.splits()
    together = train_seeds(arm, SEEDS, splits, folders(tmp_path / "together"), together=True)
    for seed in SEEDS:
        solo = train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), tmp_path / "together" / str(seed))
        for expected, actual in zip(solo.history, together[seed].history, strict=True):
            assert actual == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_a_diverging_seed_harms_nobody(tmp_path, monkeypatch):
    """One seed's weights are made infinite after the first step; it ends as diverged, the others as their solo runs."""
    arm, splits = small.arm(small.VIT, lr=1e-3), small.splits()
    step = module.Together.step

    def sabotaged(self, batches, rate):
        step(self, batches, rate)
        if self.runs[0].done == 1:
            next(iter(self.parameters.values())).data[1] = torch.inf

    monkeypatch.setattr(module.Together, "step", sabotaged)
    outcomes = train_seeds(arm, SEEDS, splits, folders(tmp_path / "together"), together=True)
    assert [outcomes[seed].status for seed in SEEDS] == ["finished", "diverged", "finished"]
    assert len(outcomes[1].history) == 1
    for seed in (3, 4):
        train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), tmp_path / "together" / str(seed))


def test_seeds_continue_what_solo_runs_left_and_back(tmp_path):
    """A solo run's checkpoint is taken up by the joint training, and finished seeds are not trained again."""
    arm, splits, places = small.arm(small.RESNET, lr=1e-3), small.splits(), folders(tmp_path / "together")

    class StopTrainingError(Exception):
        pass

    def stop(progress):
        if progress.step == 8:
            raise StopTrainingError

    for seed in (3, 1):
        with pytest.raises(StopTrainingError):
            train(arm, seed, splits, places[seed], progress=stop, every=0.0, checkpoint_seconds=0.0)
    done = train(arm, 4, splits, places[4])
    outcomes = train_seeds(arm, SEEDS, splits, places, together=True)
    assert outcomes[4] == done
    for seed in SEEDS:
        train(arm, seed, splits, tmp_path / "solo" / str(seed))
        assert_same_weights(tmp_path / "solo" / str(seed), places[seed])


def test_a_cpu_trains_one_after_another(tmp_path):
    """On a CPU the automatic choice is solo runs, bit for bit."""
    arm, splits = small.arm(epochs=1, snapshots=("end",)), small.splits()
    assert not pays(arm.recipe, torch.device("cpu"))
    assert pays(arm.recipe, torch.device("cuda"))
    train_seeds(arm, (1,), splits, {1: tmp_path / "a"})
    train(arm, 1, splits, tmp_path / "b")
    one, other = load_snapshot(tmp_path / "a", "end"), load_snapshot(tmp_path / "b", "end")
    assert all(torch.equal(one[key], other[key]) for key in one)
