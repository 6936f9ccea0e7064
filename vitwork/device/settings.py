"""Torch's settings for a whole process, which code of a user's may change: kept, and given back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import torch

from vitwork.errors import VitworkError


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _cudnn() -> tuple[bool, bool, bool]:
    flags = torch.backends.cudnn
    return flags.enabled, flags.benchmark, flags.deterministic


def _set_cudnn(values: tuple[bool, bool, bool]) -> None:
    flags = torch.backends.cudnn
    flags.enabled, flags.benchmark, flags.deterministic = values


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # a default of "cpu" would slow every call down


def _autocast() -> list[tuple[str, bool, torch.dtype]]:
    return [(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in ("cpu", "cuda")]


def _set_autocast(values: list[tuple[str, bool, torch.dtype]]) -> None:
    for device, enabled, dtype in values:
        torch.set_autocast_enabled(device, enabled)
        torch.set_autocast_dtype(device, dtype)


Setting = tuple[Callable[[], Any], Callable[[Any], object]]
SETTINGS: tuple[Setting, ...] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _set_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (_deterministic, lambda found: torch.use_deterministic_algorithms(found[0], warn_only=found[1])),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (_cudnn, _set_cudnn),
    (_autocast, _set_autocast),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
)
"""How each setting is asked for and set."""


def _ask(asked: Callable[[], Any]) -> Any:
    try:
        return asked()
    except RuntimeError as mixed:  # two ways of setting it, of which torch knows but one at a time
        return mixed


LEAVING = Event()
"""Set once something outside has told the process to end, whose end is then not the doing of the code that it runs."""


@contextmanager
def kept() -> Iterator[None]:
    """Run code of a user's, such as a model: settings that it leaves changed would change what is computed after it.

    Raises:
        VitworkError: the code ends the program, by ``sys.exit`` for example.
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
