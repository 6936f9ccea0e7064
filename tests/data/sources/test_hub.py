"""Data sets of the hub: which files are taken, that they are what the hub says, and what lies in its cache already."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants, snapshot_download

from tests.data import copies
from vitwork.data import fingerprint, load
from vitwork.data.sources.collection import held_out
from vitwork.data.sources.hub import Address, hub_folder
from vitwork.design.dataset import DataSpec
from vitwork.errors import VitworkError

NAME, ROOT = "someone/pictures", Path("hf://someone/pictures")


class Hub:
    """Stands for the hub: repositories of one data set each, whose files it puts into the cache as huggingface_hub does."""

    def __init__(self, cache, files):
        self.cache, self.files, self.commit, self.asked, self.offline = cache, files, "1" * 40, [], False

    def dataset_info(self, name, *, revision):
        self.refuse_offline()
        self.asked.append(f"{name}@{revision}")
        return SimpleNamespace(sha=self.commit, siblings=[SimpleNamespace(rfilename=path) for path in self.files])

    def snapshot(self, name, *, repo_type, revision, allow_patterns, local_files_only=False):
        if local_files_only:
            return snapshot_download(
                name, repo_type=repo_type, revision=revision, allow_patterns=allow_patterns, local_files_only=True
            )
        assert revision in {"main", "v2"}
        for path in allow_patterns:
            self.download(name, path, repo_type=repo_type, revision=self.commit, force_download=False)
        return str(self.cache / "datasets--someone--pictures" / "snapshots" / self.commit)

    def download(self, name, path, *, repo_type, revision, force_download):
        self.refuse_offline()
        folder = self.cache / f"{repo_type}s--{name.replace('/', '--')}"
        content = self.files[path]
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        link = folder / "snapshots" / revision / path
        for parent in (blob.parent, link.parent, folder / "refs"):
            parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / "main").write_text(revision)
        if force_download or not blob.exists():
            self.asked.append(path)
            blob.write_bytes(content)
        if not link.exists():
            link.symlink_to(blob)
        return str(link)

    def refuse_offline(self):
        if self.offline:
            raise OSError("no\nroute")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one data set in the folder ``data``, and caches of the test's own."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    source = copies.parquet(tmp_path / "source")
    made = Hub(tmp_path / "hub", {f"data/{path.name}": path.read_bytes() for path in source.glob("*.parquet")})
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", made.download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot)
    return made


def test_a_data_set_is_downloaded_once_and_stays_as_it_was(hub, tmp_path):
    """It is like the same files in a folder, and is neither asked for again nor replaced when the hub has another commit."""
    spec = DataSpec("folder")
    splits = load(spec, ROOT)
    assert hub.asked == [f"{NAME}@main", *sorted(hub.files)]
    assert splits.train.fingerprint == load(spec, tmp_path / "source").train.fingerprint
    hub.commit = "2" * 40
    assert fingerprint(spec, ROOT) == splits.train.fingerprint
    assert hub.asked == [f"{NAME}@main", *sorted(hub.files)]
    assert hub_folder(Path("hf://someone/pictures@v2")).parent.name == "2" * 40


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("hf://o/n", Address("o/n", "main", "")),
        ("hf://datasets/o/n", Address("o/n", "main", "")),
        ("hf://o/n@v1", Address("o/n", "v1", "")),
        ("hf://datasets/o/n@refs%2Fconvert%2Fparquet/a/b", Address("o/n", "refs/convert/parquet", "a/b")),
    ],
)
def test_addresses(written, address):
    """The hub's own spelling, a revision and a folder are understood; what names no repository is refused."""
    assert Address.of(Path(written)) == address
    for wrong in ("hf://", "hf://o", "hf://datasets/o", "hf://o/@v1"):
        with pytest.raises(VitworkError, match="names no data set of the hub"):
            Address.of(Path(wrong))


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["data/train-0.parquet", "data/test-0.parquet", "data/val-0.parquet"], ["data/val-0.parquet"]),
        (["data/train-0.parquet", "data/test-0.parquet"], ["data/test-0.parquet"]),
        (["default/train/0.parquet", "default/validation/0.parquet"], ["default/validation/0.parquet"]),
        (["README.md", "x-train-00.tar", "x-val-00.tar", "x-val-01.tar"], ["x-val-00.tar", "x-val-01.tar"]),
        (["pictures.parquet", "shard.tar", ".hidden/a.parquet"], ["pictures.parquet"]),
        (["a/classnames.txt", "a/val/0.tar", "classes.txt"], ["a/val/0.tar", "a/classnames.txt"]),
        (["a/notes.txt", "classes.txt", "val-0.parquet"], ["val-0.parquet", "classes.txt"]),
    ],
)
def test_of_test_images_alone_no_others_are_downloaded(hub, files, taken):
    """Validation comes before test, Parquet files before tar shards, by the names that folders may have, each with its names of classes."""
    hub.files = {path: path.encode() for path in files}
    folder = hub_folder(ROOT, held_out)
    assert hub.asked[1:] == taken
    assert folder.relative_to(hub.cache).parts[3:] == (Path(taken[0]).parts[:1] if "/" in taken[0] else ())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["README.md", "a.zip"], "someone/pictures has neither Parquet files nor tar shards"),
        (["train-0.parquet"], "someone/pictures has no validation images"),
        (["160px/val-0.parquet", "320px/val-0.parquet"], r"in 2 folders, 160px, 320px: name one, as in hf://\S+/160px"),
        (["val-0-of-2.parquet"], "has 1 files of validation images where"),
    ],
)
def test_what_is_no_data_set_is_said_before_anything_is_downloaded(hub, files, said):
    """Nothing of it, training images alone, several folders, an incomplete series: one sentence, now and at the next try."""
    hub.files = {path: path.encode() for path in files}
    for _ in range(2):
        with pytest.raises(VitworkError, match=said):
            hub_folder(ROOT, held_out)
    assert set(hub.asked) == {f"{NAME}@main"}


