import dataclasses
import json
import math

import pytest
import torch
import torch.nn.functional as F
from timm.loss import SoftTargetCrossEntropy

from tests.training import small_trainings as small
from vitwork.design.recipe import Augmentation
from vitwork.errors import VitworkError
from vitwork.training.train import build_model, load_snapshot, train

PLAIN = Augmentation(crop_padding=0, flip=0.0)


def weights(folder, when="end"):
    return load_snapshot(folder, when)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_training_learns_and_leaves_what_its_recipe_asks_for(tmp_path):
    """The task is learned far above chance; snapshots, history and outcome are there, the checkpoint is gone."""
    outcome = train(small.arm(small.RESNET, epochs=6, drop_path=0.0, lr=1e-2), 0, small.splits(256), tmp_path)
    assert outcome.status == "finished"
    assert outcome.history[-1]["test_accuracy"] > 0.6
    assert [entry["epoch"] for entry in outcome.history] == list(range(1, 8))
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "end.pt", "epoch-1.pt", "init.pt", "outcome.json", "warmup.pt",
    ]  # fmt: skip
    assert outcome.parameters == sum(
        parameter.numel() for parameter in build_model(small.arm(small.RESNET), 4).parameters()
    )
    assert "cpu, fp32, channels-last" in outcome.mode


def test_the_end_snapshot_is_the_model_that_was_tested(tmp_path):
    """Accuracy and loss of the last history entry are those of the weights on disk, computed by plain torch."""
    arm, splits = small.arm(small.RESNET), small.splits()
    outcome = train(arm, 3, splits, tmp_path)
    model = build_model(arm, 4).eval()
    model.load_state_dict(weights(tmp_path))
    x = (splits.test.images / 255 - 0.5) / 0.25
    with torch.no_grad():
        logits = model(x)
    assert outcome.history[-1]["test_nll"] == pytest.approx(
        F.cross_entropy(logits, splits.test.labels).item(), rel=1e-5
    )
    accuracy = (logits.argmax(1) == splits.test.labels).double().mean().item()
    assert outcome.history[-1]["test_accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_weights_are_those_of_a_plain_loop(tmp_path, optimizer):
    """Unaugmented, the trained weights equal a loop written with torch's own parts: order, schedule, loss, clipping."""
    arm = small.arm(
        optimizer=optimizer, augmentation=PLAIN, drop_path=0.0, decay="matrices", weight_decay=0.1, snapshots=("end",)
    )
    splits, recipe = small.splits(), arm.recipe
    train(arm, 5, splits, tmp_path)
    torch.manual_seed(5)
    model = build_model(arm, 4)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    spared = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": spared, "weight_decay": 0.0}]
    kind = {"adamw": torch.optim.AdamW, "sgd": lambda g, lr: torch.optim.SGD(g, lr=lr, momentum=0.9)}[optimizer]
    optimiser = kind(groups, lr=1.0)
    run = small.run(arm, 5, splits)
    for epoch in range(3):
        for number, batch in enumerate(run.batches.order(epoch).split(16)):
            done = epoch + number / 7
            rate = recipe.lr * (done if done < 1 else 0.5 * (1 + math.cos(math.pi * (done - 1) / 2)))
            x = (splits.train.images[batch] / 255 - 0.5) / 0.25
            loss = F.cross_entropy(model(x), splits.train.labels[batch], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
    for key, value in weights(tmp_path).items():
        torch.testing.assert_close(value, model.state_dict()[key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("network", [small.RESNET, small.VIT], ids=["resnet", "vit"])
def test_the_loss_curve_is_that_of_a_plain_loop_on_the_same_batches(tmp_path, network):
    """With the official schedule and mixed, smoothed targets, each epoch's loss is that of a loop of torch's and timm's parts."""
    mixed = Augmentation(crop_padding=1, mixup=1.0, cutmix=0.8)
    arm = small.arm(network, drop_path=0.0, augmentation=mixed, schedule="cosine-epochs", weight_decay=0.05, epochs=3)
    splits = small.splits()
    history = train(arm, 5, splits, tmp_path).history
    batches = small.run(arm, 5, splits).batches
    torch.manual_seed(5)
    model, criterion = build_model(arm, 4), SoftTargetCrossEntropy()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: step / len(batches))
    for epoch in range(4):
        if epoch == 1:
            cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=3)
        total = 0.0
        for x, targets in batches.epoch(epoch):
            loss = criterion(model(x), targets)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            warmup.step() if epoch == 0 else None
            total += loss.item() * len(x)
        cosine.step() if epoch else None
        assert history[epoch]["loss"] == pytest.approx(total / 100, rel=1e-4)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path):
    """Training is a function of arm, data and seed."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(small.arm(), seed, small.splits(), tmp_path / name)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_arms_of_one_seed_share_order_and_augmentation(tmp_path):
    """Two networks that draw differently see the same augmented batches in the same order, two seeds do not."""
    splits, seen = small.splits(), []
    for network, seed in ((small.RESNET, 1), (small.VIT, 1), (small.VIT, 2)):
        torch.manual_seed(seed)
        run = small.run(small.arm(network), seed, splits)
        batches = []
        for x, targets in run.batches.epoch(0):
            run.depth.draw(len(x))
            run.step(x, targets, 1e-3)
            batches.append(x.clone())
        seen.append(torch.cat(batches))
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_every_image_is_seen_once_per_epoch_and_orders_differ(tmp_path):
    """Each epoch is a permutation of the training set, and no two are alike."""
    run = small.run(small.arm(), 0, small.splits())
    orders = [run.batches.order(epoch) for epoch in range(3)]
    assert all(torch.equal(order.sort().values, torch.arange(100)) for order in orders)
    assert not torch.equal(orders[0], orders[1])


def test_the_callers_generators_are_left_alone(tmp_path):
    """A training in between does not change what the caller draws next."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    train(small.arm(epochs=1), 1, small.splits(), tmp_path)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("changes", [{"lr": 1e9, "optimizer": "sgd", "clip": None}, {"lr": 1e30, "optimizer": "sgd"}])
def test_divergence_is_an_outcome(tmp_path, changes):
    """A learning rate that blows the weights up ends as a diverged run with its history, without an exception."""
    outcome = train(small.arm(small.VIT, **changes), 0, small.splits(), tmp_path)
    assert outcome.status == "diverged"
    assert outcome.history
    assert "test_accuracy" not in outcome.history[-1] or not math.isfinite(outcome.history[-1]["test_nll"])
    assert not (tmp_path / "end.pt").exists()
    again = train(small.arm(small.VIT, **changes), 0, small.splits(), tmp_path)
    assert again.status == "diverged"
    assert again.seconds == outcome.seconds


def test_a_finished_run_is_not_trained_again(tmp_path):
    """A second call returns the stored outcome."""
    first = train(small.arm(), 0, small.splits(), tmp_path)
    assert train(small.arm(), 0, small.splits(), tmp_path) == first


def test_a_damaged_snapshot_is_set_aside_and_redone(tmp_path):
    """A finished run with a truncated snapshot is trained again to the same weights; the damaged file is kept aside."""
    train(small.arm(), 0, small.splits(), tmp_path)
    before, path = weights(tmp_path), tmp_path / "end.pt"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VitworkError, match=r"end\.pt is truncated"):
        load_snapshot(tmp_path, "end")
    with pytest.warns(UserWarning, match=r"end\.pt is damaged"):
        train(small.arm(), 0, small.splits(), tmp_path)
    assert same(weights(tmp_path), before)
    assert (tmp_path / "end.pt.corrupt").exists()


