"""Removal of wrappers around a model, such as compiled and parallel forms."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from vitwork.errors import VitworkError


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside a compiled or parallel form, since these forms have no second derivative.

    Raises:
        VitworkError: it is not a module.
    """
    if not isinstance(model, nn.Module):
        raise VitworkError(f"a model is a torch.nn.Module (vitwork.models.create builds one), not {model!r:.60}")
    while True:
        if isinstance(model, (DataParallel, DistributedDataParallel)):
            model = model.module
        elif isinstance(model, torch.jit.ScriptModule):  # holds its modules in another way, and is not a wrapper
            return model
        elif isinstance(inner := vars(model).get("_modules", {}).get("_orig_mod"), nn.Module):
            model = inner  # of `torch.compile`
        else:
            return model
