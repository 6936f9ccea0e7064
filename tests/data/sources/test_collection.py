"""Which files belong to one data set, and which labels are class numbers."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.data.sources.held_out import numbers, open_held_out
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.mark.parametrize(
    ("write", "first", "second"),
    [
        (copies.parquet, "train-00000-of-00001.parquet", "train_backup-00000-of-00001.parquet"),
        (copies.parquet, "train-00000-of-00001.parquet", "train-00000-of-00001 2.parquet"),
        (copies.parquet, "test-00000-of-00001.parquet", "more/test-00000-of-00001.parquet"),
        (copies.parquet, "train-00000-of-00001.parquet", "more/extra/train-00001.parquet"),
        (copies.shards, "data-train-0000.tar", "train/b/c/data-train-0001.tar"),
        (copies.parquet, "train-00000-of-00001.parquet", "train-00000-of-00002.parquet"),
        (copies.shards, "data-train-0000.tar", "old-train-0000.tar"),
        (copies.shards, "data-test-0000.tar", "fine/data-test-0000.tar"),
        (copies.parquet, "train-00000-of-00001.parquet", "Train-00000-of-00001.parquet"),
        (copies.shards, "data-train-0000.tar", "data-train-0000.TAR"),
        (copies.image_folder, "train", "train_backup"),
        (copies.image_folder, "train", "train2"),
        (copies.image_folder, "val", "validation"),
    ],
)
def test_two_sets_of_one_split_are_not_merged(tmp_path, write, first, second):
    """A backup, a copy, a second folder or another number of shards is another set: both are named."""
    root = write(tmp_path / "data")
    (root / second).parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if (root / first).is_dir() else shutil.copy)(root / first, root / second)
    with pytest.raises(VitworkError, match="has two sets of") as caught:
        load(FOLDER, root)
    assert first in str(caught.value)
    assert second in str(caught.value)


@pytest.mark.parametrize("end", ["parquet", "tar"])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train_fold_0", "train_fold_1", "val_fold_0"], "two sets of train images, train_fold_0.* and train_fold_1"),
        (["train/fold-0", "train/fold-1", "val/0"], "two sets of train images, train/fold-0.* and train/fold-1"),
        (["train_split_1", "train_split_2", "val"], "two sets of train images, train_split_1.* and train_split_2"),
        (["fold0", "fold1", "train", "val"], r"fold0\.\w+ is called a fold and no split"),
        (["Fold_2", "train", "val"], r"Fold_2\.\w+ is called a fold and no split"),
        (["cv1/a", "train", "val"], r"cv1/a\.\w+ is called a fold and no split"),
        (["fold0", "fold1"], "no train images"),
    ],
)
def test_folds_are_neither_merged_nor_left_out(tmp_path, names, said, end):
    """Files of a cross-validation overlap: they are no shards of one split, and none is passed over beside splits."""
    write = {"tar": copies.write_shard, "parquet": copies.write_parquet}[end]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / f"{name}.{end}", [copies.encoded(copies.draw("train")[0][number])], [0])
    with pytest.raises(VitworkError, match=said):
        load(FOLDER, tmp_path)


def test_folders_of_folds_beside_splits_are_refused(tmp_path):
    """As files are."""
    root = copies.image_folder(tmp_path / "data")
    shutil.copytree(root / "train", root / "fold_1")
    with pytest.raises(VitworkError, match="fold_1 is called a fold and no split"):
        load(FOLDER, root)


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
        ["train-00000-of-00002-6944d3f1a1ef1a5b.parquet", "train-00001-of-00002-0123456789abcdef.parquet"],
        ["train/0000.parquet", "train/0001.parquet"],
        ["train0.parquet", "train1.parquet"],
        ["imagenet1k-train-part1.parquet", "imagenet1k-train-part2.parquet"],
        ["train-1-of-2.parquet", "train-2-of-2.parquet"],
        ["train-224-0-of-2.parquet", "train-224-1-of-2.parquet"],
        ["train-6944d3f1a1ef1a5b.parquet", "train-0123456789abcdef.parquet"],
    ],
)
def test_shards_are_one_set(tmp_path, names):
    """Files that differ by their numbers, or by a hash of each, are parts of one split."""
    root = copies.parquet(tmp_path / "data")
    whole = pq.read_table(root / "train-00000-of-00001.parquet")
    (root / "train-00000-of-00001.parquet").unlink()
    for number, name in enumerate(names):
        (root / name).parent.mkdir(exist_ok=True)
        pq.write_table(whole.slice(6 * number, 6), root / name)
    assert len(load(FOLDER, root).train) == 12


@pytest.mark.parametrize(
    ("names", "lacking"),
    [
        (("train-224", "train-32"), 1),
        (("train-2023", "train-2024"), 1),
        (("train-20230101", "train-20240101"), 1),
        (("train-1", "train-3"), 2),
        (("train-0", "train-00"), 1),
        (("train-32-0", "train-32-1", "train-64-0", "train-64-1"), 1),
    ],
)
@pytest.mark.parametrize("opened", [lambda root: load(FOLDER, root), open_held_out])
def test_numbers_that_are_no_series_are_refused(tmp_path, opened, names, lacking):
    """Sizes, years, dates and gaps are no numbers of shards: two sets, or a part of one, and both ends are named."""
    for name in names:
        for split in ("train", "validation"):
            path = tmp_path / name.replace("train", split)
            copies.write_parquet(path.with_suffix(".parquet"), [name.encode()], [0])
    said = (
        rf"lacks number {lacking} of .*: if \w+-{names[0][6:]}.parquet and \w+-{names[-1][6:]}.parquet are of two sets"
    )
    with pytest.raises(VitworkError, match=said):
        opened(tmp_path)


@pytest.mark.parametrize("overlap", [1, 6])
@pytest.mark.parametrize("write", [copies.write_parquet, copies.write_shard])
def test_a_sample_in_two_files_of_a_split_is_refused(tmp_path, write, overlap):
    """A shard that was copied, whole or in part, would count its samples twice; numbers that begin anew in each are none."""
    end = {copies.write_shard: "tar", copies.write_parquet: "parquet"}[write]
    contents, labels = [copies.encoded(each) for each in copies.draw("train")[0]], [0, 1, 2] * 4
    for name, start in (("train-0", 0), ("train-1", 6), ("test-0", 0)):
        write(tmp_path / f"{name}.{end}", contents[start : start + 6], labels[:6])
    assert len(load(FOLDER, tmp_path).train) == 12
    write(tmp_path / f"train-1.{end}", [*contents[:overlap], *contents[6 + overlap :]], labels[:6])
    with pytest.raises(VitworkError, match=r"train-1.*(row 0|sample 0000) is there twice among the train images"):
        load(FOLDER, tmp_path)


def test_columns_of_two_kinds_of_labels_are_refused(tmp_path):
    """Fine labels in training and coarse ones in the test are other classes by the same numbers."""
    root = copies.parquet(tmp_path)
    contents = [copies.encoded(each) for each in copies.draw("test")[0]]
    copies.write_parquet(root / "test-00000-of-00001.parquet", contents, [0, 1] * 3, label="fine_label")
    with pytest.raises(VitworkError, match=r"test-.* labels in the column fine_label, and .*train-.* in label"):
        load(FOLDER, root)


@pytest.mark.parametrize("opened", [lambda root: load(FOLDER, root), open_held_out])
@pytest.mark.parametrize(
    ("write", "name"),
    [
        (copies.shards, "data-val-0001.tar.gz"),
        (copies.shards, "data-val-0001.tar.zst"),
        (copies.shards, "data-val-0001.tar.part"),
        (copies.shards, "val/1.zip"),
        (copies.parquet, "val-1.pq"),
        (copies.parquet, "val-1.arrow"),
        (copies.parquet, "val-1.parquet.incomplete"),
        (copies.parquet, "more/val-1.PARQUET.crdownload"),
        (copies.image_folder, "val-1.zip"),
        (copies.image_folder, "val/1.zip"),
        (copies.image_folder, "val/1.tar.gz"),
        (copies.image_folder, "val-1.tgz"),
    ],
)
def test_what_is_not_read_of_a_split_is_named(tmp_path, opened, write, name):
    """Compressed, packed otherwise or not wholly downloaded, a part of a split would be left out."""
    root = write(tmp_path / "data")
    for path in root.glob("*test-0000*"):
        path.rename(path.with_name(path.name.replace("test", "val")))
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).touch()
    with pytest.raises(VitworkError, match=rf"{name} is not read, and would be missing"):
        opened(root)


@pytest.mark.parametrize("write", [copies.shards, copies.parquet, copies.image_folder])
def test_what_belongs_to_no_split_or_tells_of_one_is_passed_over(tmp_path, write):
    """Checksums, lists, indices and the archives of something else lie beside images in many data sets."""
    root = write(tmp_path / "data")
    for name in (
        "train-0.tar.md5",
        "train.parquet.json",
        "train-0.tar.idx",
        "val.txt",
        "train.csv.gz",
        "kit_t12.tar.gz",
    ):
        (root / name).touch()
    assert len(load(FOLDER, root).train) == 12


def test_a_missing_shard_is_named(tmp_path):
    """Two of three files that their names count are not the split."""
    root = copies.parquet(tmp_path / "data")
    shutil.move(root / "train-00000-of-00001.parquet", root / "train-00000-of-00003.parquet")
    shutil.copy(root / "train-00000-of-00003.parquet", root / "train-00002-of-00003.parquet")
    with pytest.raises(VitworkError, match=r"has 2 files of train images where .* there are 3"):
        load(FOLDER, root)


@pytest.mark.parametrize(
    ("first", "second", "lacking"), [("00000", "00005", 1), ("00002", "00003", 1), ("0", "00", 1), ("1", "3", 2)]
)
def test_a_missing_shard_is_named_where_another_makes_up_the_count(tmp_path, first, second, lacking):
    """As many files as their names count are not the split if one number is missing, counted from 0 or from 1."""
    root = copies.parquet(tmp_path / "data")
    (root / "train-00000-of-00001.parquet").rename(root / f"train-{first}-of-00002.parquet")
    shutil.copy(root / f"train-{first}-of-00002.parquet", root / f"train-{second}-of-00002.parquet")
    with pytest.raises(VitworkError, match=rf"lacks number {lacking} of .* train-{first}-.* there are 2"):
        load(FOLDER, root)


@pytest.mark.parametrize("opened", [lambda root: load(FOLDER, root), open_held_out])
@pytest.mark.parametrize(
    ("write", "other"),
    [
        (copies.parquet, "train/cat/0.png"),
        (copies.parquet, "deep/er/data-train-0000.tar"),
        (copies.shards, "val/cat/deeper/0.JPG"),
        (copies.shards, "extra.parquet"),
    ],
)
def test_images_in_two_layouts_are_refused(tmp_path, opened, write, other):
    """Class folders beside Parquet files or shards, and one of these beside the other, would be left out: both are named."""
    root = write(tmp_path / "data")
    (root / other).parent.mkdir(parents=True, exist_ok=True)
    (root / other).touch()
    with pytest.raises(VitworkError, match=r"holds images in two layouts, .*: move one of them away") as caught:
        opened(root)
    assert other in str(caught.value)


@pytest.mark.parametrize("value", [10**9, 2**64 - 1, -(2**63), float("inf"), float("nan"), 1.5, "one", None])
def test_labels_that_are_no_class_numbers_are_refused(tmp_path, value):
    """A label beyond any number of classes, or none at all, is named with its row, in Parquet files and shards."""
    root = copies.parquet(tmp_path / "a")
    path = root / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    kind = pa.uint64() if value == 2**64 - 1 else None
    labels = pa.array([value] * table.num_rows, kind)
    pq.write_table(table.set_column(table.schema.get_field_index("label"), "label", labels), path)
    with pytest.raises(VitworkError, match=r"parquet, row 0 has the label .* not a class number"):
        load(FOLDER, root)


@pytest.mark.parametrize(
    "text", ["1000000000", "18446744073709551615", "Infinity", "NaN", "1.5", '"one"', "null", "[" * 9999]
)
def test_labels_of_samples_that_are_no_class_numbers_are_refused(tmp_path, text):
    """The same in a sample's JSON file, whatever it holds."""
    root = copies.shards(tmp_path / "data")
    picture = copies.encoded(copies.draw("test")[0][0])
    with copies.tarfile.open(root / "data-test-0000.tar", "w") as archive:
        copies.add(archive, "a.png", picture)
        copies.add(archive, "a.json", f'{{"label": {text}}}'.encode())
    with pytest.raises(VitworkError, match=r"sample a has (no class number|the label .* not a class number)"):
        load(FOLDER, root)


