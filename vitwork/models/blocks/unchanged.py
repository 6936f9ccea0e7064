"""Contexts in which a model can run without lasting changes to its modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor


@contextmanager
def unchanged(model: nn.Module, *, wholly: bool = True) -> Iterator[None]:
    """Set evaluation mode and empty caches inside the context; restore modes, buffers and all other attributes on exit.

    The mode is set without `eval()`, as in the analyses, because some layers rewrite their weights there (loralib's
    merge).

    Args:
        model: the model.
        wholly: restore everything. If False, real tensors that the code has added to modules stay, for a recording that
            refers to them.
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
    """Restore the values of buffers on exit and, if `wholly`, the buffers themselves where a pass has replaced them."""
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
            if isinstance(table, dict):  # torch.jit modules hide their buffers
                table.clear()
                table.update(own)


def caches(module: nn.Module) -> dict[str, dict[Any, Any]]:
    """Return the dictionaries, by name, in which a module caches values computed from its weights, as in timm.

    The cached values may belong to earlier weights, or may have been computed without gradients.
    """
    return {name: own for name, own in vars(module).items() if name.endswith("cache") and isinstance(own, dict)}


def is_real(value: Any) -> bool:
    """Return whether a value is a tensor that holds numbers, not a fake one."""
    return isinstance(value, Tensor) and not isinstance(value, FakeTensor)
