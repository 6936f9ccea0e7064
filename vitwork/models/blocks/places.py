"""Measurement of where the positions of a tensor lie in the image, without guessing from shapes.

Images with one stripe each, for all rows and columns, show which stripes determine the value of each position. Residual
branches are left out for this, since a sum gives every position of the branch the place of its other operand. The rest
of a model is local. Its weights are replaced by plain averages, so that the result is a property of the architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor, nn

from vitwork.models.blocks.block import Layout

STRIPES = 16  # most stripes along a side; smaller places differ by their shares of two stripes
FAINT = 1e-8  # energy, relative to the largest, below which a position does not depend on the image
SPREAD = 0.25  # standard deviation from which a position belongs to no place in the image; an even spread has 0.29
UNEVEN = 0.35  # how far apart the places of one row may lie, as a share of the distance of two rows
# Share of a window's positions between those of another from which the two alternate; for 2 × 2 of every second row it
# is 0.5.
AMID = 0.25


@dataclass(frozen=True, slots=True)
class Places:
    """Where a tensor's positions lie in the image.

    Attributes:
        layout: ``nchw``, ``nhwc`` or ``tokens``.
        grid: rows and columns.
        prefix: leading tokens without a place.
        behind: trailing tokens without a place.
    """

    layout: Layout
    grid: tuple[int, int]
    prefix: int = 0
    behind: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """The stripes that determine the values of positions.

    Attributes:
        rows, columns: (…,) mean coordinate of these stripes, from 0 to 1 over the image.
        seen: (…,) whether a position belongs to any place.
    """

    rows: Tensor
    columns: Tensor
    seen: Tensor


def stripes(images: Tensor) -> Tensor:
    """Return a uniform image and copies of it with one stripe each, rows first: (1 + rows + columns, c, h, w).

    Args:
        images: images with the shape and type of the model's input.
    """
    _, channels, height, width = images.shape
    sign = torch.tensor([1.0, -1.0]).repeat(channels)[:channels, None, None]
    even = (0.5 * sign).expand(channels, height, width)
    made = [even]
    for axis, side in ((1, height), (2, width)):
        bands = torch.tensor_split(torch.arange(side), min(side, STRIPES))
        made += [even.index_add(axis, at, sign.roll(1, 0).expand_as(even.index_select(axis, at))) for at in bands]
    return torch.stack(made).to(images)


def sight(values: Tensor, images: Tensor, others: tuple[int, ...]) -> Sight:
    """Return the mean stripe of each position, from a tensor's responses to `stripes`.

    Responses are squared and summed over the dimensions that have no places.

    Args:
        values: (1 + rows + columns, …).
        images: the stripes.
        others: the dimensions without places.
    """
    single = values if values.dtype in {torch.float32, torch.float64} else values.float()
    answer = single[1:] - single[:1]
    energy = answer.div_(answer.abs().amax().clamp(min=torch.finfo(answer.dtype).tiny)).square_()
    energy = (energy.sum(others) if others else energy).double()
    height, width = (min(side, STRIPES) for side in images.shape[2:])
    means, deviations = [], []
    for part in torch.split(energy, [height, width]):
        share = part / part.sum(0)
        at = ((torch.arange(len(part), device=part.device) + 0.5) / len(part)).view(-1, *[1] * (part.dim() - 1))
        means.append((share * at).sum(0))
        deviations.append((share * (at - means[-1]).square()).sum(0).clamp(min=0).sqrt())
    total, local = energy.sum(0), torch.minimum(*deviations) < SPREAD
    return Sight(means[0], means[1], (total > FAINT * total.max()) & local)


def ordered(coordinate: Tensor) -> bool:
    """Return whether a coordinate (rows, columns) grows from row to row and is constant along each row."""
    uneven = (coordinate.amax(1) - coordinate.amin(1)).max()
    rows = len(coordinate)
    if rows == 1:
        return bool(uneven < SPREAD)
    step = (coordinate[-1] - coordinate[0]).mean() / (rows - 1)
    return bool(step > 0.01 / rows and uneven < UNEVEN * step and coordinate.diff(dim=0).min() > -0.05 * step)


def is_grid(rows: Tensor, columns: Tensor) -> bool:
    """Return whether positions (rows, columns) lie in the order in which they are numbered."""
    return ordered(rows) and ordered(columns.T)


def of_map(values: Tensor, images: Tensor) -> Places | None:
    """Return the places of a tensor of four dimensions."""
    layouts: tuple[tuple[Layout, int], ...] = (("nchw", 1), ("nhwc", 3))
    for layout, channels in layouts:
        found = sight(values, images, (channels,))
        if is_grid(found.rows, found.columns):
            return Places(layout, (found.rows.shape[0], found.rows.shape[1]))
    return None


def of_tokens(found: Sight) -> Places | None:
    """Return the places of tokens (n,)."""
    seen = found.seen.nonzero().flatten().tolist()
    if not seen:
        return None
    first, n = seen[0], seen[-1] + 1 - seen[0]
    rows, columns = (each[first : first + n] for each in (found.rows, found.columns))
    for height in range(1, n + 1):
        if n % height == 0 and is_grid(rows.view(height, -1), columns.view(height, -1)):
            return Places("tokens", (height, n // height), first, len(found.seen) - first - n)
    return None


def places_of(values: Tensor, images: Tensor) -> Places | None:
    """Return where a tensor's positions lie; None where they do not lie in a grid that is numbered row by row."""
    if len(values) != len(images):
        return None
    if values.dim() == 4:
        return of_map(values, images)
    found = of_tokens(sight(values, images, (2,))) if values.dim() == 3 else None
    return None if found and found.behind else found


