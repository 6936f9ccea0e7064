"""Sends a folder of images to nodes that lack it: the session packs it once, and each node unpacks it once."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from vitwork.store.cache import cache_folder
from vitwork.store.seals import sealed, unsealed


@dataclass(frozen=True, slots=True)
class Shipment:
    """A packed folder.

    Attributes:
        digest: digest of its content.
        held: the reference by which nodes get the bytes.
    """

    digest: str
    held: tuple[Any]


def shipped(folder: Path, put: Callable[[bytes], Any]) -> Shipment:
    """Pack a folder and hand it to the object store."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, arcname=".")
    content = sealed(buffer.getvalue())
    return Shipment(content[-32:].hex(), (put(content),))


def unloaded(shipment: Shipment) -> Path:
    """Return the folder on this node; the node's first process unpacks it.

    Raises:
        CorruptFileError: the folder was altered on its way.
    """
    import ray

    folder = cache_folder() / "shipped" / shipment.digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            content = unsealed(ray.get(shipment.held[0]), "A folder of images")
            unfinished = folder.with_suffix(".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(unfinished, filter="data")
            unfinished.rename(folder)
    return folder
