import pytest

from tests.data import copies
from vitwork.data import DataSpec, load
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


def test_class_without_training_images_is_refused(root):
    """A class that is only tested cannot be numbered."""
    (root / "val" / "fox").mkdir()
    with pytest.raises(VitworkError, match="class fox, which has no training images"):
        load(FOLDER, root)


def test_split_without_pictures_is_refused(root):
    """Class folders that hold other files are no images."""
    for path in (root / "val").rglob("*.png"):
        path.rename(path.with_suffix(".txt"))
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
