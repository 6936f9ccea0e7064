"""Weights are found in a folder or in the hub's cache, known by their SHA-256, and verified when they are fetched."""

from __future__ import annotations

import hashlib
import os

import huggingface_hub
import pytest
from huggingface_hub import constants

from tests.published_networks import into_hub, save
from vitwork.errors import DamagedError, VitworkError
from vitwork.models.published import weights
from vitwork.models.published.membership import published
from vitwork.profiles.published import OF_THE_PAPER

NAME = "test_vit.r160_in1k"


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    """An offline machine with a hub cache and a cache of the test's own."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_holds_weights_by_name(tmp_path):
    """``NAME.safetensors`` is found, and another name is not."""
    path = save(tmp_path / "weights" / f"{NAME}.safetensors", "test_vit", 0)
    found = weights.located(published(NAME), path.parent)
    assert (found.path, found.sha256) == (path, sha256(path))
    assert weights.located(published("test_resnet.r160_in1k"), path.parent).path is None


def test_the_cache_of_the_hub_is_read_offline(tmp_path, hub):
    """What huggingface_hub has downloaded is found without asking the hub; fetching it again needs no network."""
    file = save(tmp_path / "file.safetensors", "test_vit", 0)
    assert weights.located(published(NAME)).path is None
    link = into_hub(hub, f"timm/{NAME}", file)
    found = weights.located(published(NAME))
    assert (found.path, found.sha256) == (link, sha256(file))
    assert weights.fetch(published(NAME)) == found


def test_what_cannot_be_fetched_is_said_in_a_sentence():
    """Offline, or without an address, a network is named."""
    with pytest.raises(VitworkError, match=f"weights of {NAME} cannot be had from the hub") as raised:
        weights.fetch(published(NAME))
    assert not str(raised.value).endswith("..")
    with pytest.raises(VitworkError, match=r"test_vit\.mine has no address"):
        weights.fetch(published("test_vit.mine"))


def flipped(content: bytes) -> bytes:
    """Return a content of the same length with one bit of its middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_weights_that_are_not_what_the_hub_says_are_fetched_anew(tmp_path, hub, monkeypatch):
    """The name of a blob is its SHA-256: one with another bit is refused, downloaded again, and refused if it stays as it is."""
    file = save(tmp_path / "file.safetensors", "test_vit", 0)
    link = into_hub(hub, f"timm/{NAME}", file)
    whole, asked = file.read_bytes(), []

    def download(*_: str, force_download: bool, **__: object) -> str:
        asked.append(force_download)
        if len(asked) > 1:
            link.resolve().write_bytes(whole)
        return str(link)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    link.resolve().write_bytes(flipped(whole))
    with pytest.raises(DamagedError, match="is damaged: its SHA-256 is"):
        weights.located(published(NAME))
    with pytest.raises(VitworkError, match="is damaged"):
        weights.fetch(published(NAME))
    assert weights.fetch(published(NAME)).sha256 == sha256(file)
    assert asked == [True, True]


def test_what_is_here_is_read_again_when_it_is_fetched(tmp_path, hub):
    """A bit that changed on the disk, with neither size nor time, is found, though the file was known before."""
    link = into_hub(hub, f"timm/{NAME}", save(tmp_path / "file.safetensors", "test_vit", 0))
    weights.located(published(NAME))
    blob, status = link.resolve(), link.stat()
    blob.write_bytes(flipped(blob.read_bytes()))
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(VitworkError, match="cannot be had from the hub"):  # offline
        weights.fetch(published(NAME))
    with pytest.raises(DamagedError):  # and from now on it is known
        weights.located(published(NAME))


def spoil(path, kind):
    """Put something that cannot be used where weights belong."""
    content = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.write_bytes({"cut": content[:-100], "longer": content + b"0", "empty": b""}[kind])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("cut", "truncated"),
        ("longer", "truncated or no"),
        ("empty", "truncated or no"),
        ("folder", "a folder"),
        ("link", "link"),
    ],
)
def test_what_cannot_be_used_is_said_before_it_is_loaded(tmp_path, kind, said):
    """A file of the wrong length, a folder and a link to nothing are no missing weights: it is said what lies there."""
    path = save(tmp_path / f"{NAME}.safetensors", "test_vit", 0)
    spoil(path, kind)
    with pytest.raises(DamagedError, match=said) as raised:
        weights.located(published(NAME), tmp_path)
    assert str(path) in str(raised.value)
    assert str(path) not in raised.value.reason


def test_the_papers_downloads_are_compared_with_what_was_downloaded(tmp_path):
    """Beside a file of an address lies its SHA-256; one that changed since is damaged."""
    network = OF_THE_PAPER["vit"]
    path = weights.downloads.place(network.origin)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    weights.downloads.record_of(path).write_text(sha256(path))
    assert weights.located(network).path == path
    path.write_bytes(b"weighty")
    os.utime(path, ns=(1, 1))
    with pytest.raises(DamagedError, match="damaged"):
        weights.located(network)


def test_a_download_of_which_nothing_tells_what_it_was_is_made_anew(tmp_path, monkeypatch):
    """A file that is compared with nothing is not verified; one that a user gives in a folder is as given."""
    network, asked = OF_THE_PAPER["vit"], []
    path = weights.downloads.place(network.origin)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    monkeypatch.setattr(weights.downloads, "fetch", lambda address: asked.append(address) or path)
    assert weights.fetch(network).path == path
    assert asked == [network.origin]
    weights.downloads.record_of(path).write_text(sha256(path))
    assert weights.fetch(network).path == path
    assert asked == [network.origin]


def test_the_papers_networks_are_those_that_were_downloaded(tmp_path):
    """Files of an address lie where they are downloaded to, or in a folder under their own name."""
    network = OF_THE_PAPER["vit"]
    assert weights.located(network).path is None
    path = weights.downloads.place(network.origin)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert weights.located(network).path == path
    own = tmp_path / "weights" / path.name
    own.parent.mkdir()
    own.write_bytes(b"weights")
    assert weights.located(network, own.parent).path == own
