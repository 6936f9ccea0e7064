"""Large files are read once for their SHA-256."""

from __future__ import annotations

import hashlib
import os

import pytest

from vitwork.errors import VitworkError
from vitwork.store import digests


def test_a_digest_is_read_once_until_the_file_changes(tmp_path, monkeypatch):
    """Its stamp tells that a file is the same; one that changed, to as many bytes and at the same time, is read again."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = digests.known_digest(path)
    assert first == hashlib.sha256(path.read_bytes()).hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(digests, "file_digest", lambda _: pytest.fail("read again"))
        assert digests.known_digest(path) == first
    written = path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(written, written))
    assert digests.known_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(VitworkError, match="Cannot read"):
        digests.known_digest(tmp_path / "none")
