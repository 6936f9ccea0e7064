"""Downloads are kept, recorded and checked."""

from __future__ import annotations

import hashlib

import pytest

from vitwork.errors import VitworkError
from vitwork.models.checkpoints.downloads import cache_folder, fetch


@pytest.fixture
def remote(tmp_path):
    """A file with an address."""
    path = tmp_path / "remote" / "weights_0123.pt"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


def test_a_download_is_kept_and_its_digest_recorded(remote, tmp_path):
    """The second fetch needs no source, and the digest beside the copy is the content's SHA-256."""
    copy = fetch(remote.as_uri(), tmp_path / "cache")
    record = copy.with_name(copy.name + ".sha256").read_text()
    assert copy.read_bytes() == b"weights"
    assert record == hashlib.sha256(b"weights").hexdigest()
    remote.unlink()
    assert fetch(remote.as_uri(), tmp_path / "cache") == copy


def test_an_altered_copy_is_set_aside_and_fetched_again(remote, tmp_path):
    """A copy whose digest is not the recorded one is not returned."""
    copy = fetch(remote.as_uri(), tmp_path / "cache")
    copy.write_bytes(b"altered")
    assert fetch(remote.as_uri(), tmp_path / "cache").read_bytes() == b"weights"
    assert copy.with_name(copy.name + ".altered").read_bytes() == b"altered"


def test_an_address_that_does_not_answer_is_named(tmp_path):
    """A failing download is one sentence with the address, and leaves no file."""
    with pytest.raises(VitworkError, match=r"absent.pt could not be downloaded"):
        fetch((tmp_path / "absent.pt").as_uri(), tmp_path / "cache")
    assert not list(tmp_path.glob("cache/**/*.pt"))


def test_the_cache_can_be_moved(monkeypatch, tmp_path):
    """VITWORK_CACHE says where copies lie."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "checkpoints"
