"""One optimiser step, which reads no value back from the device, so that it can be captured and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vitwork.design.recipe import Recipe
from vitwork.device import graphs
from vitwork.device.graphs import Capture
from vitwork.device.replay import Replayed, weakly
from vitwork.training import numerics, optimisers
from vitwork.training.distributed import World

WARM_UP = 3  # steps before the capture
LARGEST_DIFFERENCE = 0.1  # relative, between the changes that a replayed and a computed step make to a tensor


def capture_for(recipe: Recipe, device: torch.device, processes: int = 1) -> Capture | None:
    """Return a function that captures steps, or None where every step should be computed.

    Steps are not captured on a CPU, in several processes (whose steps wait for each other), for debugging, or where
    torch.compile captures them itself.
    """
    suits = recipe.compile in {"", "default"} and not recipe.deterministic and processes == 1
    return graphs.capture_on(device) if suits else None


def replayed(update: Callable[..., None], state: Callable[[], list[Tensor]], capture: Capture | None) -> Replayed[None]:
    """Return `update`, a method that takes a step, in a form that is replayed once it is captured."""
    return Replayed(weakly(update), capture, state=weakly(state), warm_up=WARM_UP, tolerance=LARGEST_DIFFERENCE)


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Stop updates of BatchNorm's running statistics inside the context; it still normalises by each batch."""
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


class Tally:
    """Sums over the training images of an epoch, kept on the device until they are read.

    Args:
        device: device of the sums.

    Attributes:
        sums: sums of losses and of correct predictions.
        seen: number of images in the sums, which the caller of `add` counts.
    """

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
        self.seen = 0

    @torch.no_grad()
    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Add a batch's mean `loss`, and how often the class of the largest target was predicted, to the sums."""
        correct = (logits.argmax(1) == targets.argmax(1)).sum()
        self.sums += torch.stack([loss.detach() * len(logits), correct]).to(self.sums.dtype)

    def read(self, world: World | None = None) -> tuple[float, float]:
        """Return mean loss and accuracy, over the processes of `world` where given; waits for the device."""
        sums, seen = (self.sums, self.seen) if world is None else (world.sum(self.sums), self.seen * world.processes)
        loss, correct = sums.tolist()
        return loss / max(seen, 1), correct / max(seen, 1)

    def reset(self) -> None:
        """Set the sums to zero for a new epoch."""
        self.sums.zero_()
        self.seen = 0


class Step:
    """Forward, loss, backward, clipping and update by recipe.

    Args:
        model: the model to train.
        recipe: the recipe.
        device: device of the model.
        forward: computes logits, if that is not the model itself (data-parallel).
        capture: captures the step, which is replayed from then on; None to compute every step.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        device: torch.device,
        forward: Callable[[Tensor], Tensor] | None = None,
        capture: Capture | None = None,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.device = device
        self.memory = numerics.layout(model)
        self.forward: Callable[[Tensor], Tensor] = forward or model
        if recipe.compile:
            self.forward = torch.compile(self.forward, mode=recipe.compile)
        groups = optimisers.parameter_groups(model, recipe)
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimiser = optimisers.make_optimiser(groups, recipe)
        self.average = optimisers.Average(model, recipe.ema) if recipe.ema else None
        self.tally = Tally(device)
        self.rate = optimisers.LearningRate(self.optimiser, device, changing=capture is not None)
        self.update = replayed(self._update, self._state, optimisers.capturing(self.optimiser, capture))

    def _gradients(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        with numerics.autocast(self.recipe, self.device):
            logits = self.forward(x)
        loss = F.cross_entropy(logits.float(), targets)
        torch.autograd.backward(loss)
        return loss, logits

    def _update(self, x: Tensor, targets: Tensor) -> None:
        """Do the device's part of a step."""
        self.optimiser.zero_grad(set_to_none=True)
        loss, logits = self._gradients(x, targets)
        self.tally.add(loss, logits, targets)  # before another forward pass may reuse their memory
        if self.recipe.sam:
            with frozen_statistics(self.model):
                optimisers.sharpness_aware(self.parameters, self.recipe.sam, lambda: self._gradients(x, targets))
        if self.recipe.clip is not None:
            optimisers.clip([p.grad for p in self.parameters if p.grad is not None], self.recipe.clip)
        self.optimiser.step()
        if self.average is not None:
            self.average.update()

    def _state(self) -> list[Tensor]:
        average = self.average.state.values() if self.average is not None else ()
        return [*self.model.state_dict().values(), *optimisers.state(self.optimiser), *average, self.tally.sums]

    def __call__(self, x: Tensor, targets: Tensor, rate: float) -> None:
        """Take one step at learning rate `rate` on normalised images and soft targets (b, classes)."""
        self.rate.set(rate)
        self.update(x.contiguous(memory_format=self.memory), targets)
        self.tally.seen += len(x)