def test_files_that_name_their_classes_differently_are_refused(tmp_path):
    """Label 0 would mean one thing in training and another in the test."""
    root = copies.parquet(tmp_path / "data")
    pixels, labels = copies.draw("test")
    contents = [copies.encoded(p) for p in pixels]
    copies.write_parquet(root / "test-00000-of-00001.parquet", contents, labels, names=copies.CLASSES[::-1])
    with pytest.raises(VitworkError, match=r"test-.*parquet calls its classes otherwise"):
        load(FOLDER, root)


def test_a_file_with_labels_for_a_part_is_not_left_out(tmp_path):
    """A test file whose first label is kept back but not the others is refused, not replaced by validation images."""
    root = copies.parquet(tmp_path / "data")
    shutil.copy(root / "test-00000-of-00001.parquet", root / "validation-00000-of-00001.parquet")
    pixels, labels = copies.draw("test")
    contents = [copies.encoded(p) for p in pixels]
    copies.write_parquet(root / "test-00000-of-00001.parquet", contents, [-1, *labels[1:]], names=copies.CLASSES)
    with pytest.raises(VitworkError, match="labels from -1 to 2"):
        load(FOLDER, root)


@pytest.mark.parametrize("write", [copies.write_shard, copies.write_parquet])
@pytest.mark.parametrize(
    ("train", "test", "lacking"),
    [([0, 1, 7], [0, 1, 7], "class 2, but labels up to 7"), ([0, 1], [0, 2], "class 2, but")],
)
def test_numbers_without_training_images_are_no_classes(tmp_path, write, train, test, lacking):
    """Of classes without names, a gap in the numbers and a class that is only tested are refused in every layout."""
    (tmp_path / "data").mkdir()
    end = {copies.write_shard: "tar", copies.write_parquet: "parquet"}[write]
    for split, labels in {"train": train, "test": test}.items():
        write(tmp_path / "data" / f"{split}-0.{end}", [copies.encoded(copies.draw("test")[0][0])] * len(labels), labels)
    with pytest.raises(VitworkError, match=f"has no training images of {lacking}"):
        load(FOLDER, tmp_path / "data")


