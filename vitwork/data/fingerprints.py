"""Which images an arm takes: a hash of their content. Imports no NumPy for drawn images."""

from __future__ import annotations

from pathlib import Path

from vitwork.data import drawn
from vitwork.design.dataset import HELD_OUT, DataSpec


def fingerprint(spec: DataSpec, root: Path | None = None) -> str:
    """Return a hash of the content of the whole data set that `spec` takes its images from; of a sample, its own alone.

    It is the same for every copy of the data, whatever the files' format and order (of images too many for memory, which
    are not decoded: for every copy in the same encoding). Files are read at the first call; later calls compare names
    and `vitwork.store.cache.stamp`.

    Raises:
        VitworkError: as `vitwork.data.load`.
    """
    if spec.source == "embedded":
        return drawn.fingerprint(spec.size)
    if spec.source == HELD_OUT:
        from vitwork.data import sample

        return sample.fingerprint(spec, root)
    from vitwork.data.loading import fingerprint_of_files

    return fingerprint_of_files(spec, root)
