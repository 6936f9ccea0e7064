"""A report that is read from disk."""

from __future__ import annotations

import pytest

from tests.evidence.published import published
from vitwork.facts.document import Results
from vitwork.report.document import dump, read


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Return a report as it is read from disk."""
    folder = tmp_path_factory.mktemp("report")
    path = folder / "results.json"
    path.write_bytes(dump(published(folder / "store")))
    return read(path)