def test_named_classes_need_no_training_images(tmp_path):
    """Metadata that names all classes says of each that there is such a class, as in a part of a larger set."""
    root = copies.parquet(tmp_path / "data")
    contents = [copies.encoded(pixels) for pixels in copies.draw("test")[0]][:2]
    copies.write_parquet(root / "train-00000-of-00001.parquet", contents, [0, 2], names=copies.CLASSES)
    assert load(FOLDER, root).train.labels.sort().values.tolist() == [0, 2]


def test_a_label_that_is_true_is_refused_in_parquet(tmp_path):
    """A column of truths is no column of class numbers, though Python counts with them."""
    root = copies.parquet(tmp_path / "data")
    path = root / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "label", pa.array([True, False] * 6)), path)
    with pytest.raises(VitworkError, match="row 0 has the label True, which is not a class number"):
        load(FOLDER, root)


@pytest.mark.parametrize("names", [("n01440764", "n01440764"), ("7", "07")])
def test_two_classes_that_are_one_of_imagenets_are_refused(tmp_path, names):
    """One name twice, or one number written in two ways, would merge two classes of test images."""
    pixels = [copies.encoded(each) for each in copies.draw("test")[0]]
    copies.write_parquet(tmp_path / "validation-0.parquet", pixels, [0, 1] * 3, names=names)
    with pytest.raises(VitworkError, match=r"two classes that are class [07] of ImageNet"):
        numbers(open_held_out(tmp_path))
