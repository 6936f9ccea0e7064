"""What tests of data sets on disk share."""

import pytest


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """A cache folder of the test's own."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
