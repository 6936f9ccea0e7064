"""The state of a running training, its steps, and its files on disk."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vitwork.design import schedule
from vitwork.design.arm import Arm
from vitwork.device.settings import kept
from vitwork.errors import VitworkError
from vitwork.store.store import write_sealed
from vitwork.training import checkpoint, generators, numerics
from vitwork.training.batches import Augment, TrainingBatches
from vitwork.training.distributed import World
from vitwork.training.evaluation import evaluate_model
from vitwork.training.outcome import Outcome, Progress
from vitwork.training.step import Step, capture_for
from vitwork.training.stochastic_depth import StochasticDepth

if TYPE_CHECKING:
    from vitwork.data.images import ImageSet, Splits

FINITE_EVERY = 64  # steps between checks of the loss: rare enough not to delay a GPU, often enough to stop early


def build_model(arm: Arm, num_classes: int) -> nn.Module:
    """Return the arm's untrained model, with the recipe's stochastic depth unless the arm's options set another."""
    from vitwork.models import create

    drop_path = {"drop_path": arm.recipe.drop_path} if arm.recipe.drop_path else {}
    with kept():
        return create(arm.model, num_classes, **{**drop_path, **arm.options})


def make_augment(arm: Arm, images: ImageSet) -> Augment:
    """Return the arm's augmentation for a training set, including label smoothing."""
    from vitwork.data.augmentation import Augmenter
    from vitwork.data.sources.stream import Pictures, remaining

    recipe = arm.recipe
    streamed = isinstance(images.images, Pictures)
    augmentation = remaining(recipe.augmentation) if streamed else recipe.augmentation
    augment: Augment = Augmenter(
        augmentation, len(images.classes), images.mean, images.std, label_smoothing=recipe.label_smoothing
    )
    return augment


def on_stream(steps: Iterator[None], stream: torch.cuda.Stream | None) -> Iterator[None]:
    """Run steps on a stream, and the code between them on the caller's stream."""
    if stream is not None:
        stream.wait_stream(torch.cuda.current_stream(stream.device))  # for data prepared there
    left = True
    while left:
        with numerics.on(stream):
            left = next(steps, steps) is not steps
        if left:
            yield


