import dataclasses
import errno

import numpy as np
import pytest
import torch

from tests.data import copies
from vitwork.data import DataSpec, fingerprint, load
from vitwork.data.augmentation import Augmenter
from vitwork.data.images import measured_statistics
from vitwork.data.sources import decoding, pack
from vitwork.data.sources.stream import Pictures, decoders, read, remaining
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder", size=8)
LAYOUTS = [copies.parquet, copies.image_folder, copies.shards]
pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """A machine whose memory holds no data set at all."""
    for module in (decoding, pack):
        monkeypatch.setattr(module, "memory", lambda: 2)


@pytest.fixture(params=LAYOUTS)
def root(tmp_path, request):
    return request.param(tmp_path / "data")


def contents(images):
    return sorted(
        (image.numpy().tobytes(), int(label)) for image, label in zip(images.images[:], images.labels, strict=True)
    )


def written(split):
    pixels, labels = copies.draw(split)
    return sorted((p.transpose(2, 0, 1).tobytes(), label) for p, label in zip(pixels, labels, strict=True))


def test_what_exceeds_memory_is_streamed(root):
    """Whatever the layout, all images arrive with labels, classes, statistics and a fingerprint that is asked alike."""
    splits = load(FOLDER, root)
    assert isinstance(splits.train.images, Pictures)
    assert contents(splits.train) == written("train")
    assert contents(splits.test) == written("test")
    assert splits.train.classes == copies.CLASSES
    assert splits.train.images.shape == (12, 3, 8, 8)
    assert (splits.train.mean, splits.train.std) == measured_statistics(splits.train.images[:])
    assert splits.train.fingerprint == fingerprint(FOLDER, root)
    assert splits.train.to("cpu").normalised(slice(2)).shape == (2, 3, 8, 8)


def test_what_fits_into_memory_is_not_streamed(tmp_path, monkeypatch):
    """With memory enough the same call gives a tensor; without a size nothing can be streamed, and it says so."""
    root = copies.parquet(tmp_path / "data")
    with pytest.raises(VitworkError, match="choose a smaller image size"):
        load(DataSpec("folder"), root)
    for module in (decoding, pack):
        monkeypatch.setattr(module, "memory", lambda: 1 << 40)
    assert isinstance(load(FOLDER, root).train.images, torch.Tensor)


def test_files_that_only_decoded_exceed_memory_are_streamed(tmp_path, monkeypatch):
    """Files smaller than the memory whose pixels are larger are noticed while decoding."""
    root = copies.image_folder(tmp_path / "data", side=80)
    for path in root.rglob("*.png"):
        path.write_bytes(copies.encoded(np.full((80, 80, 3), 7, np.uint8)))
    size = sum(path.stat().st_size for path in root.rglob("*.png"))
    for module in (decoding, pack):
        monkeypatch.setattr(module, "memory", lambda: 2 * size)
    splits = load(dataclasses.replace(FOLDER, size=64), root)
    assert isinstance(splits.train.images, Pictures)
    assert (splits.train.images[:] == 7).all()


def test_order_and_fingerprint_are_those_of_the_content(tmp_path):
    """Copies in another layout and another order, in the same encoding, are the same data set."""
    roots = [copies.parquet(tmp_path / "a", "PNG"), copies.parquet(tmp_path / "b", "PNG", backwards=True)]
    roots.append(copies.image_folder(tmp_path / "c"))
    first, *others = (load(FOLDER, root) for root in roots)
    for other in others:
        assert other.train.fingerprint == first.train.fingerprint
        assert torch.equal(other.train.images[:], first.train.images[:])
        assert torch.equal(other.train.labels, first.train.labels)
    assert fingerprint(FOLDER, copies.image_folder(tmp_path / "d", side=16)) != first.train.fingerprint


def test_subsets_are_balanced(tmp_path):
    """Counts and fractions per class hold for streams too."""
    root = copies.shards(tmp_path / "data")
    assert load(dataclasses.replace(FOLDER, train=6), root).train.labels.bincount().tolist() == [2, 2, 2]
    part = load(dataclasses.replace(FOLDER, fraction=0.5, test=3), root)
    assert part.train.labels.bincount().tolist() == [2, 2, 2]
    assert part.test.images.shape == (3, 3, 8, 8)


@pytest.mark.parametrize("draw", [None, (0, "crop", 3)])
def test_workers_change_nothing(tmp_path, draw):
    """Decoded here or ahead of time by two processes, batches and crops are the same, in the same order."""
    pictures = load(dataclasses.replace(FOLDER, size=24), copies.image_folder(tmp_path / "data", side=40)).train.images
    order = list(torch.randperm(12).split(5))
    here, ahead = (list(read(pictures, order, draw, workers=workers, pinned=False)) for workers in (0, 2))
    assert [len(batch) for batch in here] == [5, 5, 2]
    assert all(torch.equal(a, b) for a, b in zip(here, ahead, strict=True))


