"""Training of several seeds of an arm as one batched computation: weights are stacked, and a step serves all seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, vmap

from vitwork.design import schedule
from vitwork.device.unfused_attention import math_attention
from vitwork.errors import VitworkError
from vitwork.models.batching import Batchable
from vitwork.training import numerics, optimisers, step
from vitwork.training.training import FINITE_EVERY, Training, on_stream


class Stacked:
    """Runs of one arm that are at the same step, trained as one.

    A seed that diverges fills only its own slice with NaN. Random numbers that a model draws outside stochastic depth
    (dropout) differ from those of the solo runs.

    Args:
        runs: one per seed; each keeps its own batches, draws, history and folder.

    Raises:
        VitworkError: the recipe has a part that cannot be batched.
    """

    def __init__(self, runs: Sequence[Training]) -> None:
        recipe = runs[0].recipe
        if recipe.sam or recipe.ema or recipe.compile:
            raise VitworkError(
                f"Recipe {recipe.name} has SAM, an average of weights or compilation: it is not stacked."
            )
        self.runs = runs
        self.recipe, self.device, self.stream = runs[0].recipe, runs[0].device, runs[0].stream
        for run in runs:
            run.sharing, run.way, run.started = len(runs), "stacked", time.perf_counter()
            run.stream = self.stream
        named = [dict(run.model.named_parameters()) for run in runs]
        self.parameters = {
            name: torch.stack([own[name].detach() for own in named]).requires_grad_(parameter.requires_grad)
            for name, parameter in named[0].items()
        }
        self.trained = [parameter for parameter in self.parameters.values() if parameter.requires_grad]
        buffers = [dict(run.model.named_buffers()) for run in runs]
        self.buffers = {name: torch.stack([own[name] for own in buffers]) for name in buffers[0]}
        self.optimiser = self._stacked_optimiser()
        self.sums = torch.stack([run.step.tally.sums for run in runs])
        for run, sums in zip(runs, self.sums, strict=True):
            run.step.tally.sums = sums  # a row of the stacked sums, so that each run knows its progress
        capture = step.capture_for(self.recipe, self.device)
        self.rate = optimisers.LearningRate(self.optimiser, self.device, changing=capture is not None)
        self.last_rate = 0.0
        self.update = step.replayed(self._update, self._state, optimisers.capturing(self.optimiser, capture))

    def _stacked_optimiser(self) -> torch.optim.Optimizer:
        """Return an optimiser over the stacked weights in the runs' groups and with the runs' states."""
        solo = self.runs[0].step.optimiser
        stacked = dict(zip(self.runs[0].model.parameters(), self.parameters.values(), strict=True))
        groups = [
            {"params": [stacked[p] for p in group["params"]], "weight_decay": group["weight_decay"]}
            for group in solo.param_groups
        ]
        optimiser = optimisers.make_optimiser(groups, self.recipe)
        for states, (own, parameter) in zip(self._states(), stacked.items(), strict=True):
            if solo.state[own]:
                optimiser.state[parameter] = {
                    key: torch.stack([state[key] for state in states]) if value.ndim else value.clone()
                    for key, value in states[0].items()
                }
        return optimiser

    def _states(self) -> list[list[dict[str, Tensor]]]:
        """Return for each parameter the optimiser's states in all runs."""
        per_run = [[run.step.optimiser.state[p] for p in run.model.parameters()] for run in self.runs]
        return [list(states) for states in zip(*per_run, strict=True)]

    def _state(self) -> list[Tensor]:
        return [*self.parameters.values(), *self.buffers.values(), *optimisers.state(self.optimiser), self.sums]

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy weights, statistics and optimiser states to the runs, which can then continue alone."""
        for index, run in enumerate(self.runs):
            for name, own in [*run.model.named_parameters(), *run.model.named_buffers()]:
                own.copy_((self.parameters.get(name, self.buffers.get(name)))[index])  # type: ignore[index]
            for own, stacked in zip(run.model.parameters(), self.parameters.values(), strict=True):
                run.step.optimiser.state[own] = {
                    key: torch.empty_like(own).copy_(value[index]) if value.ndim else value.clone()
                    for key, value in self.optimiser.state[stacked].items()
                }

    def _forward(
        self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], x: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return one seed's loss and logits; batched over seeds by vmap."""
        with numerics.autocast(self.recipe, self.device):
            logits = functional_call(self.runs[0].model, (dict(parameters), dict(buffers)), (x,))
        return F.cross_entropy(logits.float(), targets), logits

    def _clip(self, largest: float) -> None:
        """Scale each seed's gradients so that their norm is at most `largest`."""
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        factors = (largest / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))

    def _update(self, x: Tensor, targets: Tensor) -> None:
        """Do the device's part of a step, on images (seeds, b, c, h, w) and targets (seeds, b, classes)."""
        self.optimiser.zero_grad(set_to_none=True)
        # Under vmap, the fused attention kernels do not notice that a relative-position bias needs a gradient.
        with math_attention(), Batchable():
            losses, logits = vmap(self._forward, randomness="different")(self.parameters, self.buffers, x, targets)
            torch.autograd.backward(losses.sum())
        if self.recipe.clip is not None:
            self._clip(self.recipe.clip)
        self.optimiser.step()
        correct = (logits.argmax(2) == targets.argmax(2)).sum(1)
        self.sums += torch.stack([losses.detach() * x.shape[1], correct], dim=1).to(self.sums.dtype)

    def step(self, batches: Sequence[tuple[Tensor, Tensor]], rate: float) -> None:
        """Take one step for all seeds, each on its own batch."""
        for run, (x, _) in zip(self.runs, batches, strict=True):
            run.depth.draw(len(x))
        for name in self.runs[0].depth.layers:
            torch.stack([run.depth.layers[name].factors for run in self.runs], out=self.buffers[f"{name}.factors"])
        x, targets = (torch.stack(parts) for parts in zip(*batches, strict=True))
        self.rate.set(rate)
        self.last_rate = rate
        self.update(x, targets)
        for run in self.runs:
            run.step.tally.seen += x.shape[1]
            run.done += 1

    def finite(self) -> bool:
        """Return whether any seed still has a finite loss; waits for the device."""
        losses = self.sums[:, 0].tolist()
        return any(run.finite and math.isfinite(loss) for run, loss in zip(self.runs, losses, strict=True))

    def living(self) -> list[Training]:
        """Return the runs that have not diverged."""
        return [run for run in self.runs if run.finite]

    def epoch(self) -> Iterator[None]:
        """Train to the end of the current epoch, pausing after each step."""
        lead = self.runs[0]
        epoch, start = divmod(lead.done, len(lead.batches))
        for run in self.runs:
            run.model.train()
        for batches in zip(*(run.batches.epoch(epoch, start) for run in self.runs), strict=True):
            self.step(batches, schedule.learning_rate(self.recipe, lead.done, len(lead.batches)))
            if lead.done % FINITE_EVERY == 0 and not self.finite():
                break
            if lead.done % len(lead.batches) and any(run.due for run in self.living()):
                self.write_back()
                self.save_if_due()
            yield
        self.write_back()
        for run in self.living():
            run.finite = run.end_epoch(self.last_rate)
        self.sums.zero_()
        self.save_if_due()

    def save_if_due(self) -> None:
        """Write the checkpoints that are due; `write_back` has to come first."""
        for run in self.living():
            run.save_if_due()

    def _steps(self) -> Iterator[None]:
        lead = self.runs[0]
        while self.living() and lead.done < lead.total:
            if lead.done % len(lead.batches) == 0:
                for run in self.living():
                    run.take_snapshots()
            yield from self.epoch()
        for run in self.runs:
            run.way = ", ".join(filter(None, ["stacked", self.update.note]))
        for run in self.living():
            run.finite = run.finish()

    def steps(self) -> Iterator[None]:
        """Train to the end, pausing after each step; each run's `finite` then tells whether it diverged."""
        return on_stream(self._steps(), self.stream)
