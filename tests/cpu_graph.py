"""What a CUDA graph does, on a CPU: operations are recorded with the tensors they used, and repeated on the same ones.

As with a CUDA graph, Python does not run again in a replay: numbers are those of the recording, results land in the tensors
that held them then, and what a step replaced rather than changed in place is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Recording(TorchDispatchMode):
    """Notes every operation with its arguments and fresh results."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, list[Any]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function.overloadpacket.__name__ in {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero"}:
            raise RuntimeError("operation not permitted when stream is capturing")
        result = function(*arguments, **(options or {}))
        declared = function._schema.returns
        fresh = [returned.alias_info is None for returned in declared]
        if len(fresh) == 1:  # one tensor, or a list of them, as the foreach operations give
            fresh *= len(tree_leaves(result))
        results = tree_leaves(result) if declared else []
        kept = [value if new else None for new, value in zip(fresh, results, strict=True)]
        self.operations.append((function, arguments, options or {}, kept))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        """Do it all again."""
        for function, arguments, options, kept in self.operations:
            results = tree_leaves(function(*arguments, **options))
            for old, new in zip(kept, results[: len(kept)], strict=True):
                if isinstance(old, torch.Tensor):
                    old.copy_(new)


def cpu_graph(compute: Callable[[], None]) -> Callable[[], object]:
    """Record a function; unlike on a GPU, it is computed meanwhile."""
    recording = Recording()
    with recording:
        compute()
    return recording.replay


def noting(made: list[Any]) -> Callable[[Callable[[], None]], Callable[[], object]]:
    """Return `cpu_graph`, which adds to a list what it records."""

    def record(compute: Callable[[], None]) -> Callable[[], object]:
        made.append(compute)
        return cpu_graph(compute)

    return record
