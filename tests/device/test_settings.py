"""Settings of a whole process are given back as they were, whatever code of a user's does to them."""

from __future__ import annotations

import os
import sys
from threading import Event

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._C import _len_torch_function_stack
from torch.nn.modules import module as modules
from torch.nn.modules.module import register_module_forward_hook
from torch.optim import optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from vitwork.device import settings
from vitwork.device.settings import kept
from vitwork.errors import VitworkError

CHANGES = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "gradients": lambda: torch.set_grad_enabled(False),
    "threads": lambda: torch.set_num_threads(2),
    "determinism": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "cudnn": lambda: setattr(torch.backends.cudnn, "deterministic", True),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "hooks of modules": lambda: register_module_forward_hook(lambda module, given, out: out + 1),
    "hooks of optimisers": lambda: register_optimizer_step_post_hook(print),
    "dispatch mode": lambda: Dispatched().__enter__(),
    "function mode": lambda: (torch.set_default_device("meta"), Called().__enter__()),
    "function": lambda: setattr(F, "cross_entropy", print),
    "layer": lambda: setattr(nn.Linear, "forward", print),
    "umask": lambda: os.umask(0o777),
    "recursion": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "output": lambda: setattr(sys, "stdout", None),
    "path": sys.path.clear,
}


class Dispatched(TorchDispatchMode):
    """Sees every operator."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **kwargs or {})


class Called(TorchFunctionMode):
    """Sees every function."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **kwargs or {})


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def state():
    """Return what the changes change."""
    return (
        torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(), torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_float32_matmul_precision(), torch.backends.cudnn.deterministic, torch.is_autocast_enabled("cpu"),
        dict(modules._global_forward_hooks), dict(optimizer._global_optimizer_post_hooks), F.cross_entropy, nn.Linear.forward,
        len(_get_current_dispatch_mode_stack()), _len_torch_function_stack(), umask(), sys.getrecursionlimit(), sys.stdout,
        list(sys.path),
    )  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_is_given_back(change):
    """Each setting that a model can change is changed inside, and as it was outside."""
    before = state()
    with kept():
        CHANGES[change]()
        assert state() != before
    assert state() == before


def test_what_a_model_adds_to_the_path_stays():
    """Modules that it imported may import from there later; what it takes away is given back."""
    before = list(sys.path)
    try:
        with kept():
            sys.path[:] = ["added"]
        assert sys.path == [*before, "added"]
    finally:
        sys.path[:] = before


def test_settings_are_given_back_after_an_error_too():
    """A model that fails leaves no more behind than one that works."""
    before = state()
    with pytest.raises(TypeError), kept():
        torch.set_grad_enabled(torch.set_default_dtype(torch.float64))
    assert state() == before


def test_a_model_that_exits_is_a_fault_of_that_model(monkeypatch):
    """sys.exit in a model ends in one sentence, not in the end of the session; an interruption by the user passes."""
    with pytest.raises(VitworkError, match=r"ends the program \(SystemExit: 3\)"), kept():
        sys.exit(3)
    monkeypatch.setattr(settings, "LEAVING", Event())
    settings.LEAVING.set()
    with pytest.raises(SystemExit), kept():  # a scheduler's handler ends a job that is out of time
        sys.exit(-1)
    with pytest.raises(KeyboardInterrupt), kept():
        raise KeyboardInterrupt
