"""TensorBoard event files of a training; needs the extra ``vitwork[tensorboard]``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from vitwork.errors import VitworkError
from vitwork.training.outcome import Outcome, Progress


def writer(folder: Path) -> Any:
    """Return TensorBoard's writer of event files.

    Raises:
        VitworkError: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise VitworkError("Event files need tensorboard: install vitwork[tensorboard].") from error
    made: Any = SummaryWriter
    return made(str(folder))


class EventFiles(AbstractContextManager["EventFiles"]):
    """Writes progress and outcome of a training as scalars; use as `train(…, progress=events.progress)`.

    Args:
        folder: folder of the event files; None writes nothing.
        then: another function that is called with the progress, too.

    Raises:
        VitworkError: tensorboard is not installed.
    """

    def __init__(self, folder: Path | None, then: Callable[[Progress], None] | None = None) -> None:
        self.writer = writer(folder) if folder else None
        self.then = then

    def progress(self, progress: Progress) -> None:
        """Write the progress of a training."""
        for name in ("loss", "accuracy", "images_per_second"):
            self._write(f"train/{name}", getattr(progress, name), progress.step)
        if self.then is not None:
            self.then(progress)

    def outcome(self, outcome: Outcome) -> None:
        """Write each epoch's values and the test results."""
        for entry in outcome.history:
            for name, value in entry.items():
                if name != "epoch":
                    self._write(f"epoch/{name}", value, entry["epoch"])

    def _write(self, name: str, value: float, step: int) -> None:
        if self.writer is not None:
            self.writer.add_scalar(name, value, step)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self.writer is not None:
            self.writer.close()
