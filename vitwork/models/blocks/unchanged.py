"""Let a model run without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor


@contextmanager
def unchanged(model: nn.Module, *, wholly: bool = True) -> Iterator[None]:
    """Evaluation mode and empty caches inside; after it modules have again what they had: mode, buffers, whatever they keep.

    The mode is set as analyses set it, without `eval()`, in which some layers rewrite their weights (loralib's merge).

    Args:
        model: the model.
        wholly: otherwise real tensors that its code has put into its modules stay, for a recording that names them.
    """
    held = [
        (module, dict(vars(module)), {name: dict(own) for name, own in vars(module).items() if isinstance(own, dict)})
        for module in model.modules()
    ]
    for module, *_ in held:
        module.training = False
        for cache in caches(module).values():
            cache.clear()
    try:
        yield
    finally:
        for module, attributes, tables in held:
            made = {} if wholly else {k: v for k, v in vars(module).items() if is_real(v)}
            for name, table in tables.items():
                kept = {} if wholly else {k: v for k, v in attributes[name].items() if is_real(v)}
                attributes[name].clear()
                attributes[name].update(table | kept)
            vars(module).clear()
            vars(module).update(attributes | made)


def caches(module: nn.Module) -> dict[str, dict[Any, Any]]:
    """Return the dictionaries in which a module keeps what it made of its weights, by name, as timm's attentions do.

    What they hold may be of other weights by now, or made without gradients.
    """
    return {name: own for name, own in vars(module).items() if name.endswith("cache") and isinstance(own, dict)}


def is_real(value: Any) -> bool:
    """Whether a value is a tensor that holds numbers."""
    return isinstance(value, Tensor) and not isinstance(value, FakeTensor)
