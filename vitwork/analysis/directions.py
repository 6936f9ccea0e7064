"""Directions in weight space along which a loss surface is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitwork.errors import VitworkError

Direction = Mapping[str, Tensor]

FLAT = "the snapshots span fewer than two directions, so they define no plane"


def is_filter(name: str, parameter: nn.Parameter, *, official: bool = False) -> bool:
    """Select the weights of convolutions and linear maps, which Li et al. perturb.

    Biases, norm parameters, class tokens and position embeddings keep their values. With ``official``, as in the
    paper's code, every parameter of two or more dimensions is moved, class tokens included, except position embeddings.
    """
    matrix = parameter.requires_grad and parameter.dim() > 1
    return matrix and ("pos_emb" not in name if official else name.endswith("weight"))


def normalised(direction: Tensor, weight: Tensor, *, official: bool = False) -> Tensor:
    """Scale a direction to the weights, filter by filter (Li et al. 2018, section 4).

    Args:
        direction: same shape as ``weight``.
        weight: (filters, …); a filter holds the weights of one output channel.
        official: take norms along the first axis instead, as the paper's code does: this
            normalises each input position across the filters and leaves no filter's norm matched.
    """
    axes = (0,) if official else tuple(range(1, weight.dim()))
    length = direction.square().sum(axes, keepdim=True).sqrt()
    return direction * weight.square().sum(axes, keepdim=True).sqrt() / length.clamp_min(torch.finfo(length.dtype).tiny)


def random_pair(model: nn.Module, seed: int = 0, *, official: bool = False) -> tuple[Direction, Direction]:
    """Return two Gaussian directions in which each filter has the norm of the model's.

    They are drawn on the CPU, so that they are the same on every device.

    Raises:
        VitworkError: a filter holds complex numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    filters = {
        name: weight.detach() for name, weight in model.named_parameters() if is_filter(name, weight, official=official)
    }
    if name := next((name for name, weight in filters.items() if weight.is_complex()), None):
        raise VitworkError(f"the parameter {name} is complex, and directions are of real numbers")

    def draw() -> Direction:
        return {
            name: normalised(torch.randn(weight.shape, generator=generator).to(weight), weight, official=official)
            for name, weight in filters.items()
        }

    return draw(), draw()


def check_alike(state: Mapping[str, Tensor], centre: Mapping[str, Tensor], names: Iterable[str]) -> None:
    """Check that a state has the named tensors of another state, all finite, and no complex tensor that differs.

    Raises:
        VitworkError: a tensor is missing, has another shape, or is not finite; or any complex tensor differs.
    """
    for name in names:
        if name not in state:
            raise VitworkError(f"a snapshot lacks {name}, so it is not of the same model as the others")
        if state[name].shape != centre[name].shape:
            raise VitworkError(
                f"a snapshot's {name} is {tuple(state[name].shape)} and another's {tuple(centre[name].shape)}, so they are "
                "not of the same model"
            )
        if not state[name].isfinite().all():
            raise VitworkError(f"a snapshot's {name} is not finite, so no path leads through it")
    for name in state.keys() & centre.keys():
        pair = state[name], centre[name]
        if any(map(torch.is_complex, pair)) and not torch.equal(*pair):
            raise VitworkError(f"a snapshot's {name} is complex, and a path is one of real numbers")


@dataclass(frozen=True, slots=True)
class Principal:
    """The plane in which a training path varies most.

    Attributes:
        pair: two orthonormal directions.
        coordinates: (states, 2) float64, the path on the plane; the centre is the origin.
        explained: share of the path's squared distance from the centre that each direction holds.
    """

    pair: tuple[Direction, Direction]
    coordinates: Tensor
    explained: tuple[float, float]


def principal_pair(states: Sequence[Mapping[str, Tensor]], centre: Mapping[str, Tensor]) -> Principal:
    """Return the first two principal directions of a training path around its end (Li et al. 2018, section 7).

    Args:
        states: at least two snapshots of the path.
        centre: the state that the surface is drawn around; only its floating-point tensors of two or more dimensions
            count.

    Raises:
        VitworkError: the states differ from the centre in fewer than two directions, come from another model, or are
            not finite.
    """
    names = [name for name, value in centre.items() if value.is_floating_point() and value.dim() > 1]
    for state in (*states, centre):
        check_alike(state, centre, names)
    if not names or len(states) < 2:
        raise VitworkError(FLAT)
    offsets = torch.stack([torch.cat([(state[n] - centre[n]).double().flatten() for n in names]) for state in states])
    # The Gram matrix has only as many rows as there are snapshots, for any size of the model.
    # Its eigenvectors are computed on the CPU and given a fixed sign, because their sign would depend on the device.
    values, vectors = (found.to(offsets) for found in torch.linalg.eigh((offsets @ offsets.T).cpu()))
    vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
    if len(values) < 2 or values[-2] <= 1e-12 * values[-1]:
        raise VitworkError(FLAT)
    top = vectors[:, [-1, -2]].T @ offsets / values[[-1, -2], None].sqrt()
    sizes = [centre[name].numel() for name in names]
    first, second = (
        {name: part.view(centre[name].shape) for name, part in zip(names, torch.split(row, sizes), strict=True)}
        for row in top
    )
    shares = values[[-1, -2]] / values.sum()
    return Principal((first, second), offsets @ top.T, (float(shares[0]), float(shares[1])))
