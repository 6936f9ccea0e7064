"""Finding and downloading published weights, in a folder of the user or in the hub's cache."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vitwork.design.published import Network
from vitwork.errors import DamagedError, VitworkError, told
from vitwork.models.checkpoints import downloads
from vitwork.store.digests import known_digest
from vitwork.store.hub import downloaded, stated

FILE = "model.safetensors"
"""The hub's file name for the weights of a network."""
SUFFIX = ".safetensors"


def located(network: Network, folder: Path | None = None, *, anew: bool = False) -> Network:
    """Return the network with the path and the SHA-256 of its weights, or without them if they are not on this machine.

    Args:
        network: the network without its weights.
        folder: folder of the user, which holds ``NAME.safetensors``; None for the hub's cache and earlier downloads.
        anew: whether to read files again although their size and time have not changed.

    Raises:
        DamagedError: the file is not a complete file of weights, or is not the file that the hub states.
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
    """Return the network with its weights, after the checks that are possible without loading them."""
    from safetensors import SafetensorError, safe_open

    found, stated = known_digest(path, anew=anew), _stated(path)
    if stated not in {"", found}:
        raise DamagedError(path, f"damaged: its SHA-256 is {found}, and {stated} was published or first downloaded")
    if path.suffix == SUFFIX:
        try:
            with safe_open(str(path), framework="numpy"):
                pass  # opening compares the file's length with its header
        except (SafetensorError, OSError) as error:
            raise DamagedError(path, f"truncated or no file of weights: {told(error).rstrip('.')}") from error
    return replace(network, path=path, sha256=found)


def _stated(path: Path) -> str:
    """Return the SHA-256 of the published file.

    The hub's cache names files by it; for a download from an address it is kept beside the file.
    """
    with suppress(OSError):
        return stated(path) or downloads.recorded(path) or ""
    return ""


def _unbound(network: Network, path: Path) -> bool:
    """Return whether a file lies at the place of a download, but without a record of the SHA-256 of its download."""
    return _is_address(network) and path == downloads.place(network.origin) and not downloads.record_of(path).is_file()


def fetch(network: Network) -> Network:
    """Return the network with verified weights, which are downloaded if they are missing or damaged.

    Complete files are kept; an interrupted download starts again.

    Raises:
        VitworkError: the weights have no address, cannot be downloaded, or differ from what the hub states.
    """
    if not network.origin:
        raise VitworkError(f"{network.name} has no address: its weights can only be given as a file.")
    damaged = False
    try:
        found = located(network, anew=True)
        if found.path is not None and not _unbound(network, found.path):
            return found
    except DamagedError:
        damaged = True
    if _is_address(network):
        return _checked(network, downloads.fetch(network.origin), anew=True)
    try:
        path = downloaded(network.origin, FILE, anew=damaged)
    except VitworkError as why:
        raise VitworkError(f"The weights of {network.name} cannot be had from the hub: {why}") from why
    return _checked(network, path, anew=True)
