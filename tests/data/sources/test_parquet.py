import pyarrow.parquet as pq
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.data.sources import parquet
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


@pytest.mark.parametrize("columns", [("image", "img"), ("fine_label", "label")])
def test_two_columns_of_images_or_labels_are_refused(root, columns):
    """Which of two columns is meant is not known: both are named."""
    path = root / "test-00000-of-00001.parquet"
    table = pq.read_table(path)
    (known,) = set(columns) & set(table.column_names)
    (other,) = set(columns) - {known}
    pq.write_table(table.append_column(other, table[known]), path)
    with pytest.raises(
        VitworkError, match=r"00001\.parquet has the columns .* and .*, of which one is needed"
    ) as caught:
        load(FOLDER, root)
    assert all(column in str(caught.value) for column in columns)


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


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file whose pages have checksums, its content and its rows."""
    path = copies.parquet(tmp_path_factory.mktemp("file") / "data") / "train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path), path, write_page_checksum=True, row_group_size=5)
    return path, path.read_bytes(), list(parquet._read(path))


def test_a_flipped_page_fails_its_checksum(file):
    """Bits of images and labels in pages with checksums do not flip unnoticed."""
    path, content, _ = file
    place = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    for bit in range(400, 1200, 57):
        flipped = bytearray(content)
        flipped[place + bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(VitworkError, match=r"train-.* cannot be read as a Parquet file"):
            list(parquet._read(path))


@seed(0)
@settings(max_examples=150, deadline=None, database=None)
@given(st.data())
def test_any_damage_is_refused_or_changes_no_row(file, data):
    """Whatever bits are flipped or bytes cut off: the rows that were written, or one sentence."""
    path, content, wanted = file
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        back = data.draw(st.one_of(st.integers(1, len(content)), st.integers(1, 900)))  # the footer is at the end
        damaged[-back] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged[: data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))])
    try:
        rows = list(parquet._read(path))
    except VitworkError:
        return
    assert rows == wanted