def test_reading_draws_nothing_from_the_callers_generator(tmp_path):
    """An epoch that is begun twice, as by a resumed training, leaves the global generator alone."""
    pictures = load(FOLDER, copies.image_folder(tmp_path / "data")).train.images
    before = torch.get_rng_state()
    list(read(pictures, [torch.arange(3)], (0,), workers=0, pinned=False))
    assert torch.equal(torch.get_rng_state(), before)


def test_crops_and_the_rest_of_the_augmentation(tmp_path):
    """Crops are of the whole picture, differ by draw and not by the rest of their batch; the device does the rest."""
    settings = Augmentation(resized_crop=True, randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25)
    images = load(dataclasses.replace(FOLDER, size=24), copies.image_folder(tmp_path / "data", side=40)).train
    first, second = (images.images.crops(torch.arange(12), (0, "crop", epoch)) for epoch in (0, 1))
    assert {i.numpy().tobytes() for i in first}.isdisjoint(i.numpy().tobytes() for i in second)
    assert torch.equal(images.images.crops(torch.tensor([7, 2]), (0, "crop", 0)), first[[7, 2]])
    rest = remaining(settings)
    assert (rest.resized_crop, rest.crop_padding) == (False, 0)
    assert remaining(Augmentation()) == Augmentation()
    x, targets = Augmenter(rest, 3, (0.5,) * 3, (0.25,) * 3, 0.1)(
        second, images.labels, torch.Generator().manual_seed(0)
    )
    assert x.shape == (12, 3, 24, 24)
    assert targets.sum(1).allclose(torch.ones(12))


def test_crops_reach_beyond_the_central_square(tmp_path):
    """An oblong picture's ends, which its central square lacks, are seen by random crops."""
    root = copies.image_folder(tmp_path / "data")
    picture = np.zeros((16, 48, 3), np.uint8)
    picture[:, 16:32] = 200
    for path in root.rglob("*.png"):
        path.write_bytes(copies.encoded(picture))
    images = load(FOLDER, root).train.images
    assert (images[:] == 200).all()
    assert (images.crops(torch.arange(12), (0,)) < 100).any()


def test_corrupt_picture_is_named(tmp_path):
    """A picture that cannot be decoded stops with the name of its file, also out of a worker process."""
    root = copies.image_folder(tmp_path / "data")
    (root / "train" / "dog" / "1.png").write_bytes(b"no picture")
    images = load(DataSpec("imagenet", size=8), root)
    with pytest.raises(VitworkError, match=r"train/dog/1\.png is corrupt"):
        list(read(images.train.images, list(torch.arange(12).split(4)), None, workers=1, pinned=False))


@pytest.mark.parametrize("damage", ["flipped", "removed", "a folder"])
def test_an_altered_pack_is_packed_again(tmp_path, cache_folder, damage):
    """A flipped byte is noticed when its image is read, and all images come out as they were."""
    images = load(FOLDER, copies.image_folder(tmp_path / "data")).train
    before = images.images[:]
    (path,) = cache_folder.glob("packed/*/train.bin")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content) if damage == "flipped" else path.unlink()
    if damage == "a folder":
        path.mkdir()
    with pytest.warns(UserWarning, match=r"packed again|is (a folder|no regular file)"):
        after = images.images[:]
    assert torch.equal(after, before)
    assert torch.equal(images.images[:], before)


@pytest.mark.parametrize("name", ["train.bin", "train_labels.npy", "facts.json"])
def test_a_truncated_pack_is_packed_again(tmp_path, cache_folder, name):
    """A pack that lacks its end is noticed when it is opened."""
    root = copies.image_folder(tmp_path / "data")
    load(FOLDER, root)
    (path,) = cache_folder.glob(f"packed/*/{name}")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.warns(UserWarning, match=r"packed again"):
        assert contents(load(FOLDER, root).train) == written("train")


def test_an_altered_pack_of_altered_pictures_is_named(tmp_path, cache_folder):
    """Where the pictures changed as well, the pack cannot be had again, and nothing else is returned for it."""
    root = copies.image_folder(tmp_path / "data")
    images = load(FOLDER, root).train.images
    (path,) = cache_folder.glob("packed/*/train.bin")
    path.write_bytes(bytes(path.stat().st_size))
    (root / "train" / "dog" / "1.png").write_bytes(copies.encoded(np.zeros((9, 9, 3), np.uint8)))
    with pytest.raises(VitworkError, match="data has changed, and its packed copy is damaged"):
        images[:]


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    """Where the pack cannot be written, the error says so and nothing half is left."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(VitworkError, match=r"Cannot write .*train\.bin: No space left on device"):
        load(FOLDER, copies.image_folder(tmp_path / "data"))


def test_no_processes_decode_beside_a_training_on_a_cpu(monkeypatch):
    """A CPU's cores train; beside a GPU they decode, shared among the machine's processes."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert decoders(torch.device("cpu")) == 0
    assert decoders(torch.device("cuda")) == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert decoders(torch.device("cuda", 1)) == 2
