"""Readers of published corruption benchmarks, on small files of the same layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vitwork.data.corruptions.published import cifar_c, imagenet_c
from vitwork.errors import VitworkError


@pytest.fixture
def cifar(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    np.save(tmp_path / "fog.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(50, dtype=np.uint8) % 7)
    return tmp_path, images


def test_cifar_c_severities_follow_one_another(cifar):
    """Severity 3 is the third fifth of the file, channels first, in batches of which the last may be short."""
    folder, images = cifar
    batches = list(cifar_c(folder, "fog", 3, batch_size=4))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    found, labels = (torch.cat(part) for part in zip(*batches, strict=True))
    assert np.array_equal(found.numpy(), images[20:30].transpose(0, 3, 1, 2))
    assert (labels.dtype, labels.tolist()) == (torch.int64, [number % 7 for number in range(20, 30)])


def test_cifar_c_refuses_what_is_not_the_benchmark(cifar):
    """A missing file, a pickle and a wrong shape are named."""
    folder, images = cifar
    with pytest.raises(VitworkError, match=r"snow\.npy"):
        next(cifar_c(folder, "snow", 1))
    np.save(folder / "frost.npy", np.array([{"a": 1}] * 5, object), allow_pickle=True)
    with pytest.raises(VitworkError, match="Cannot read"):
        next(cifar_c(folder, "frost", 1))
    np.save(folder / "snow.npy", images[:13])
    with pytest.raises(VitworkError, match="do not have the shape"):
        next(cifar_c(folder, "snow", 1))


@pytest.mark.parametrize("shape", [(10, 3, 32, 32), (10, 32, 32, 1), (10, 32, 32, 4), (10, 64, 32, 3), (0, 32, 32, 3)])
def test_cifar_c_arrays_of_another_shape_are_refused(tmp_path, shape):
    """Channels first, one or four of them, another size and no image at all are no benchmark, which is said by shape."""
    np.save(tmp_path / "fog.npy", np.zeros(shape, np.uint8))
    np.save(tmp_path / "labels.npy", np.zeros(shape[0], np.uint8))
    with pytest.raises(VitworkError, match=rf"fog\.npy .* they hold uint8 \({shape[0]}, {shape[1]}, "):
        list(cifar_c(tmp_path, "fog", 1))


@pytest.mark.parametrize("read", [cifar_c, imagenet_c])
def test_severities_and_batches_that_do_not_exist_are_refused(cifar, read):
    """Severity 0 or 6, or batches of no image, are one sentence and no empty set."""
    folder, _ = cifar
    for severity in (0, 6):
        with pytest.raises(VitworkError, match=f"from 1 to 5, not {severity}"):
            next(read(folder, "fog", severity))
    with pytest.raises(VitworkError, match="batch_size is 1 or more, not 0"):
        next(read(folder, "fog", 1, 0))


@pytest.mark.parametrize("group", ["", "weather/"])
def test_imagenet_c_reads_folders_batch_by_batch(tmp_path, group):
    """Classes are numbered by the order of their folders, with or without the level of groups."""
    for number, name in enumerate(("n01", "n02")):
        folder = tmp_path / f"{group}fog/2/{name}"
        folder.mkdir(parents=True)
        for image in range(3):
            Image.new("RGB", (24, 24), (10 * number, image, 0)).save(folder / f"{image}.png")
    batches = list(imagenet_c(tmp_path, "fog", 2, batch_size=4))
    for other in ("", "..", "[f]og", "../fog", "f*"):
        with pytest.raises(VitworkError, match="There is no"):
            next(imagenet_c(tmp_path, other, 2))
    assert [len(labels) for _, labels in batches] == [4, 2]
    images, labels = (torch.cat(part) for part in zip(*batches, strict=True))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images[:, 0, 0, 0].tolist() == [0, 0, 0, 10, 10, 10]
    with pytest.raises(VitworkError, match="no fog/3"):
        next(imagenet_c(tmp_path, "fog", 3))
    (tmp_path / f"{group}fog/2/n01/3.png").write_bytes(b"broken")
    with pytest.raises(VitworkError, match="Cannot read the image"):
        list(imagenet_c(tmp_path, "fog", 2))


def test_class_folders_of_imagenet_c_called_by_numbers_are_in_their_order(tmp_path):
    """Class 10 comes after class 9, though its folder is listed before."""
    for number in (9, 10):
        folder = tmp_path / f"fog/2/{number}"
        folder.mkdir(parents=True)
        Image.new("RGB", (24, 24), (number, 0, 0)).save(folder / "0.png")
    ((images, labels),) = imagenet_c(tmp_path, "fog", 2)
    assert set(zip(images[:, 0, 0, 0].tolist(), labels.tolist(), strict=True)) == {(9, 0), (10, 1)}


@pytest.mark.parametrize("group", ["", "weather/"])
@pytest.mark.parametrize("lost", ["fog/2/1", "fog/3/1", "snow/5/2"])
def test_imagenet_c_without_a_class_folder_somewhere_is_refused(tmp_path, group, lost):
    """Whichever severity or corruption lacks a class, even one that is called by a number, its labels would shift."""
    for place in ("fog/2", "fog/3", "snow/5"):
        for name in ("1", "2", "3"):
            folder = tmp_path / group / place / name
            folder.mkdir(parents=True)
            Image.new("RGB", (24, 24)).save(folder / "0.png")
    assert torch.cat([labels for _, labels in imagenet_c(tmp_path, "fog", 2)]).tolist() == [0, 1, 2]
    (tmp_path / group / lost / "0.png").unlink()
    (tmp_path / group / lost).rmdir()
    place, name = lost.rsplit("/", 1)
    with pytest.raises(VitworkError, match=rf"{place} has no class folder {name}, which .* has"):
        list(imagenet_c(tmp_path, "fog", 2))


def test_what_is_no_picture_of_a_class_of_imagenet_c_is_refused(tmp_path):
    """A file of another kind in a class folder, and a picture beside the class folders, are named."""
    folder = tmp_path / "fog" / "2" / "n01"
    folder.mkdir(parents=True)
    picture = Image.new("RGB", (24, 24))
    picture.save(folder / "0.jfif", "JPEG")
    assert len(next(imagenet_c(tmp_path, "fog", 2))[1]) == 1
    (folder / "1.heic").write_bytes(b"of another kind")
    with pytest.raises(VitworkError, match=r"n01/1\.heic is no picture that is read here"):
        next(imagenet_c(tmp_path, "fog", 2))
    (folder / "1.heic").unlink()
    picture.save(folder.parent / "1.png")
    with pytest.raises(VitworkError, match=r"2/1\.png lies in no class folder"):
        next(imagenet_c(tmp_path, "fog", 2))


@pytest.mark.parametrize(
    "labels", [np.full(50, np.nan), np.full(50, np.inf), np.full(50, 10**9), np.full(50, -1), np.zeros((50, 2), int)]
)
def test_cifar_c_labels_that_are_no_class_numbers_are_refused(cifar, labels):
    """NaN, infinity, numbers beyond any class, and more than one label an image."""
    folder, _ = cifar
    np.save(folder / "labels.npy", labels)
    with pytest.raises(
        VitworkError, match=r"labels\.npy (has labels that are not class numbers|do not have the shape)"
    ):
        next(cifar_c(folder, "fog", 1))


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((", b"PK\3\4", b"\0" * 500]
)
def test_a_damaged_array_is_named(cifar, content):
    """A file that is empty, cut in its header or something else is one sentence."""
    folder, _ = cifar
    (folder / "snow.npy").write_bytes(content)
    with pytest.raises(VitworkError, match=r"Cannot read .*snow\.npy"):
        next(cifar_c(folder, "snow", 1))
