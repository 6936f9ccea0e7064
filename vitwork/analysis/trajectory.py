"""The path of the weights during training, in polar coordinates around its end (paper Fig. 1b)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vitwork.analysis.directions import check_alike
from vitwork.device.memory import Cost, Meter
from vitwork.errors import VitworkError

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A training path in polar coordinates around its optimum.

    Attributes:
        radius: r_t = ‖w_t − w_opt‖ / ‖w_init − w_opt‖, per state.
        angle: θ_t between w_t − w_opt and w_init − w_opt, in radians; NaN where w_t is the optimum.
        length: length of the path through the states, over ‖w_init − w_opt‖; 1 for a straight path from start to end.
        turning: sum of the angles between successive steps, in radians; 0 for a straight path.
        cost: time and memory of the computation; no image is used.
    """

    radius: tuple[float, ...]
    angle: tuple[float, ...]
    length: float
    turning: float
    cost: Cost = field(compare=False)


def learned(name: str) -> bool:
    """Select the tensors that gradients change: everything but BatchNorm's running statistics."""
    return name.rpartition(".")[2] not in {"running_mean", "running_var", "num_batches_tracked"}


def polar(
    states: Iterable[State], initial: State, optimum: State, *, select: Callable[[str], bool] = learned
) -> Trajectory:
    """Return a training path in polar coordinates (paper Fig. 1b).

    Args:
        states: state dicts in the order of training; read one at a time, so a generator that loads them is enough.
        initial: the state before the first step.
        optimum: the state taken as the optimum, usually the last.
        select: tensors that count, by name; integer tensors never do.

    Raises:
        VitworkError: the optimum is the initial state, nothing is selected, or a state comes from another model than
            the optimum or is not finite.
    """
    meter = Meter(torch.device("cpu"))
    names = [name for name, value in optimum.items() if value.is_floating_point() and select(name)]
    if not names:
        raise VitworkError("no tensor of the optimum is selected, so there is no path")
    for end in (initial, optimum):
        check_alike(end, optimum, names)
    centre = _vector(optimum, names)
    start = _vector(initial, names) - centre
    unit = float(torch.linalg.vector_norm(start))
    if not unit:
        raise VitworkError("the training path ends where it starts, so it has no polar coordinates")
    radius, angle, length, turning = [], [], 0.0, 0.0
    previous: Tensor | None = None
    step: Tensor | None = None
    for state in states:
        check_alike(state, optimum, names)
        offset = _vector(state, names) - centre
        radius.append(float(torch.linalg.vector_norm(offset)) / unit)
        angle.append(_angle(offset, start))
        if previous is not None:
            move = offset - previous
            length += float(torch.linalg.vector_norm(move)) / unit
            turn = 0.0 if step is None else _angle(move, step)
            turning += 0.0 if math.isnan(turn) else turn
            step = move if move.any() else step  # a repeated state does not turn the path
        previous = offset
    return Trajectory(tuple(radius), tuple(angle), length, turning, meter.cost(0))


def _vector(state: State, names: list[str]) -> Tensor:
    return torch.cat([state[name].detach().double().flatten().cpu() for name in names])


def _angle(a: Tensor, b: Tensor) -> float:
    """Return the angle between two vectors in radians, exact also where they are nearly parallel (Kahan 2006)."""
    lengths = float(torch.linalg.vector_norm(a)), float(torch.linalg.vector_norm(b))
    if not all(lengths):
        return float("nan")
    p, q = a / lengths[0], b / lengths[1]
    return 2 * math.atan2(float(torch.linalg.vector_norm(p - q)), float(torch.linalg.vector_norm(p + q)))
