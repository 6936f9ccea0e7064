import shutil

import numpy as np
import pytest
from PIL import Image

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.data.sources.flat import is_undivided, open_flat
from vitwork.data.sources.folder import open_image_folder
from vitwork.data.sources.held_out import open_held_out
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.fixture
def root(tmp_path):
    return copies.image_folder(tmp_path / "data")


def test_corrupt_picture_is_named(root):
    """The message holds the path of the picture."""
    (root / "val" / "dog" / "1.png").write_bytes(b"no picture")
    with pytest.raises(VitworkError, match=r"dog.1\.png is corrupt"):
        load(FOLDER, root)


@pytest.mark.parametrize(
    "name", ["cat_backup", "cat~", "cat.bak", "cat (1)", "cat copy", "Copy of cat", "cat - Copy (2)", "cat_old", "Cat"]
)
def test_a_copy_of_a_class_is_no_class(root, name):
    """A folder that is called like a copy, without test images, would shift the classes behind it."""
    shutil.copytree(root / "train" / "cat", root / "train" / name)
    if name == "Cat":  # which is a class of its own
        assert load(FOLDER, root).train.classes[:3] == ("Cat", "cat", "dog")
        return
    with pytest.raises(VitworkError, match="looks like a copy of cat: move it away"):
        load(FOLDER, root)
    shutil.copytree(root / "val" / "cat", root / "val" / name)
    assert name in load(FOLDER, root).train.classes


def test_class_without_training_images_is_refused(root):
    """A class that is only tested cannot be numbered."""
    (root / "val" / "fox").mkdir()
    with pytest.raises(VitworkError, match="class fox, which has no training images"):
        load(FOLDER, root)


def test_split_without_pictures_is_refused(root):
    """Empty class folders are no images."""
    for path in (root / "val").rglob("*.png"):
        path.unlink()
    with pytest.raises(VitworkError, match="val holds no class folder with images"):
        load(FOLDER, root)


def test_missing_test_split_is_named(tmp_path, root):
    """A training folder alone is not enough."""
    (root / "val").rename(tmp_path / "elsewhere")
    with pytest.raises(VitworkError, match="has no test images"):
        load(FOLDER, root)


def test_hidden_and_empty_folders_are_no_classes(root):
    """What tools leave is no class; a class without any image is named."""
    (root / "train" / ".ipynb_checkpoints").mkdir()
    assert ".ipynb_checkpoints" not in load(FOLDER, root).train.classes
    (root / "train" / "empty").mkdir()
    with pytest.raises(VitworkError, match="class empty without training images"):
        load(FOLDER, root)


def test_a_dangling_link_is_named(root):
    """A picture that is a link to nothing is one sentence."""
    (root / "train" / "dog" / "gone.png").symlink_to(root / "nowhere.png")
    with pytest.raises(VitworkError, match=r"Cannot read .*gone\.png"):
        load(FOLDER, root)


@pytest.mark.parametrize("name", ["0.heic", "0.avif", "0.txt", "0", "deeper/0.npy"])
@pytest.mark.parametrize("opened", [lambda root: load(FOLDER, root), lambda root: open_flat(root / "train")])
def test_what_is_no_picture_in_a_class_folder_is_named(root, name, opened):
    """A file of a kind that is not read would be left out, so that a class is smaller than its folder."""
    path = root / "train" / "dog" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"of another kind")
    with pytest.raises(VitworkError, match=rf"dog/{name} is no picture that is read here \(\.bmp, .*: convert it"):
        opened(root)


def test_a_class_whose_pictures_are_all_of_another_kind_is_named(root):
    """Of folders that are only tested or analysed, a class would be left out with all that it holds."""
    for path in (root / "val" / "dog").iterdir():
        path.rename(path.with_suffix(".heic"))
    for opened in (open_flat, open_held_out):
        with pytest.raises(VitworkError, match=r"dog/\d+\.heic is no picture"):
            opened(root / "val")


@pytest.mark.parametrize("place", [".", "train", "val"])
def test_a_picture_in_no_class_folder_is_named(root, place):
    """A picture beside the class folders, or beside the splits, would be left out; texts there are no images."""
    (root / place / "about.txt").write_text("of these images")
    load(FOLDER, root)
    Image.new("RGB", (8, 8)).save(root / place / "stray.png")
    with pytest.raises(VitworkError, match=r"stray\.png lies in no class folder"):
        load(FOLDER, root)


@pytest.mark.parametrize(
    "opened", [lambda root: load(FOLDER, root).train.classes, lambda root: open_flat(root / "val").classes()]
)
@pytest.mark.parametrize(
    ("names", "order"), [(("10", "9", "0"), ("0", "9", "10")), (("10", "9", "a"), ("10", "9", "a"))]
)
def test_folders_called_by_numbers_are_in_their_order(root, opened, names, order):
    """Class 10 comes after class 9, as a model numbers them; names of which one is no number are sorted as texts."""
    for split in ("train", "val"):
        for old, new in zip(copies.CLASSES, names, strict=True):
            (root / split / old).rename(root / split / new)
    assert opened(root) == order


@pytest.mark.parametrize("opened", [lambda root: load(FOLDER, root), lambda root: open_flat(root / "train")])
def test_two_folders_of_one_number_are_refused(root, opened):
    """1 and 01 would be two classes, both called the first."""
    for split in ("train", "val"):
        for old, new in zip(copies.CLASSES, ("1", "01", "2"), strict=True):
            (root / split / old).rename(root / split / new)
    with pytest.raises(VitworkError, match="01 and 1 are one number"):
        opened(root)


def test_a_class_may_be_called_by_the_word_of_a_split(root):
    """Among other folders of pictures, one called train is a class, as CIFAR-100's; train/ and test/ without classes are none."""
    flat = root / "val"
    (flat / "dog").rename(flat / "train")
    assert is_undivided(flat)
    assert open_held_out(flat).classes() == open_flat(flat).classes() == ("cat", "eel", "train")
    (flat / "eel").rename(flat / "test")
    assert not is_undivided(flat)
    assert not is_undivided(root)


def test_an_archive_beside_class_folders_is_named(root):
    """Of a folder without splits, it may be a class."""
    (root / "val" / "fox.zip").touch()
    for opened in (open_flat, open_held_out):
        with pytest.raises(VitworkError, match=r"fox\.zip is not read"):
            opened(root / "val")


@pytest.mark.parametrize("archive", ["train.zip", "val/cat.tar.gz"])
def test_what_was_unpacked_may_lie_beside_its_archive(root, archive):
    """An archive of the name of a folder beside it is where that came from, and nothing is left out."""
    before = len(list(open_image_folder(root).read("test")))
    (root / archive).touch()
    assert len(list(open_image_folder(root).read("test"))) == before


@pytest.mark.parametrize("kind", [".jfif", ".jpe", ".JPE", ".gif", ".pgm"])
def test_pictures_of_other_names_are_read(root, kind):
    """JPEG under its rarer names, the first frame of GIF and grey PNM are images of their class like others."""
    grey = np.full((8, 8), 200, np.uint8)
    frames = {"save_all": True, "append_images": [Image.new("L", (8, 8))]} if kind == ".gif" else {}
    picture = {".gif": "GIF", ".pgm": "PPM"}.get(kind, "JPEG")
    Image.fromarray(grey).save(root / "train" / "eel" / f"more{kind}", picture, **frames)
    train = load(FOLDER, root).train
    (row,) = (train.images == 200).flatten(1).all(1).nonzero().flatten().tolist()
    assert (len(train), train.classes[train.labels[row]]) == (13, "eel")
