"""Files of the Hugging Face hub in the hub's own cache, which names large ones by their SHA-256."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from vitwork.errors import VitworkError, told
from vitwork.store.digests import DIGEST, known_digest

ABANDONED = 3600
"""Seconds after which a part of a file to which nothing was added belongs to no download under way."""


def stated(path: Path) -> str:
    """Return the SHA-256 that the hub states of a file in its cache; empty where it states none, as of small ones."""
    name = path.resolve().name
    return name if DIGEST.fullmatch(name) else ""


def intact(path: Path) -> bool:
    """Return whether a file in the hub's cache is what the hub says, as far as it says anything.

    Raises:
        VitworkError: it cannot be read.
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
    """Return a file of the hub, downloaded into the hub's cache unless it is there.

    A download begins at the beginning: what another one left of its file in more than an hour is removed.

    Args:
        repository: ``owner/name``.
        file: its path there.
        kind: of the repository.
        revision: branch, tag or commit; None for ``main``.
        anew: whether it is downloaded though it is there.

    Raises:
        VitworkError: why it cannot be had, in words that can follow a colon.
    """
    from huggingface_hub import hf_hub_download

    clear(repository, kind)
    try:
        return Path(hf_hub_download(repository, file, repo_type=kind, revision=revision, force_download=anew))
    except Exception as error:  # its own, and those of what it connects with
        raise VitworkError(reason(error)) from error


def clear(repository: str, kind: Literal["model", "dataset"]) -> None:
    """Remove parts of files that were broken off, which huggingface_hub neither continues nor removes."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    blobs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repository, repo_type=kind), "blobs")
    for path in blobs.glob("*.incomplete"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except OSError:  # another process did, or may
            continue


def reason(error: Exception) -> str:
    """Return why the hub did not give what was asked for, in one sentence."""
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    # A ValueError is its own refusal to have a file anew that is there and damaged.
    if constants.HF_HUB_OFFLINE and isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled | ValueError):
        return "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set, which forbids downloads."
    hint = ""
    if isinstance(error, RepositoryNotFoundError):  # of gated ones too
        hint = " If it is gated or private, accept its terms on its page and log in: `hf auth login`, or HF_TOKEN."
    return f"{told(error).rstrip('.')}.{hint}"
