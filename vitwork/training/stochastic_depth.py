"""Stochastic depth drawn outside the model, once per step for all blocks, from a generator of the run.

One draw per step is cheaper than one per block, and leaves nothing random inside a compiled or captured step. It also
gives several seeds trained together the same draws as in their solo runs.
"""

from __future__ import annotations

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn


class GivenDropPath(nn.Module):
    """Drops its input for the images that `factors` marks with 0.

    Args:
        probability: probability of dropping an image's branch.
        scaled: whether kept branches are scaled up, so that the mean stays the same.
    """

    factors: Tensor

    def __init__(self, probability: float, scaled: bool) -> None:
        super().__init__()
        self.probability = probability
        self.scaled = scaled
        self.register_buffer("factors", torch.ones(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x times its image's factor in training, x otherwise."""
        if not self.training:
            return x
        return x * self.factors[: len(x)].to(x.dtype).view(-1, *[1] * (x.ndim - 1))


class StochasticDepth:
    """All stochastic-depth layers of a model, replaced by layers whose random draws come from outside.

    Args:
        model: the model, changed in place; its parameters and saved buffers stay the same.
        batch: largest number of images in a step.
        generator: source of the draws, on the model's device.
    """

    def __init__(self, model: nn.Module, batch: int, generator: torch.Generator) -> None:
        self.generator = generator
        self.layers: dict[str, GivenDropPath] = {}
        for name, module in [(name, module) for name, module in model.named_modules() if isinstance(module, DropPath)]:
            self.layers[name] = GivenDropPath(module.drop_prob, module.scale_by_keep)
            model.set_submodule(name, self.layers[name])
        device = generator.device
        keep = [1 - layer.probability for layer in self.layers.values()]
        self.keep = torch.tensor(keep, device=device)[:, None]
        scaled = [k if layer.scaled else 1.0 for k, layer in zip(keep, self.layers.values(), strict=True)]
        self.scale = torch.tensor(scaled, device=device)[:, None]
        self.factors = torch.ones(len(keep), batch, device=device)
        for layer, factors in zip(self.layers.values(), self.factors, strict=True):
            layer.factors = factors

    def draw(self, batch: int) -> None:
        """Draw which branches are dropped for the next step's images, in place, so that captured graphs see it."""
        if self.layers:
            kept = torch.rand(len(self.keep), batch, generator=self.generator, device=self.generator.device) < self.keep
            self.factors[:, :batch] = kept / self.scale
