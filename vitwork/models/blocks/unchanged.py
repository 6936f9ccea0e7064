"""Let a model run without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
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
        with buffers_as_before([module for module, *_ in held], wholly=wholly):
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


@contextmanager
def buffers_as_before(modules: Iterable[nn.Module], *, wholly: bool = True) -> Iterator[None]:
    """Give buffers back what they held, whatever a pass writes into them or, if `wholly`, puts in their place."""
    tables = [(table, dict(table)) for table in (vars(module)["_buffers"] for module in modules)]
    buffers = {id(value): value for _, own in tables for value in own.values() if is_real(value) and not value.is_meta}
    held = [(value, value.detach().clone()) for value in buffers.values()]
    try:
        yield
    finally:
        with torch.no_grad():
            for value, own in held:
                if not torch.equal(value, own):
                    value.copy_(own)
        for table, own in tables if wholly else ():
            if isinstance(table, dict):  # a module of torch.jit's keeps its buffers to itself
                table.clear()
                table.update(own)


def caches(module: nn.Module) -> dict[str, dict[Any, Any]]:
    """Return the dictionaries in which a module keeps what it made of its weights, by name, as timm's attentions do.

    What they hold may be of other weights by now, or made without gradients.
    """
    return {name: own for name, own in vars(module).items() if name.endswith("cache") and isinstance(own, dict)}


def is_real(value: Any) -> bool:
    """Whether a value is a tensor that holds numbers."""
    return isinstance(value, Tensor) and not isinstance(value, FakeTensor)