def test_one_of_several_folders_can_be_named(hub):
    """The name of a folder follows that of the repository."""
    hub.files = {f"{side}/val-0.parquet": side.encode() for side in ("160px", "320px")}
    folder = hub_folder(ROOT / "320px", held_out)
    assert [path.read_bytes() for path in folder.iterdir()] == [b"320px"]
    assert hub.asked[1:] == ["320px/val-0.parquet"]


def test_a_damaged_or_removed_copy_is_downloaded_again(hub):
    """What has not the SHA-256 that the hub states, or is gone, is had anew; offline, it is said which file is damaged."""
    folder = hub_folder(ROOT)
    first, second = sorted(folder.iterdir())
    whole = first.read_bytes()
    first.resolve().write_bytes(whole[:100])
    second.resolve().unlink()
    hub.offline = True
    with pytest.raises(VitworkError, match=rf"{first} is damaged, and cannot be downloaded: OSError: no\.$"):
        hub_folder(ROOT)
    hub.offline = False
    assert hub_folder(ROOT) == folder
    assert first.read_bytes() == whole
    assert second.exists()


def test_what_others_put_into_the_hubs_cache_is_used_offline(hub):
    """Without the hub, a copy in its cache serves, and the hub is asked as soon as it can be; without a copy, one sentence says so."""
    hub.offline = True
    with pytest.raises(VitworkError, match=r"someone/pictures cannot be had: OSError: no\.$"):
        hub_folder(ROOT)
    hub.offline = False
    for path in hub.files:
        hub.download(NAME, path, repo_type="dataset", revision=hub.commit, force_download=False)
    hub.offline, hub.asked = True, []
    assert len(list(hub_folder(ROOT).iterdir())) == len(hub.files)
    hub.offline = False
    hub_folder(ROOT)
    assert hub.asked == [f"{NAME}@main"]


@pytest.mark.parametrize("grouping", [None, held_out])
@pytest.mark.parametrize("names", [["val-0.tar", "val-1.tar"], ["val-0-of-2.tar", "val-1-of-2.tar"]])
def test_a_part_in_the_hubs_cache_is_not_taken_for_the_whole(hub, names, grouping):
    """Offline, files serve whose names say how many there are, and any that were downloaded as a whole; others are refused."""
    hub.files = {name: name.encode() for name in names}
    for name in names:
        hub.download(NAME, name, repo_type="dataset", revision=hub.commit, force_download=False)
    hub.offline = True
    if "of" in names[0]:
        assert len(list(hub_folder(ROOT, grouping).iterdir())) == 2
        return
    with pytest.raises(VitworkError, match=r"cache with 2 tar shards, and whether there are more .*: OSError: no\.$"):
        hub_folder(ROOT, grouping)
    hub.offline = False
    folder = hub_folder(ROOT, grouping)
    hub.offline = True
    assert hub_folder(ROOT, grouping) == folder


@pytest.mark.parametrize("note", ["{", "null", "1", '["x", []]', '["x", "y"]', '["x", ["y", 1]]', '{"x": 1, "y": 2}'])
def test_a_note_of_another_shape_is_none(hub, tmp_path, note):
    """What does not name a commit and its files is replaced by what the hub says."""
    folder = hub_folder(ROOT)
    (path,) = (tmp_path / "cache" / "downloads" / "hub").iterdir()
    written = path.read_bytes()
    path.write_text(note)
    assert hub_folder(ROOT) == folder
    assert path.read_bytes() == written


def test_data_sets_of_the_hub_need_its_library(monkeypatch):
    """Without huggingface_hub it is said what to install."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(VitworkError, match=r"install vitwork\[hub\]"):
        hub_folder(ROOT)
