"""Folders hold more than data: what tools leave, links in a circle, and files that never end."""

import os
import shutil
import socket
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.data.corruptions.published import cifar_c, imagenet_c
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
LAYOUTS = [copies.parquet, copies.image_folder, copies.shards]
LEFT = [
    ".ipynb_checkpoints",
    ".Trash-1000",
    "@eaDir",
    "__MACOSX",
    "_vti_cnf",
    "~snapshot",
    "CVS",
    "lost+found",
    "Network Trash Folder",
    "RECYCLER",
    "Temporary Items",
    "TheVolumeSettingsFolder",
]
pytestmark = pytest.mark.usefixtures("cache_folder")


def every_folder(root):
    return [root, *(path for path in root.rglob("*") if path.is_dir())]


@pytest.mark.parametrize("write", LAYOUTS)
def test_what_tools_leave_is_no_data_at_any_depth(tmp_path, write):
    """Copies of files in hidden folders and beside the data, in every folder, change neither images nor classes."""
    wanted = load(FOLDER, write(tmp_path / "clean"))
    root = write(tmp_path / "data")
    for folder in every_folder(root):
        files = [path for path in folder.iterdir() if path.is_file()]
        for name in (".DS_Store", "Thumbs.db", *(f"._{path.name}" for path in files)):
            (folder / name).write_bytes(b"of a tool")
        for name in LEFT:
            (folder / name / "deeper").mkdir(parents=True)
            for path in files:
                shutil.copy(path, folder / name)
                shutil.copy(path, folder / name / "deeper")
    found = load(FOLDER, root)
    assert found.train.fingerprint == wanted.train.fingerprint
    assert found.train.classes == wanted.train.classes


def test_hidden_files_in_shards_are_no_samples(tmp_path):
    """What an archiver adds to each file, and folders of a tool, are no samples."""
    wanted = load(FOLDER, copies.shards(tmp_path / "clean"))
    root = copies.shards(tmp_path / "data")
    for shard in root.glob("*.tar"):
        with tarfile.open(shard) as archive:
            files = [(member.name, archive.extractfile(member).read()) for member in archive]
        with tarfile.open(shard, "w") as archive:
            for name, content in files:
                copies.add(archive, f"./._{name}", b"of a tool")
                copies.add(archive, f"__MACOSX/{name}", content)
                copies.add(archive, f"./{name}", content)
    assert load(FOLDER, root).train.fingerprint == wanted.train.fingerprint


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "loop"])
@pytest.mark.parametrize(
    ("write", "name"),
    [
        (copies.parquet, "train-9.parquet"),
        (copies.shards, "train-9.tar"),
        (copies.shards, "classnames.txt"),
        (copies.image_folder, "train/cat/99.png"),
        (copies.image_folder, "val/cat/deeper/9.png"),
    ],
)
def test_what_never_ends_is_named_or_is_hidden(tmp_path, monkeypatch, kind, write, name):
    """A FIFO, a socket, a device and a link to itself are refused by name, and ignored with a hidden name."""
    root = write(tmp_path / "d")
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    monkeypatch.chdir(path.parent)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        make = {
            "fifo": os.mkfifo,
            "socket": server.bind,
            "device": lambda place: Path(place).symlink_to("/dev/zero"),
            "loop": lambda place: Path(place).symlink_to(place),
        }[kind]
        make(f".{path.name}")
        if name != "classnames.txt":
            assert len(load(FOLDER, root).train) == 12
        Path(f".{path.name}").rename(path.name)
        if kind == "loop":
            path.unlink()
            make(path.name)
        with pytest.raises(VitworkError, match=rf"Cannot read .*{path.name}"):
            load(FOLDER, root)


def test_a_folder_in_a_circle_is_named_and_other_links_are_followed(tmp_path):
    """A link to a folder above would be read for ever; one that leads elsewhere holds images like any folder."""
    root = copies.image_folder(tmp_path / "data")
    (root / "train" / "cat").rename(tmp_path / "cats")
    (root / "train" / "cat").mkdir()
    (root / "train" / "cat" / "link").symlink_to(tmp_path / "cats")
    assert len(load(FOLDER, root).train) == 12
    (root / "train" / "dog" / "up").symlink_to(root / "train" / "dog")
    with pytest.raises(VitworkError, match="dog/up is a link to a folder that it lies in"):
        load(FOLDER, root)


def test_a_root_that_is_no_folder_is_named(tmp_path):
    """A link to itself, a FIFO and a name that no file system allows are one sentence."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "fifo")
    for name in ("loop", "fifo", "a\0b", "x" * 300):
        with pytest.raises(VitworkError, match="data folder"):
            load(DataSpec("cifar10"), tmp_path / name)


@pytest.fixture
def fog(tmp_path):
    for name in ("n01", "n02"):
        folder = tmp_path / "fog" / "2" / name
        folder.mkdir(parents=True)
        for image in range(2):
            Image.new("RGB", (8, 8)).save(folder / f"{image}.png")
    return tmp_path


def test_hidden_folders_shift_no_label_of_imagenet_c(fog):
    """Folders of tools are neither classes nor images, on any level."""
    for folder in every_folder(fog):
        for name in LEFT:
            (folder / name).mkdir()
            Image.new("RGB", (8, 8)).save(folder / name / "0.png")
        Image.new("RGB", (8, 8)).save(folder / "._0.png")
    (_, labels), *others = imagenet_c(fog, "fog", 2)
    assert (labels.tolist(), others) == ([0, 0, 1, 1], [])
    shutil.copytree(fog / "fog", fog / ".backup" / "fog")
    assert len(list(imagenet_c(fog, "fog", 2))) == 1


def test_imagenet_c_twice_or_with_an_empty_class_is_refused(fog):
    """Two places of one corruption, a class without images and a FIFO among them are named."""
    os.mkfifo(fog / "fog" / "2" / "n01" / "9.png")
    with pytest.raises(VitworkError, match=r"9\.png: it is no regular file"):
        next(imagenet_c(fog, "fog", 2))
    (fog / "fog" / "2" / "n01" / "9.png").unlink()
    (fog / "fog" / "2" / "n00").mkdir()
    with pytest.raises(VitworkError, match=r"no images in .*n00"):
        next(imagenet_c(fog, "fog", 2))
    shutil.copytree(fog / "fog", fog / "weather" / "fog")
    with pytest.raises(VitworkError, match=r"no single fog/2 .*weather/fog/2"):
        next(imagenet_c(fog, "fog", 2))


def test_a_cifar_c_file_that_never_ends_is_named(tmp_path):
    """A FIFO in the place of an array is not waited for."""
    os.mkfifo(tmp_path / "fog.npy")
    with pytest.raises(VitworkError, match=r"fog\.npy: it is no regular file"):
        next(cifar_c(tmp_path, "fog", 1))
