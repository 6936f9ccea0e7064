"""Where published weights lie, and how they get there: a folder of the user's, or the hub's cache."""

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
"""What the hub calls the weights of a network."""
SUFFIX = ".safetensors"


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
        raise DamagedError(path, f"damaged: its SHA-256 is {found}, and {stated} was published or first downloaded")
    if path.suffix == SUFFIX:
        try:
            with safe_open(str(path), framework="numpy"):
                pass  # the header says how long the file is, and this is compared
        except (SafetensorError, OSError) as error:
            raise DamagedError(path, f"truncated or no file of weights: {told(error).rstrip('.')}") from error
    return replace(network, path=path, sha256=found)


def _stated(path: Path) -> str:
    """Return the SHA-256 of what was published: the hub's cache names files by it; of an address it is kept beside the file."""
    with suppress(OSError):
        return stated(path) or downloads.recorded(path) or ""
    return ""


def _unbound(network: Network, path: Path) -> bool:
    """Return whether a file lies where a download would, of which nothing tells what it was when it was downloaded."""
    return _is_address(network) and path == downloads.place(network.origin) and not downloads.record_of(path).is_file()


def fetch(network: Network) -> Network:
    """Return the network with its weights here and verified: downloaded where they are not here, or damaged.

    Whole files are kept; one that was broken off begins anew.

    Raises:
        VitworkError: they have no address, cannot be downloaded, or are not what the hub says that they are.
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
