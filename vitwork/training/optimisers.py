"""AdamW and SGD by recipe, sharpness-aware steps and weight averages, without reading values back from the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from vitwork.design.recipe import Recipe
from vitwork.device.graphs import Capture


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Return the parameters in groups: those with weight decay and, for ``matrices``, those without."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if recipe.decay == "all":
        return [{"params": parameters, "weight_decay": recipe.weight_decay}]
    decayed = [parameter for parameter in parameters if parameter.ndim >= 2]
    spared = [parameter for parameter in parameters if parameter.ndim < 2]
    return [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]


def make_optimiser(groups: Iterable[dict[str, object]], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over parameter groups, in its fused form (one kernel for all tensors)."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)


class LearningRate:
    """The learning rate of an optimiser.

    Args:
        optimiser: the optimiser.
        device: device of the parameters.
        changing: whether to keep the rate on the device, where a replayed step sees it change, or as a plain number.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, device: torch.device, *, changing: bool) -> None:
        self.optimiser = optimiser
        self.value = torch.zeros((), device=device) if changing else None

    def set(self, rate: float) -> None:
        """Set the learning rate."""
        value = rate if self.value is None else self.value.fill_(rate)
        for group in self.optimiser.param_groups:  # loading a checkpoint replaces them
            group["lr"] = value


def state(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """Return all tensors of an optimiser's state."""
    return [value for kept in optimiser.state.values() for value in kept.values() if isinstance(value, Tensor)]


def capturing(optimiser: torch.optim.Optimizer, capture: Capture | None) -> Capture | None:
    """Return `capture` for steps of this optimiser: torch must know that the optimiser's state is on the device."""
    if capture is None:
        return None

    def capture_step(compute: Callable[[], None]) -> Callable[[], object]:
        groups = [group for group in optimiser.param_groups if "capturable" in group]
        for group in groups:
            group["capturable"] = True
        try:
            return capture(compute)
        finally:
            for group in groups:
                group["capturable"] = False

    return capture_step


def gradient_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of all gradients together, left on the device."""
    norms: Tensor = torch.stack(torch._foreach_norm(list(gradients))).norm()  # noqa: SLF001 - as torch's clipping does
    return norms


def clip(gradients: Sequence[Tensor], largest: float) -> None:
    """Scale gradients so that their norm is at most `largest`."""
    factor = (largest / (gradient_norm(gradients) + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(list(gradients), factor)


@torch.no_grad()
def sharpness_aware(parameters: Sequence[nn.Parameter], radius: float, gradients_again: Callable[[], object]) -> None:
    """Replace the gradients by those at the point where the loss is highest nearby (SAM, Foret et al. 2021).

    Args:
        parameters: with their gradients; their values are the same before and after.
        radius: how far to look, as a Euclidean distance.
        gradients_again: computes fresh gradients at the moved point.
    """
    trained = [parameter for parameter in parameters if parameter.grad is not None]
    gradients = [parameter.grad for parameter in trained if parameter.grad is not None]
    values: list[Tensor] = [parameter.detach() for parameter in trained]
    before = [value.clone() for value in values]
    step = list(torch._foreach_mul(gradients, radius / (gradient_norm(gradients) + 1e-12)))  # noqa: SLF001 - as above
    torch._foreach_add_(values, step)
    for parameter in trained:
        parameter.grad = None
    with torch.enable_grad():
        gradients_again()
    torch._foreach_copy_(values, before)  # exact, where subtracting would round


class Average:
    """Exponential moving average of a model's weights and floating-point buffers, on the same device.

    Args:
        model: the model to average; its present state is the start.
        decay: weight of the previous average per step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = model
        self.state = {key: value.detach().clone() for key, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the model's present state."""
        present = self.model.state_dict()
        floating = [key for key, value in present.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.state[key] for key in floating], [present[key] for key in floating], 1 - self.decay)
        for key in present.keys() - set(floating):
            self.state[key].copy_(present[key])
