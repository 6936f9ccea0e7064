"""Saving and restoring of process-wide settings, mainly torch's, that user code may change."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._device import DeviceContext
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from vitwork.device.switches import SWITCHES, Setting
from vitwork.errors import VitworkError


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # a default of "cpu" would slow every call down


def _autocast() -> list[tuple[str, bool, torch.dtype]]:
    return [(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in ("cpu", "cuda")]


def _set_autocast(values: list[tuple[str, bool, torch.dtype]]) -> None:
    for device, enabled, dtype in values:
        torch.set_autocast_enabled(device, enabled)
        torch.set_autocast_dtype(device, dtype)


def _umask() -> int:
    mask = os.umask(0)  # the only way to read it
    os.umask(mask)
    return mask


def _streams() -> tuple[Any, Any]:
    return sys.stdout, sys.stderr


def _set_streams(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


def _set_path(before: list[str]) -> None:
    """Restore removed folders of the module path; added ones stay, since imported modules may rely on them."""
    if not set(before) <= set(sys.path):
        sys.path[:] = [*before, *(entry for entry in sys.path if entry not in before)]


HOOKED: tuple[ModuleType, ...] = (nn.modules.module, optimizer)
"""Modules that keep the hooks of every model and every optimiser."""


def _hooks() -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
    """Return the dictionaries of global hooks, each with its content."""
    found = (value for module in HOOKED for name, value in vars(module).items() if name.startswith("_global_"))
    return [(hooks, dict(hooks)) for hooks in found if isinstance(hooks, dict)]


def _set_hooks(found: list[tuple[dict[Any, Any], dict[Any, Any]]]) -> None:
    for hooks, content in found:
        hooks.clear()
        hooks.update(content)


def _function_modes() -> list[Any]:
    """Return the active function modes, except that of the default device, which is a separate setting."""
    entered = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]  # torch's
    return [mode for mode in entered if not isinstance(mode, DeviceContext)]


def _leave(
    kind: type[TorchFunctionMode | TorchDispatchMode], entered: Callable[[], list[Any]]
) -> Callable[[Sequence[Any]], None]:
    def leave(before: Sequence[Any]) -> None:
        for mode in reversed(entered()[len(before) :]):
            kind.__exit__(mode, None, None, None)  # not the mode's own `__exit__`

    return leave


OWNERS: tuple[Any, ...] = (
    torch, torch.Tensor, nn, nn.functional, nn.init,
    *(found for _, found in inspect.getmembers(nn, inspect.isclass) if issubclass(found, nn.Module)),
)  # fmt: skip
"""Modules and classes that hold the functions that models use."""


def _functions() -> list[dict[str, Any]]:
    """Return the functions and classes of every owner, by their public names."""
    return [
        {name: value for name, value in vars(owner).items() if callable(value) and not name.startswith("_")}
        for owner in OWNERS
    ]


def _set_functions(found: list[dict[str, Any]]) -> None:
    for owner, functions in zip(OWNERS, found, strict=True):
        for name, function in functions.items():
            if vars(owner).get(name) is not function:
                setattr(owner, name, function)


SETTINGS: tuple[Setting, ...] = (
    (sys.getrecursionlimit, sys.setrecursionlimit),  # first, so that the others have enough stack
    # Before any other setting of torch is read, since an active mode may intercept that.
    (_get_current_dispatch_mode_stack, _leave(TorchDispatchMode, _get_current_dispatch_mode_stack)),
    (_function_modes, _leave(TorchFunctionMode, _function_modes)),
    (_umask, os.umask),
    (_streams, _set_streams),
    (lambda: list(sys.path), _set_path),
    (_functions, _set_functions),
    (_hooks, _set_hooks),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _set_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (_deterministic, lambda found: torch.use_deterministic_algorithms(found[0], warn_only=found[1])),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    *SWITCHES,  # after the precision, which sets some of them
    (_autocast, _set_autocast),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
)
"""The functions that read and set each setting."""


def _ask(asked: Callable[[], Any]) -> Any:
    try:
        return asked()
    except RuntimeError as mixed:  # set in two ways, of which torch can read only one at a time
        return mixed


LEAVING = Event()
"""Set once the process was asked from outside to end, so that its end is not attributed to the code that it runs."""


@contextmanager
def kept() -> Iterator[None]:
    """Restore all settings on exit from a context that runs user code, such as a model.

    Settings that the code leaves changed would affect later computations.

    Raises:
        VitworkError: the code ends the program, for example by ``sys.exit``.
    """
    found = [_ask(asked) for asked, _ in SETTINGS]
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as end:
        if LEAVING.is_set():
            raise
        raise VitworkError(f"The model's code ends the program ({type(end).__name__}: {end}).") from end
    finally:
        for before, (asked, given) in zip(found, SETTINGS, strict=True):
            if _ask(asked) != before and not isinstance(before, RuntimeError):
                given(before)
