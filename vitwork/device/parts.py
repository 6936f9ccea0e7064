"""Applying a function to a batch in parts, with a check that images do not depend on one another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vitwork.device.memory import is_out_of_memory
from vitwork.errors import VitworkError, told

# Temporaries hold at most a few times this many elements, for any batch size (16 MiB in float32, which also suits a
# CPU's cache).
ELEMENTS_AT_ONCE = 1 << 22
COMPARED = 64  # images of a batch in parts that are passed together once for the check; more if two parts have more
# Number of roundings by which outputs may differ between batch sizes. In half precision a sum is rounded once; in
# single and double precision every addition is rounded, and the order of additions depends on the number of images.
ROUNDINGS, SUMMED = 2, 32
ALIKE = 1e-4  # largest value of `apart`: independent images differ by rounding alone, dependent ones by far more
# A deterministic model repeats to the last bit on a CPU and up to rounding on a GPU; dropout changes it far more.
REPEATABLE = 1e-5


def in_parts(function: Callable[[Tensor], Tensor], x: Tensor, at_once: int | None = None) -> Tensor:
    """Apply a function to a batch, in parts if `at_once` asks for it or the whole does not fit into memory.

    The function gets copies: a model may write into its images, and a block into its input, which are needed again.

    Args:
        function: maps (b, …) to (b, …).
        x: the batch; not changed.
        at_once: most rows per call. One call has twice as many, or `COMPARED` small ones, to check the parts. None for
            as many as fit.

    Returns:
        ``function(x)``; a call that runs out of memory is repeated on two halves, down to one row.

    Raises:
        VitworkError: parts are needed, but a row depends on the other rows.
        torch.OutOfMemoryError, RuntimeError, MemoryError: one row alone does not fit.
    """
    return _parts(lambda part: function(part.clone()), x, at_once, independent=False)


def bounded(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function on parts of at most ``ELEMENTS_AT_ONCE`` elements.

    It must treat each image independently and not write into its input.
    """
    return _parts(function, x, max(1, ELEMENTS_AT_ONCE // max(1, x[0].numel())), independent=True)


def _parts(function: Callable[[Tensor], Tensor], x: Tensor, at_once: int | None, *, independent: bool) -> Tensor:
    """Apply a function in parts; unless rows are known to be independent, compare them with a call on more rows."""
    if at_once is None or len(x) <= at_once:
        try:
            return function(x)
        except (RuntimeError, MemoryError) as error:
            if len(x) == 1 or not is_out_of_memory(error):
                raise
        at_once = (len(x) + 1) // 2
    # Outside the handler, because the exception's traceback keeps the failed call's tensors alive.
    found = torch.cat([_parts(function, part, None, independent=True) for part in torch.split(x, at_once)])
    if not independent:
        _check_apart(function, x, found, max(2 * at_once, min(COMPARED, ELEMENTS_AT_ONCE // max(1, x[0].numel()))))
    return found


def _check_apart(function: Callable[[Tensor], Tensor], x: Tensor, found: Tensor, most: int) -> None:
    """Refuse a function whose outputs for many rows at once differ from those for the same rows in parts.

    If not even two rows fit into memory, the check is skipped.

    Args:
        function: maps (b, …) to (b, …).
        x: the batch.
        found: its outputs in parts.
        most: number of rows at once, fewer if they do not fit.

    Raises:
        VitworkError: outputs differ, so that parts of a batch would give other numbers than the whole, or the function
            is random.
    """
    refused = f"a batch of {len(x)} cannot be passed in parts"
    while len(rows := _spread(x, most)) > 1:
        try:
            with torch.no_grad():
                together = function(x[rows])
                if apart(found[rows], together) <= ALIKE:
                    return
                check_repeatable(together, function(x[rows]))
        except VitworkError:
            raise
        except Exception as error:  # user code may raise anything
            if not is_out_of_memory(error):
                raise VitworkError(f"{refused}: {len(rows)} of its images fail ({told(error)})") from error
        else:
            raise VitworkError(f"{refused}: what the model makes of an image depends on the others of its batch")
        most = len(rows) // 2


def _spread(x: Tensor, most: int) -> list[int]:
    """Return indices of rows, from the first to the last, of which two differ; empty if all rows are equal."""
    others = (x != x[:1]).reshape(len(x), -1).any(1).nonzero().flatten().tolist()
    rows = [int(row) for row in torch.linspace(0, len(x) - 1, min(most, len(x)), dtype=torch.float64).round()]
    return rows if set(rows) & set(others) else [*rows[:-1], *others[-1:]] if others else []


def apart(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference of outputs beyond rounding, as a share of their variation over the batch.

    A part that is the same for all images, such as 10⁹ subtracted from some classes or a constant added to all, must
    not hide a difference. Each output is compared with the largest variation that is at most 100 times its own.
    Otherwise an output that by chance hardly varies would have to be more exact than any can be. Infinities and NaN
    have to be at the same positions.

    Args:
        found, wanted: (n, …), with at least two different rows.
    """
    exact = not (wanted.is_floating_point() or wanted.is_complex())  # integers and booleans
    kind = None if exact else torch.finfo(wanted.dtype)
    found, wanted = (_real(value).reshape(len(value), -1).cpu().double() for value in (found, wanted))
    finite = wanted.isfinite()
    if not wanted.numel():
        return 0.0
    if not torch.where(finite, True, same(found, wanted)).all():
        return torch.inf
    kept = torch.where(finite, wanted, 0.0)
    varies = torch.where(finite.all(0), kept.amax(0) - kept.amin(0), 0.0)
    ascending = varies.sort().values
    beside = ascending[torch.searchsorted(ascending, 100 * varies, right=True) - 1]
    beside = torch.where(varies > 0, beside, ascending[-1])
    difference = torch.where(finite, (found - wanted).abs(), 0.0).amax(0)
    rounding = _rounding(kept.abs().amax(0), varies > 0, kind)
    shares = torch.where(difference.isnan(), torch.inf, (difference - rounding) / beside)
    return float(torch.where(difference <= rounding, 0.0, shares).max())


def _real(value: Tensor) -> Tensor:
    """Return a tensor as real numbers, two for each complex one."""
    return torch.view_as_real(value.resolve_conj()) if value.is_complex() else value


def same(found: Tensor, wanted: Tensor) -> Tensor:
    """Return where two tensors are equal, or both NaN."""
    return (found == wanted) | (found.isnan() & wanted.isnan())


def _rounding(size: Tensor, varies: Tensor, kind: torch.finfo | None) -> Tensor:
    """Return the rounding difference between passes in batches of other sizes, per output; 0 for integers.

    A small output may result from sums as large as those of the other varying outputs.
    """
    if kind is None:
        return torch.zeros_like(size)
    if kind.bits < 32 or not varies.any():
        return kind.eps * ROUNDINGS * size
    return kind.eps * SUMMED * size.clamp(min=float(size[varies].median()))


def check_repeatable(first: Tensor, second: Tensor) -> None:
    """Refuse a model whose outputs or losses differ between two passes of the same images.

    Raises:
        VitworkError: they differ by more than rounding.
    """
    if first.dim() and len(first) > 1:
        repeats = apart(second, first) <= ALIKE
    else:  # one image has no variation; a loss may be smaller than the rounding of its terms
        size = torch.where(first.isfinite(), first, 0.0).abs().max()
        bound = REPEATABLE * size + (0 if first.dim() else SUMMED * torch.finfo(first.dtype).eps)
        repeats = bool((same(first, second) | ((first - second).abs() <= bound)).all())
    if not repeats:
        raise VitworkError("the output changes when the same images are passed again: the model is random in eval mode")