class Training:
    """A running training: everything that changes during it, and the folder that it is saved to.

    Args:
        arm, seed: the arm and the seed to train.
        splits: training and test images.
        folder: folder for snapshots, the checkpoint and the outcome.
        device: device of the training.
        world: the processes that train it together.
        checkpoint_seconds: least time between two checkpoints; they never take more than about a twentieth of it.
    """

    def __init__(
        self,
        arm: Arm,
        seed: int,
        splits: Splits,
        folder: Path,
        *,
        device: torch.device,
        world: World,
        checkpoint_seconds: float,
    ) -> None:
        self.arm, self.recipe, self.seed, self.folder = arm, arm.recipe, seed, folder
        self.device, self.world, self.test = device, world, splits.test
        self.model = build_model(arm, len(splits.train.classes)).to(device)
        self.model.to(memory_format=numerics.layout(self.model))
        self.batches = TrainingBatches(
            splits.train,
            make_augment(arm, splits.train),
            batch_size=self.recipe.batch_size,
            seed=seed,
            device=device,
            share=(world.rank, world.processes),
            resized_crop=self.recipe.augmentation.resized_crop,
        )
        draws = generators.generator(device, seed, "stochastic depth", world.rank)
        self.depth = StochasticDepth(self.model, self.recipe.batch_size, draws)
        self.stream = numerics.own_stream(device) if world.processes == 1 else None
        capture = capture_for(self.recipe, device, world.processes)
        self.step = Step(self.model, self.recipe, device, world.parallel(self.model, device), capture)
        self.epochs = schedule.total_epochs(self.recipe)
        self.total = self.epochs * len(self.batches)
        self.snapshots = schedule.snapshot_steps(self.recipe, len(self.batches))
        self.done = 0
        self.finite = True
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.sharing, self.way = 1, ""  # number of runs trained at once, which share their time, and the way
        self.started = self.saved = time.perf_counter()
        self.started_at = 0
        self.interval = checkpoint_seconds
        data = arm.data, splits.train.fingerprint, self.total
        self.identity = repr((arm.model, dict(arm.options), self.recipe, seed, *data))
        self.torch_state = generators.torch_state(device)  # for the draws of the first step

    @property
    def images_done(self) -> int:
        """Training images seen so far."""
        whole, part = divmod(self.done, len(self.batches))
        return whole * len(self.batches.labels) + part * self.recipe.batch_size

    @property
    def spent(self) -> float:
        """Seconds of training over all attempts."""
        return self.seconds + (time.perf_counter() - self.started) / self.sharing

    def state(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        tally, average = self.step.tally, self.step.average
        mine = {
            "tally": (tally.sums, tally.seen),
            "augmentation": self.batches.state(self.done % len(self.batches)),
            "depth": self.depth.generator.get_state(),
            "generators": generators.global_state(self.device),
        }
        return {
            "identity": self.identity,
            "done": self.done,
            "history": self.history,
            "seconds": self.spent,
            "model": self.model.state_dict(),
            "optimiser": self.step.optimiser.state_dict(),
            "average": average.state if average is not None else None,
            "processes": self.world.gather(mine),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state.

        Raises:
            VitworkError: the state belongs to another run.
        """
        if state["identity"] != self.identity:
            raise VitworkError(f"{self.folder} holds the checkpoint of another run; give this one a folder of its own.")
        if len(state["processes"]) != self.world.processes:
            raise VitworkError(
                f"{self.folder} was trained by {len(state['processes'])} processes; resume it with as many."
            )
        self.done, self.history, self.seconds = state["done"], state["history"], state["seconds"]
        self.model.load_state_dict(state["model"])
        self.step.optimiser.load_state_dict(state["optimiser"])
        if self.step.average is not None:
            self.step.average.state = state["average"]
        mine = state["processes"][self.world.rank]
        self.step.tally.sums, self.step.tally.seen = mine["tally"][0].to(self.device), mine["tally"][1]
        self.batches.generator.set_state(mine["augmentation"].cpu())
        self.depth.generator.set_state(mine["depth"].cpu())
        generators.set_global_state(mine["generators"], self.device)
        self.torch_state = generators.torch_state(self.device)
        self.started_at = self.images_done

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.perf_counter() - self.saved >= self.interval

    def save_if_due(self) -> None:
        """Write a checkpoint when the last one is old enough."""
        if not self.world.follow(self.due):
            return
        before = time.perf_counter()
        state = self.state()
        if self.world.leads:
            checkpoint.write_tensors(self.folder / "checkpoint.pt", state)
        self.saved = time.perf_counter()
        self.interval = max(self.interval, 20 * (self.saved - before)) if self.interval else 0.0

    def take_snapshots(self) -> None:
        """Save the weights as a snapshot if the recipe asks for one at this point."""
        for name in self.snapshots.get(self.done, []) if self.world.leads else []:
            checkpoint.save_snapshot(self.folder, name, self.model.state_dict())
            if self.step.average is not None:
                checkpoint.save_snapshot(self.folder, f"{name}-ema", self.step.average.state)

    @property
    def kept(self) -> list[str]:
        """Names of all snapshots that the run saves."""
        names = [name for names in self.snapshots.values() for name in names]
        return names if self.step.average is None else [*names, *(f"{name}-ema" for name in names)]

    def progress(self) -> Progress:
        """Return how far the run is; waits for the device."""
        with numerics.on(self.stream):
            loss, accuracy = self.step.tally.read()
        rate = (self.images_done - self.started_at) / max(time.perf_counter() - self.started, 1e-9)
        left = self.epochs * len(self.batches.labels) - self.images_done
        epoch = min(self.done // len(self.batches) + 1, self.epochs)
        return Progress(epoch, self.epochs, self.done, self.total, loss, accuracy, rate, left / max(rate, 1e-9))

    def epoch(self) -> Iterator[None]:
        """Train to the end of the current epoch, or until the loss is not finite, pausing after each step."""
        epoch, start = divmod(self.done, len(self.batches))
        self.model.train()
        rate = 0.0
        for x, targets in self.batches.epoch(epoch, start):
            rate = schedule.learning_rate(self.recipe, self.done, len(self.batches))
            self.depth.draw(len(x))
            self.step(x, targets, rate)
            self.done += 1
            if self.done % FINITE_EVERY == 0 and not math.isfinite(self.step.tally.read(self.world)[0]):
                break
            # The end of an epoch is saved with its history, below. Several processes agree only every few steps.
            if self.done % len(self.batches) and (self.world.processes == 1 or self.done % FINITE_EVERY == 0):
                self.save_if_due()
            yield
        self.finite = self.end_epoch(rate)
        if self.finite:
            self.save_if_due()

    def end_epoch(self, rate: float) -> bool:
        """Add an epoch, possibly an incomplete one, to the history; return whether its loss is finite."""
        loss, accuracy = self.step.tally.read(self.world)
        epoch = math.ceil(self.done / len(self.batches))
        self.history.append({"epoch": epoch, "loss": loss, "accuracy": accuracy, "lr": rate})
        self.step.tally.reset()
        return math.isfinite(loss)

    def _steps(self) -> Iterator[None]:
        while self.finite and self.done < self.total:
            if self.done % len(self.batches) == 0:
                self.take_snapshots()
            yield from self.epoch()
        self.finite = self.finite and self.finish()

    def steps(self) -> Iterator[None]:
        """Train to the end, pausing after each step; `finite` then tells whether loss and weights stayed finite."""
        return on_stream(self._steps(), self.stream)

    def finish(self) -> bool:
        """Test and save the trained weights; return whether they are finite."""
        results = {"test": evaluate_model(self.model, self.test, self.device, self.step.memory)}
        if self.step.average is not None:
            trained = {key: value.clone() for key, value in self.model.state_dict().items()}
            self.model.load_state_dict(self.step.average.state)
            results["ema"] = evaluate_model(self.model, self.test, self.device, self.step.memory)
            self.model.load_state_dict(trained)
        if not all(math.isfinite(values["nll"]) for values in results.values()):
            return False
        for name, values in results.items():
            self.history[-1].update({f"{name}_{key}": value for key, value in values.items()})
        self.take_snapshots()
        return True

    def mode(self) -> str:
        """Return the numerical settings of the run in words."""
        notes = [self.step.update.note] if self.step.update.note else []
        notes += ["images streamed"] if self.batches.streamed else []
        notes += [f"{self.world.processes} processes"] if self.world.processes > 1 else []
        notes += [f"{self.sharing} seeds {self.way}"] if self.sharing > 1 else []
        if self.recipe.drop_path and not self.depth.layers:
            notes.append(f"no stochastic depth to set to {self.recipe.drop_path:g}")
        return numerics.describe(self.recipe, self.device, self.step.memory, *notes)

    def outcome(self) -> Outcome:
        """Write and return the outcome of the run, and remove its checkpoint."""
        seconds = self.spent
        outcome = Outcome(
            status="finished" if self.finite else "diverged",
            history=self.history,
            seconds=seconds,
            images_per_second=self.images_done / seconds,
            mode=self.mode(),
            parameters=checkpoint.parameter_count(self.model),
        )
        if not self.world.leads:
            return outcome
        content = {"identity": self.identity, **dataclasses.asdict(outcome)}
        write_sealed(self.folder / "outcome.json", json.dumps(content).encode())
        (self.folder / "checkpoint.pt").unlink(missing_ok=True)
        return outcome
