"""Where results are kept that can be made anew on any machine: downloads, decoded images, digests of sources."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return ``VITWORK_CACHE``, or the user's cache folder."""
    if given := os.environ.get("VITWORK_CACHE"):
        return Path(given)
    from platformdirs import user_cache_path

    return Path(user_cache_path("vitwork"))
