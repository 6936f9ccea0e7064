"""Where published weights lie, and how they get there: a folder of the user's, or the hub's cache. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vitwork.design.published import Network
from vitwork.errors import DamagedError, VitworkError, told
from vitwork.models.checkpoints import downloads
from vitwork.store.cache import cache_folder
from vitwork.store.store import write_atomically

FILE = "model.safetensors"
"""What the hub calls the weights of a network."""
SUFFIX = ".safetensors"
DIGEST = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 as the hub's cache names its large files by."""


def located(network: Network, folder: Path | None = None, *, anew: bool = False) -> Network:
    """Return the network with the place and the SHA-256 of its weights, or without them where they are not here.

    Args:
        network: as it is known.
        folder: of a user's, which holds ``NAME.safetensors``; None for the hub's cache, or what was downloaded.
        anew: whether files are read again that have not changed as far as their size and time show.

    Raises:
        DamagedError: what is there is no whole file of weights, or not what the hub says.
        VitworkError: the file cannot be read.
    """
    path = _in_folder(network, folder) if folder else _cached(network)
    return network if path is None else _checked(network, path, anew=anew)


def _in_folder(network: Network, folder: Path) -> Path | None:
    names = [network.name + SUFFIX, *([Path(network.origin).name] if _is_address(network) else [])]
    there = [path for name in names if os.path.lexists(path := folder / name)]
    if there and not there[0].is_file():
        raise DamagedError(there[0], "a folder, not a file" if there[0].is_dir() else "no file, or a link to nothing")
    return there[0] if there else None


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


def _checked(network: Network, path: Path, *, anew: bool) -> Network:
    """Return the network with its weights, unless these are not what they should be, as far as it shows without loading them."""
    from safetensors import SafetensorError, safe_open

    found, stated = known_digest(path, anew=anew), _stated(path)
    if stated not in {"", found}:
        raise DamagedError(path, f"damaged: its SHA-256 is {found}, and {stated} was published")
    if path.suffix == SUFFIX:
        try:
            with safe_open(str(path), framework="numpy"):
                pass  # the header says how long the file is, and this is compared
        except (SafetensorError, OSError) as error:
            raise DamagedError(path, f"truncated or no file of weights: {told(error).rstrip('.')}") from error
    return replace(network, path=path, sha256=found)


def _stated(path: Path) -> str:
    """Return the SHA-256 of what was published: the hub's cache names files by it; of an address it is kept beside the file."""
    if DIGEST.fullmatch(name := path.resolve().name):
        return name
    with suppress(OSError):
        return downloads.recorded(path) or ""
    return ""


def fetch(network: Network) -> Network:
    """Return the network with its weights here and verified: downloaded where they are not here, or damaged.

    A broken download is continued.

    Raises:
        VitworkError: they have no address, cannot be downloaded, or are not what the hub says that they are.
    """
    if not network.origin:
        raise VitworkError(f"{network.name} has no address: its weights can only be given as a file.")
    damaged = False
    try:
        if (found := located(network, anew=True)).path is not None:
            return found
    except DamagedError:
        damaged = True
    if _is_address(network):
        return _checked(network, downloads.fetch(network.origin), anew=True)
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(network.origin, FILE, force_download=damaged))
    except Exception as error:  # its own, and those of what it connects with
        raise VitworkError(
            f"The weights of {network.name} cannot be had from the hub: {told(error).rstrip('.')}."
        ) from error
    return _checked(network, path, anew=True)


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


def known_digest(path: Path, *, anew: bool = False) -> str:
    """Return the SHA-256 of a file; of one that has not changed since, as far as its size and time show, as it was read.

    With `anew`, the file is read in any case, and what is found replaces what was known.

    Raises:
        VitworkError: it cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
    named = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:32]
    record, facts = cache_folder() / "digests" / f"{named}.json", [status.st_size, status.st_mtime_ns]
    if not anew and (kept := _kept(record, facts)):
        return kept
    found = digest(path)
    with suppress(VitworkError):  # a full or protected disk costs time, not the session
        write_atomically(record, json.dumps({"facts": facts, "sha256": found}).encode())
    return found


def _kept(record: Path, facts: list[int]) -> str:
    """Return the SHA-256 that was noted of a file of this size and time; empty where none was."""
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["facts"] == facts and DIGEST.fullmatch(kept["sha256"]):
            return str(kept["sha256"])
    return ""
