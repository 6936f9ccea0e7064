"""Several seeds of an arm in one program: their weights are stacked and every step is one batched computation.

On a GPU that small networks leave idle, this costs little more than one seed; on a CPU it is slower than one seed after
another, which is then done instead.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, vmap

from vitwork.arms import Arm
from vitwork.models import math_attention
from vitwork.training import checkpoint, engine, generators, linear, mode, optimisers, schedule
from vitwork.training.distributed import World
from vitwork.training.outcome import Outcome, Progress
from vitwork.training.recipe import Recipe
from vitwork.training.run import FINITE_EVERY, Run

if TYPE_CHECKING:
    from vitwork.data.images import Splits


def pays(recipe: Recipe, device: torch.device) -> bool:
    """Return whether seeds are better trained together: on a GPU, for recipes that this module can batch."""
    return device.type == "cuda" and not (recipe.sam or recipe.ema or recipe.compile)


class Together:
    """Runs of one arm that are at the same step, trained as one.

    A seed that diverges fills its own slice with NaN and nobody else's. What a model draws outside stochastic depth
    (dropout) is drawn anew and does not repeat the solo runs' draws.

    Args:
        runs: one per seed; each keeps its own batches, draws, history and folder.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        self.recipe, self.device = runs[0].recipe, runs[0].device
        for run in runs:
            linear.restore(run.model)
            run.fast_linear = False
            run.sharing, run.started = len(runs), time.perf_counter()
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
        self.alive = [True] * len(runs)
        self.rate = 0.0

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

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy weights, statistics, optimiser states and sums to the runs, which can then go on alone."""
        for index, run in enumerate(self.runs):
            for name, own in [*run.model.named_parameters(), *run.model.named_buffers()]:
                own.copy_((self.parameters.get(name, self.buffers.get(name)))[index])  # type: ignore[index]
            for own, stacked in zip(run.model.parameters(), self.parameters.values(), strict=True):
                run.step.optimiser.state[own] = {
                    key: torch.empty_like(own).copy_(value[index]) if value.ndim else value.clone()
                    for key, value in self.optimiser.state[stacked].items()
                }
            run.step.tally.sums.copy_(self.sums[index])

    def _forward(
        self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], x: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return one seed's loss and logits; batched over seeds by vmap."""
        with mode.autocast(self.recipe, self.device):
            logits = functional_call(self.runs[0].model, (dict(parameters), dict(buffers)), (x,))
        return F.cross_entropy(logits.float(), targets), logits

    def _clip(self, largest: float) -> None:
        """Scale each seed's gradients so that their norm is at most `largest`."""
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        factors = (largest / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))

    def step(self, batches: Sequence[tuple[Tensor, Tensor]], rate: float) -> None:
        """Take one step for all seeds, each on its own batch."""
        self.rate = rate
        for run, (x, _) in zip(self.runs, batches, strict=True):
            run.depth.draw(len(x))
        for name in self.runs[0].depth.layers:
            torch.stack([run.depth.layers[name].factors for run in self.runs], out=self.buffers[f"{name}.factors"])
        x, targets = (torch.stack(parts) for parts in zip(*batches, strict=True))
        self.optimiser.zero_grad(set_to_none=True)
        # The fused attention kernels do not see under vmap that a relative-position bias needs its gradient.
        with math_attention():
            losses, logits = vmap(self._forward, randomness="different")(self.parameters, self.buffers, x, targets)
            torch.autograd.backward(losses.sum())
        if self.recipe.clip is not None:
            self._clip(self.recipe.clip)
        optimisers.set_learning_rate(self.optimiser, rate)
        self.optimiser.step()
        correct = (logits.argmax(2) == targets.argmax(2)).sum(1)
        self.sums += torch.stack([losses.detach() * x.shape[1], correct], dim=1).to(self.sums.dtype)
        for run in self.runs:
            run.step.tally.seen += x.shape[1]
            run.done += 1

    def finite(self) -> bool:
        """Return whether any seed still has a finite loss; waits for the device."""
        return any(
            alive and math.isfinite(loss) for alive, loss in zip(self.alive, self.sums[:, 0].tolist(), strict=True)
        )

    def epoch(self, report: Callable[[], None]) -> None:
        """Train to the end of the epoch under way."""
        lead = self.runs[0]
        epoch, start = divmod(lead.done, len(lead.batches))
        for run in self.runs:
            run.model.train()
        for batches in zip(*(run.batches.epoch(epoch, start) for run in self.runs), strict=True):
            self.step(batches, schedule.learning_rate(self.recipe, lead.done, len(lead.batches)))
            if lead.done % FINITE_EVERY == 0 and not self.finite():
                break
            report()
        self.write_back()
        self.alive = [run.end_epoch(self.rate) if alive else False for run, alive in self._living()]
        self.sums.zero_()
        for run, alive in self._living():
            if alive:
                run.save_if_due()

    def _living(self) -> list[tuple[Run, bool]]:
        return list(zip(self.runs, self.alive, strict=True))

    def train(self, report: Callable[[], None]) -> list[bool]:
        """Train to the end; return which seeds ended with a finite loss."""
        lead = self.runs[0]
        while lead.done < lead.total and any(self.alive):
            for run, alive in self._living():
                if alive and run.done % len(run.batches) == 0:
                    run.take_snapshots()
            self.epoch(report)
        return [alive and run.finish() for run, alive in self._living()]


def train_seeds(
    arm: Arm,
    seeds: Sequence[int],
    splits: Splits,
    folders: Mapping[int, Path],
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | None = None,
    every: float = 2.0,
    checkpoint_seconds: float = 30.0,
    together: bool | None = None,
) -> dict[int, Outcome]:
    """Train several seeds of an arm; each ends as its solo run does, up to rounding.

    Args:
        arm, splits, device, progress, every, checkpoint_seconds: as for `vitwork.training.engine.train`.
        seeds: the seeds.
        folders: each seed's folder; what `train` left there is continued, and the other way round.
        together: whether to train them as one; None for where it pays.

    Returns:
        Each seed's outcome; its seconds are its share of those of all seeds together.
    """
    device = torch.device(device)
    if not (pays(arm.recipe, device) if together is None else together):
        settings = {"device": device, "progress": progress, "every": every, "checkpoint_seconds": checkpoint_seconds}
        return {seed: engine.train(arm, seed, splits, folders[seed], **settings) for seed in seeds}  # type: ignore[arg-type]
    schedule.check(arm.recipe)
    outcomes: dict[int, Outcome] = {}
    waiting: dict[int, list[Run]] = {}
    with generators.seeded(0, device), mode.numerics(arm.recipe):
        for seed in seeds:
            torch.manual_seed(seed)
            run = Run(
                arm, seed, splits, folders[seed], device=device, world=World(), checkpoint_seconds=checkpoint_seconds
            )
            outcome = engine.stored_outcome(run)
            if outcome is not None:
                outcomes[seed] = outcome
                continue
            state = checkpoint.read_or_set_aside(run.folder / "checkpoint.pt", device)
            if state is not None:
                run.restore(state)
            waiting.setdefault(run.done, []).append(run)
        for runs in waiting.values():  # seeds that an earlier attempt left at different steps cannot share a step
            finished = Together(runs).train(engine.reporter(runs[0], progress, every))
            outcomes |= {run.seed: run.outcome(end) for run, end in zip(runs, finished, strict=True)}
    return {seed: outcomes[seed] for seed in seeds}
