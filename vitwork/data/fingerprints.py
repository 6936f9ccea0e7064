"""A hash of the content of the images that an arm uses; NumPy is not imported for drawn images."""

from __future__ import annotations

from pathlib import Path

from vitwork.data import drawn
from vitwork.design.dataset import HELD_OUT, DataSpec


def fingerprint(spec: DataSpec, root: Path | None = None) -> str:
    """Return a hash of the content of the whole data set that `spec` takes its images from, or of its sample only.

    It is the same for every copy of the data, in any file format and order. Images too many for memory are not decoded;
    for these it is the same for every copy in the same encoding. Files are read at the first call; later calls compare
    names and `vitwork.store.cache.stamp`.

    Raises:
        VitworkError: as for `vitwork.data.load`.
    """
    if spec.source == "embedded":
        return drawn.fingerprint(spec.size)
    if spec.source == HELD_OUT:
        from vitwork.data import sample

        return sample.fingerprint(spec, root)
    from vitwork.data.loading import fingerprint_of_files

    return fingerprint_of_files(spec, root)
