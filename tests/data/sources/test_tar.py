import tarfile

import pytest

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.fixture
def root(tmp_path):
    return copies.shards(tmp_path / "data")


def rewrite(root, files):
    with tarfile.open(root / "data-test-0000.tar", "w") as archive:
        for name, content in files:
            copies.add(archive, name, content)


def test_labels_in_json(root):
    """A sample may keep its label in a JSON file, before or after its picture."""
    picture = copies.encoded(copies.draw("test")[0][0])
    rewrite(root, [("a.json", b'{"label": 2}'), ("a.png", picture), ("b.png", picture), ("b.json", b'{"label": 1}')])
    assert sorted(load(FOLDER, root).test.labels.tolist()) == [1, 2]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("a.cls", b"1")], "sample a holds no image"),
        ([("a.png", b"junk"), ("a.cls", b"1")], "sample a is corrupt"),
        ([("d/a.png", b"junk"), ("d/a.cls", b"one")], "sample d/a has no class number"),
    ],
)
def test_bad_sample_is_named(root, files, message):
    """A sample without picture or label is named with its shard."""
    rewrite(root, files)
    with pytest.raises(VitworkError, match=rf"data-test-0000\.tar, {message}"):
        load(FOLDER, root)


def test_a_shard_cut_between_two_samples_is_named(root):
    """Nothing is broken there, but the archive's end is missing, and with it some images."""
    shard = root / "data-test-0000.tar"
    with tarfile.open(shard) as archive:
        start = archive.getmembers()[2].offset
    with shard.open("r+b") as file:
        file.truncate(start)
    with pytest.raises(VitworkError, match="has no end: it was cut off after sample"):
        load(FOLDER, root)


def test_truncated_shard_is_named(root):
    """A shard that ends in the middle of a file is refused."""
    path = root / "data-test-0000.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(VitworkError, match=r"data-test-0000\.tar cannot be read as a tar file"):
        load(FOLDER, root)
