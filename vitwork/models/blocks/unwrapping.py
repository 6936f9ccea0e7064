"""The model inside what was put around it to run it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from vitwork.errors import VitworkError


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model itself where it was compiled or spread over devices: these forms have no second derivative.

    Raises:
        VitworkError: it is no module.
    """
    if not isinstance(model, nn.Module):
        raise VitworkError(f"a model is a torch.nn.Module (vitwork.models.create builds one), not {model!r:.60}")
    while True:
        if isinstance(model, (DataParallel, DistributedDataParallel)):
            model = model.module
        elif isinstance(model, torch.jit.ScriptModule):  # holds its modules in another way, and wraps none
            return model
        elif isinstance(inner := vars(model).get("_modules", {}).get("_orig_mod"), nn.Module):
            model = inner  # of `torch.compile`
        else:
            return model
