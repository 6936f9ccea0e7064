"""Work on a batch in parts, where images do not depend on one another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vitwork.analysis.curvature.repeatable import check_repeatable
from vitwork.device.memory import in_parts, is_out_of_memory
from vitwork.errors import VitworkError

ALIKE = 1e-4  # of the largest output: passes of equal size differ by rounding alone, and mixed images by far more


def separately(function: Callable[[Tensor], Tensor], x: Tensor, at_once: int | None = None) -> Tensor:
    """Apply a function to a batch, in parts where that is asked for or the whole does not fit.

    Args:
        function: maps (b, …) to (b, …).
        x: the batch.
        at_once: rows per call at most; None for as many as fit.

    Raises:
        VitworkError: there have to be parts, but a row depends on the other rows.
        torch.OutOfMemoryError, RuntimeError, MemoryError: one row alone does not fit.
    """
    if at_once is None or len(x) <= at_once:
        try:
            return function(x)
        except (RuntimeError, MemoryError) as error:
            if len(x) == 1 or not is_out_of_memory(error):
                raise
        at_once = (len(x) + 1) // 2
    check_apart(function, x)
    return in_parts(function, x, at_once)


def check_apart(function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Refuse a function that makes of a row in a batch another thing than of the row beside its own copy.

    Where not even two rows fit, that is not known, and not refused.

    Raises:
        VitworkError: it does, so that parts of a batch would give other numbers than the whole, or it is random.
    """
    try:
        with torch.no_grad():
            together = function(x[[0, -1]])
            check_repeatable(together, function(x[[0, -1]]))
            alone = torch.stack([function(x[[i, i]])[0] for i in (0, -1)])
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            return
        raise
    if (together - alone).abs().max() > ALIKE * together.abs().max():
        raise VitworkError(
            f"a batch of {len(x)} cannot be passed in parts: what the model makes of an image depends on the others of its batch"
        )
