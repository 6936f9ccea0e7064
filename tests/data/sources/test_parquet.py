import pytest

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.fixture
def root(tmp_path):
    return copies.parquet(tmp_path / "data")


def contents(split="test"):
    pixels, labels = copies.draw(split)
    return [copies.encoded(p) for p in pixels], labels


def test_fine_labels_and_the_hubs_column_names(tmp_path):
    """CIFAR-100's columns on the hub, in split folders, are understood."""
    for split in copies.COUNTS:
        images, labels = contents(split)
        path = tmp_path / "data" / split / "0000.parquet"
        copies.write_parquet(path, images, labels, image="img", label="fine_label", names=copies.CLASSES)
    splits = load(DataSpec("cifar100"), tmp_path / "data")
    assert splits.train.classes == copies.CLASSES
    assert splits.train.mean == (0.5071, 0.4867, 0.4408)
    assert len(splits.test) == 6


def test_classes_without_names_are_numbered(root):
    """Without the hub's metadata, classes are called by their numbers."""
    for split in copies.COUNTS:
        copies.write_parquet(root / f"{split}-00000-of-00001.parquet", *contents(split))
    assert load(FOLDER, root).train.classes == ("0", "1", "2")


@pytest.mark.parametrize("columns", [{"image": "picture"}, {"label": "kind"}])
def test_missing_column_is_named(root, columns):
    """A file without image or label says what it has."""
    copies.write_parquet(root / "test-00000-of-00001.parquet", *contents(), **columns)
    with pytest.raises(VitworkError, match=r"test-00000-of-00001\.parquet needs the columns image and label; it has "):
        load(FOLDER, root)


def test_corrupt_image_is_named_with_its_row(root):
    """A truncated picture stops with file and row."""
    images, labels = contents()
    images[4] = images[4][:40]
    copies.write_parquet(root / "test-00000-of-00001.parquet", images, labels)
    with pytest.raises(VitworkError, match=r"test-00000-of-00001\.parquet, row 4 is corrupt"):
        load(FOLDER, root)


def test_truncated_file_is_named(root):
    """A half file is no Parquet file."""
    path = root / "test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(VitworkError, match=r"test-00000-of-00001\.parquet cannot be read as a Parquet file"):
        load(FOLDER, root)


def test_labels_outside_the_classes_are_refused(root):
    """A number that is no class is named."""
    images, labels = contents()
    copies.write_parquet(root / "test-00000-of-00001.parquet", images, [-2] * len(labels))
    with pytest.raises(VitworkError, match="labels from -2 to 2 for 3 classes"):
        load(FOLDER, root)


def test_missing_split_is_named(root):
    """A folder without test images says so."""
    (root / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(VitworkError, match="has no test images"):
        load(FOLDER, root)


def test_labels_that_are_kept_back(root):
    """Test images without labels, as ImageNet's on the hub, are left out where there are validation images."""
    images, labels = contents()
    (root / "test-00000-of-00001.parquet").rename(root / "validation-00000-of-00001.parquet")
    copies.write_parquet(root / "test-00000-of-00001.parquet", images, [-1] * len(labels), names=copies.CLASSES)
    assert load(FOLDER, root).test.labels.sort().values.tolist() == sorted(labels)
