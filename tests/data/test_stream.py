import numpy as np
import pytest
import torch

from tests.data import copies
from vitwork.data.augmentation import Augmenter
from vitwork.data.stream import Stream, listing_fingerprint
from vitwork.errors import VitworkError
from vitwork.training.recipe import Augmentation, RandAugment

PLAIN = Augmentation(crop_padding=0, flip=0.0)


@pytest.fixture(params=[copies.parquet, copies.image_folder, copies.shards])
def root(tmp_path, request):
    return request.param(tmp_path / "data")


def read(stream, **options):
    return [
        (image.numpy().tobytes(), int(label))
        for images, labels in stream.batches(3, **options)
        for image, label in zip(images, labels, strict=True)
    ]


def written(split):
    pixels, labels = copies.draw(split)
    return sorted((p.transpose(2, 0, 1).tobytes(), label) for p, label in zip(pixels, labels, strict=True))


def test_an_epoch_holds_every_image_once(root):
    """Training and test images arrive complete, with their labels, whatever the layout."""
    assert sorted(read(Stream(root, "train", 8, PLAIN))) == written("train")
    assert sorted(read(Stream(root, "test", 8))) == written("test")
    assert Stream(root, "test", 8).classes == copies.CLASSES


def test_order_is_decided_by_seed_and_epoch(root):
    """Epochs differ from each other and repeat themselves."""
    stream = Stream(root, "train", 8, PLAIN)
    assert read(stream, seed=1, epoch=0) == read(stream, seed=1, epoch=0)
    assert read(stream, seed=1, epoch=0) != read(stream, seed=1, epoch=1)
    assert read(stream, seed=1, epoch=0) != read(stream, seed=2, epoch=0)


def test_processes_share_the_files(tmp_path):
    """Two processes together read every image once, and so do two workers."""
    root = tmp_path / "data"
    for split in copies.COUNTS:
        pixels, labels = copies.draw(split)
        for part in range(3):
            own = slice(part, None, 3)
            contents = [copies.encoded(p) for p in pixels[own]]
            copies.write_parquet(root / f"{split}-{part}.parquet", contents, labels[own])
    halves = [read(Stream(root, "test", 8, share=(rank, 2))) for rank in range(2)]
    assert sorted(halves[0] + halves[1]) == written("test")
    assert sorted(read(Stream(root, "test", 8), workers=2)) == written("test")


def test_crops_and_the_rest_of_the_augmentation(tmp_path):
    """Workers crop at random, the device does the rest."""
    settings = Augmentation(resized_crop=True, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25)
    stream = Stream(copies.image_folder(tmp_path / "data", side=40), "train", 24, settings)
    assert (stream.remaining.resized_crop, stream.remaining.crop_padding) == (False, 0)
    (first, _), *_ = stream.batches(12, epoch=0)
    (second, labels), *_ = stream.batches(12, epoch=1)
    assert first.shape == (12, 3, 24, 24)
    assert {i.numpy().tobytes() for i in first}.isdisjoint(i.numpy().tobytes() for i in second)
    augmenter = Augmenter(stream.remaining, 3, (0.5,) * 3, (0.25,) * 3, 0.1)
    x, targets = augmenter(second, labels, torch.Generator().manual_seed(0))
    assert x.shape == (12, 3, 24, 24)
    assert targets.sum(1).allclose(torch.ones(12))


def test_oblong_pictures_are_cut_to_their_centre(tmp_path):
    """Evaluation sees the centre square, averaged down."""
    root = copies.image_folder(tmp_path / "data")
    picture = np.zeros((16, 48, 3), np.uint8)
    picture[:, 16:32] = 200
    for path in (root / "val").rglob("*.png"):
        path.write_bytes(copies.encoded(picture))
    assert all((images == 200).all() for images, _ in Stream(root, "test", 8).batches(2))


def test_corrupt_picture_is_named(tmp_path):
    """A worker's error reaches the caller with the file's name."""
    root = copies.image_folder(tmp_path / "data")
    (root / "train" / "dog" / "1.png").write_bytes(b"no picture")
    with pytest.raises(VitworkError, match=r"dog.1\.png is corrupt"):
        read(Stream(root, "train", 8, PLAIN))


def test_listing_fingerprint_sees_sizes_names_and_content(tmp_path):
    """The cheap fingerprint is the same for a copy elsewhere, and changes with a file."""
    roots = [copies.parquet(tmp_path / name) for name in "ab"]
    first, second = (Stream(root, "test", 8).collection for root in roots)
    assert listing_fingerprint(first) == listing_fingerprint(second)
    path = roots[1] / "test-00000-of-00001.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 255
    path.write_bytes(content)
    assert listing_fingerprint(first) != listing_fingerprint(second)