def places_of_rows(values: Tensor, images: Tensor) -> Places | None:
    """Return where queries or keys (…, heads, positions, channels) lie; see `_of_operand`."""
    return _of_operand(values, images)


def places_of_columns(values: Tensor, images: Tensor) -> Places | None:
    """Return where transposed keys (…, heads, channels, positions) lie; see `_of_operand`."""
    return _of_operand(values.mT, images)


def _of_operand(values: Tensor, images: Tensor) -> Places | None:
    """Return where the positions of the second to last dimension lie.

    The third to last dimension holds the heads; all earlier ones hold windows, with the image index varying slowest.
    One window is measured for all: the first, or a middle one, which has neighbours on all sides.
    """
    count = len(images)
    heads = values[:, None] if values.dim() == 3 else values
    if heads.dim() < 4 or len(heads) % count:
        return None
    windows = heads.flatten(1, -4) if heads.dim() > 4 else heads[:, None]
    windows = windows.reshape(count, -1, *windows.shape[2:])
    number = windows.shape[1]
    found = sight(windows, images, (4,))
    return next(filter(None, (_in_window(found, at) for at in (0, number // 2 + isqrt(number) // 2))), None)


def _in_window(windows: Sight, at: int) -> Places | None:
    """Return the places of one window's tokens (windows, heads, n) if they are neighbours and the same for all heads.

    Otherwise return None: heads are in fact windows or groups of other tokens, or positions of other windows lie
    between this one's, as on a coarse grid.
    """
    found = Sight(windows.rows[at], windows.columns[at], windows.seen[at])
    seen = found.seen.all(0)
    for each in (found.rows[:, seen], found.columns[:, seen]):
        if not each.numel() or (each - each[:1]).abs().max() > max(UNEVEN * float(each[0].max() - each[0].min()), 1e-3):
            return None
    places = of_tokens(Sight(found.rows[0], found.columns[0], seen))
    return (
        places
        if places and _neighbours(torch.stack([windows.rows, windows.columns])[:, :, 0, seen], at, places)
        else None
    )


def _neighbours(coordinates: Tensor, at: int, places: Places) -> bool:
    """Return whether a window's places are neighbours: no other window's places alternate with them.

    Args:
        coordinates: (2, windows, n), rows and columns. Windows with the same places are heads.
        at: index of the window.
        places: the window's places.
    """
    own = coordinates[:, at, None]
    first, last = own.aminmax(dim=-1, keepdim=True)
    amid = ((coordinates >= first) & (coordinates <= last)).all(0).double().mean(-1) > AMID
    step = max(
        float(extent) / max(1, count - 1) for extent, count in zip((last - first).flatten(), places.grid, strict=True)
    )
    moved = ((coordinates.mean(-1) - own.mean(-1)).abs() > UNEVEN * step).any(0)
    return not (amid & moved).any()


def plain_weights(model: nn.Module) -> dict[int, Tensor]:
    """Return replacements of parameters by `id`: random matrices, times tent functions for convolution kernels."""
    generator, made = torch.Generator().manual_seed(0), {}
    for parameter in model.parameters():
        value = parameter.detach()
        if value.dim() in {2, 4} and value.is_floating_point() and value.numel():
            drawn = torch.randn(value.shape[:2], generator=generator) / value.shape[1] ** 0.5
            for side in value.shape[2:]:
                tent = (side + 1) / 2 - (torch.arange(side) - (side - 1) / 2).abs()
                drawn = drawn[..., None] * tent / tent.sum()
            value = drawn.to(value)
        made[id(parameter)] = value
    return made


def state_of(module: nn.Module, parameters: Mapping[int, Tensor]) -> dict[str, Tensor]:
    """Return copies of a module's parameters and buffers by name, with replacements of parameters by their `id`.

    They are copies because a module may write into its weights in a forward pass.
    """
    own = {name: parameters.get(id(value), value).detach().clone() for name, value in module.named_parameters()}
    return own | {name: value.clone() for name, value in module.named_buffers()}
