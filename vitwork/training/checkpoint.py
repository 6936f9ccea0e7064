"""Checkpoints and snapshots: sealed files of tensors and plain values, loaded without executing anything."""

from __future__ import annotations

import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitwork.design.schedule import snapshot_name
from vitwork.errors import VitworkError
from vitwork.store.store import CorruptFileError, SnapshotError, read_sealed, write_sealed


def write_tensors(path: Path, content: Any) -> None:
    """Write tensors and plain containers as a sealed file, atomically."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_sealed(path, buffer.getvalue())


def read_tensors(path: Path, device: torch.device | str = "cpu") -> Any:
    """Return the content of a file written by `write_tensors`.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: the file was altered.
        VitworkError: it holds more than tensors and plain values, which could execute code.
    """
    content = read_sealed(path)
    try:
        return torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        raise VitworkError(f"{path} holds objects other than tensors and plain values and is not loaded.") from error


def set_aside(path: Path) -> None:
    """Rename a damaged file, so that it is made again and can still be inspected, and warn."""
    aside = path.with_name(f"{path.name}.corrupt")
    path.replace(aside)
    warnings.warn(f"{path} is damaged; it was set aside as {aside.name} and is redone.", stacklevel=2)


def read_or_set_aside(path: Path, device: torch.device | str = "cpu") -> Any | None:
    """Return the content of a file, or None when there is none or it was damaged (and set aside)."""
    try:
        return read_tensors(path, device)
    except FileNotFoundError:
        return None
    except CorruptFileError:
        set_aside(path)
        return None


def save_snapshot(folder: Path, name: str, state: dict[str, Tensor]) -> None:
    """Write a model's state dict as the snapshot `name`."""
    write_tensors(folder / f"{name}.pt", {key: value.detach().cpu().contiguous() for key, value in state.items()})


def load_snapshot(folder: Path, when: str | int, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Return the state dict that a training left in `folder`.

    Args:
        folder: the run's folder.
        when: ``init``, ``warmup``, ``end``, or a number of epochs after warm-up; with ``-ema`` for the averaged
            weights.
        device: device of the tensors.

    Raises:
        SnapshotError: the run has no such snapshot, or it was altered.
        VitworkError: it cannot be read.
    """
    path = folder / f"{snapshot_name(when)}.pt"
    try:
        state: dict[str, Tensor] = read_tensors(path, device)
    except FileNotFoundError as error:
        raise SnapshotError(f"The run in {folder} has no snapshot {snapshot_name(when)!r}.") from error
    except CorruptFileError as error:
        raise SnapshotError(str(error)) from error
    return state


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