def test_a_folder_of_another_run_is_refused(tmp_path):
    """A folder that holds another arm's outcome is an error that says so."""
    train(small.arm(), 0, small.splits(), tmp_path)
    with pytest.raises(VitworkError, match="another run"):
        train(small.arm(lr=1e-4), 0, small.splits(), tmp_path)


def test_a_missing_snapshot_is_named(tmp_path):
    """Asking for a snapshot that the recipe did not take is one clear sentence."""
    with pytest.raises(VitworkError, match="no snapshot 'epoch-7'"):
        load_snapshot(tmp_path, 7)


def test_drop_path_reaches_the_model_and_options_win(tmp_path):
    """The recipe's stochastic depth is built into the model unless the arm's own options set it."""
    arm = small.arm(small.VIT, drop_path=0.3)
    run = small.run(arm, 0, small.splits())
    assert max(layer.probability for layer in run.depth.layers.values()) == pytest.approx(0.3)
    fixed = dataclasses.replace(arm, options={**arm.options, "drop_path": 0.1})
    run = small.run(fixed, 0, small.splits())
    assert max(layer.probability for layer in run.depth.layers.values()) == pytest.approx(0.1)


def test_a_users_model_without_stochastic_depth_is_trained_and_says_so(tmp_path):
    """A builder that takes no drop_path is not handed one; that the recipe's rate had no effect is in the run's mode."""
    outcome = train(
        small.arm(("small_trainings:plain_network", {}), epochs=1, snapshots=()), 0, small.splits(), tmp_path / "plain"
    )
    assert outcome.status == "finished"
    assert "no stochastic depth to set to 0.2" in outcome.mode
    assert "stochastic" not in train(small.arm(epochs=1, snapshots=()), 0, small.splits(), tmp_path / "vit").mode


def test_progress_is_reported(tmp_path):
    """Progress counts steps up to the total and reads as one line."""
    reports = []
    train(small.arm(), 0, small.splits(), tmp_path, progress=reports.append, every=0.0)
    assert [report.step for report in reports] == list(range(1, 22))
    assert {report.steps for report in reports} == {21}
    assert "images/s" in str(reports[0])
    assert math.isfinite(reports[3].loss)


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"deterministic": True}, {"precision": "tf32"}])
def test_modes_are_recorded_and_restored(tmp_path, changes):
    """Precision and determinism are in the outcome and do not outlive the training."""
    outcome = train(small.arm(epochs=1, snapshots=(), **changes), 0, small.splits(), tmp_path)
    assert outcome.status == "finished"
    assert str(changes.get("precision", "deterministic")) in outcome.mode
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32


def test_the_outcome_on_disk_is_plain_json(tmp_path):
    """What the folder says of the run can be read without vitwork."""
    outcome = train(small.arm(epochs=1), 0, small.splits(), tmp_path)
    text = (tmp_path / "outcome.json").read_bytes().split(b"vitwork-sha256:")[0]
    assert json.loads(text)["history"] == outcome.history
