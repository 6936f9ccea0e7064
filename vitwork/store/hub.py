"""Files of the Hugging Face hub in the hub's own cache, which names large ones by their SHA-256."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from vitwork.errors import VitworkError, told
from vitwork.store.digests import DIGEST, known_digest

ABANDONED = 3600
"""Age in seconds from which an unchanged partial file no longer belongs to a running download."""


def stated(path: Path) -> str:
    """Return the SHA-256 that the hub states for a file in its cache; empty if it states none, as for small files."""
    name = path.resolve().name
    return name if DIGEST.fullmatch(name) else ""


def intact(path: Path) -> bool:
    """Return whether a file in the hub's cache has the SHA-256 that the hub states, if it states one.

    Raises:
        VitworkError: the file cannot be read.
    """
    return stated(path) in {"", known_digest(path)}


def downloaded(
    repository: str,
    file: str,
    *,
    kind: Literal["model", "dataset"] = "model",
    revision: str | None = None,
    anew: bool = False,
) -> Path:
    """Return the path of a file of the hub, downloaded into the hub's cache unless it is there.

    A download always starts from the beginning: a partial file that an interrupted download left, unchanged for more
    than an hour, is removed.

    Args:
        repository: ``owner/name``.
        file: path of the file in the repository.
        kind: type of the repository.
        revision: branch, tag or commit; None for ``main``.
        anew: whether to download the file although it is in the cache.

    Raises:
        VitworkError: the file cannot be obtained; the message gives the reason in words that can follow a colon.
    """
    from huggingface_hub import hf_hub_download

    clear(repository, kind)
    try:
        return Path(hf_hub_download(repository, file, repo_type=kind, revision=revision, force_download=anew))
    except Exception as error:  # the hub client's, and those of its network libraries
        raise VitworkError(reason(error)) from error


def clear(repository: str, kind: Literal["model", "dataset"]) -> None:
    """Remove partial files of interrupted downloads, which huggingface_hub neither continues nor removes."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    blobs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repository, repo_type=kind), "blobs")
    for path in blobs.glob("*.incomplete"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except OSError:  # another process removed it, or still uses it
            continue


def reason(error: Exception) -> str:
    """Return in one sentence why a request to the hub failed."""
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    # huggingface_hub raises a ValueError if it cannot download again a file that is there but damaged.
    if constants.HF_HUB_OFFLINE and isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled | ValueError):
        return "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set, which forbids downloads."
    hint = ""
    if isinstance(error, RepositoryNotFoundError):  # also for gated repositories
        hint = " If it is gated or private, accept its terms on its page and log in: `hf auth login`, or HF_TOKEN."
    return f"{told(error).rstrip('.')}.{hint}"
