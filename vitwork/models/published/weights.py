"""Where published weights lie, and how they get there: a folder of the user's, or the hub's cache. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vitwork.design.published import Network
from vitwork.errors import VitworkError, told
from vitwork.models.checkpoints import downloads
from vitwork.store.cache import cache_folder
from vitwork.store.store import write_atomically

FILE = "model.safetensors"
"""What the hub calls the weights of a network."""
SUFFIX = ".safetensors"
DIGEST = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 as the hub's cache names its large files by."""


def located(network: Network, folder: Path | None = None) -> Network:
    """Return the network with the place and the SHA-256 of its weights, or without them where they are not here.

    Args:
        network: as it is known.
        folder: of a user's, which holds ``NAME.safetensors``; None for the hub's cache, or what was downloaded.

    Raises:
        VitworkError: the file cannot be read.
    """
    path = _in_folder(network, folder) if folder else _cached(network)
    return network if path is None else replace(network, path=path, sha256=known_digest(path))


def _in_folder(network: Network, folder: Path) -> Path | None:
    names = [network.name + SUFFIX, *([Path(network.origin).name] if _is_address(network) else [])]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _is_address(network: Network) -> bool:
    return "://" in network.origin


def _cached(network: Network) -> Path | None:
    if not network.origin:
        return None
    if _is_address(network):
        path = downloads.place(network.origin)
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(network.origin, FILE)
    return Path(found) if isinstance(found, str) else None


def fetch(network: Network) -> Network:
    """Return the network with its weights here: downloaded where they are not, a broken download continued, and verified.

    Raises:
        VitworkError: they have no address, cannot be downloaded, or are not what the hub says that they are.
    """
    if not network.origin:
        raise VitworkError(f"{network.name} has no address: its weights can only be given as a file.")
    if _is_address(network):
        path = downloads.fetch(network.origin)
        return replace(network, path=path, sha256=known_digest(path))
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(network.origin, FILE))
    except Exception as error:  # its own, and those of what it connects with
        raise VitworkError(f"The weights of {network.name} cannot be had from the hub: {told(error)}.") from error
    stated, found = path.resolve().name, known_digest(path)
    if DIGEST.fullmatch(stated) and stated != found:
        raise VitworkError(
            f"{path} is not what the hub says (SHA-256 {found}, not {stated}): remove {path.resolve()} to download it again."
        )
    return replace(network, path=path, sha256=found)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        VitworkError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error


def known_digest(path: Path) -> str:
    """Return the SHA-256 of a file; of one that has not changed since, as far as its size and time show, as it was read.

    Raises:
        VitworkError: it cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
    named = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:32]
    record, facts = cache_folder() / "digests" / f"{named}.json", [status.st_size, status.st_mtime_ns]
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["facts"] == facts and DIGEST.fullmatch(kept["sha256"]):
            return str(kept["sha256"])
    found = digest(path)
    with suppress(VitworkError):  # a full or protected disk costs time, not the session
        write_atomically(record, json.dumps({"facts": facts, "sha256": found}).encode())
    return found
