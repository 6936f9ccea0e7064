import os
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data import copies
from vitwork.data import DataSpec, fingerprint, load
from vitwork.data.sources import cache, download
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
pytestmark = pytest.mark.usefixtures("cache_folder")
CIFAR10 = "cd79d825d2f4982f83f9fdb5095caf51654802f807fc75cb702abdd83257072b"


@pytest.mark.parametrize("write", [copies.parquet, copies.image_folder, copies.shards])
def test_every_layout_gives_the_pixels_that_were_written(tmp_path, write):
    """Decoded images are those that were encoded, with their labels and class names."""
    splits = load(FOLDER, write(tmp_path / "data"))
    for split, images in (("train", splits.train), ("test", splits.test)):
        pixels, labels = copies.draw(split)
        wanted = {(p.transpose(2, 0, 1).tobytes(), label) for p, label in zip(pixels, labels, strict=True)}
        found = {(i.numpy().tobytes(), int(label)) for i, label in zip(images.images, images.labels, strict=True)}
        assert found == wanted
        assert images.classes == copies.CLASSES


def test_neither_layout_nor_order_changes_fingerprint_or_rows(tmp_path):
    """Four copies of one data set are one data set: same fingerprint, same images in the same order."""
    roots = [
        copies.parquet(tmp_path / "a"),
        copies.parquet(tmp_path / "b", "PNG", backwards=True),
        copies.image_folder(tmp_path / "c", test="test"),
        copies.shards(tmp_path / "d"),
    ]
    assert len({fingerprint(FOLDER, root) for root in roots}) == 1
    first, *others = (load(FOLDER, root) for root in roots)
    assert all(torch.equal(first.train.images, other.train.images) for other in others)
    assert all(torch.equal(first.train.labels, other.train.labels) for other in others)


def test_one_changed_pixel_or_label_changes_the_fingerprint(tmp_path):
    """The fingerprint covers pixels and labels."""
    before = fingerprint(FOLDER, copies.parquet(tmp_path / "a"))
    pixels, labels = copies.draw("test")
    copies.parquet(tmp_path / "b")
    pixels[0, 0, 0, 0] ^= 1
    copies.write_parquet(tmp_path / "b" / "test-00000-of-00001.parquet", [copies.encoded(p) for p in pixels], labels)
    copies.parquet(tmp_path / "c")
    pixels[0, 0, 0, 0] ^= 1
    labels[0] = 1 - labels[0]
    copies.write_parquet(tmp_path / "c" / "test-00000-of-00001.parquet", [copies.encoded(p) for p in pixels], labels)
    assert len({before, fingerprint(FOLDER, tmp_path / "b"), fingerprint(FOLDER, tmp_path / "c")}) == 3


def test_subsets_are_balanced_prefixes_and_pooled(tmp_path):
    """Counts are spread over the classes, the subset's rows come first in the whole, and size pools."""
    root = copies.parquet(tmp_path / "data")
    whole = load(FOLDER, root).train
    part = load(DataSpec("folder", size=4, train=6, test=3), root)
    assert part.train.labels.bincount().tolist() == [2, 2, 2]
    assert part.test.images.shape == (3, 3, 4, 4)
    rows = [int((whole.labels == c).nonzero()[i]) for c in range(3) for i in range(2)]
    blocks = whole.images[sorted(rows)].unfold(2, 2, 2).unfold(3, 2, 2).float().mean((-1, -2))
    assert (part.train.images.float() - blocks).abs().max() <= 0.5
    assert len(load(DataSpec("folder", fraction=0.5), root).train) == 6


def test_large_images_are_fitted_to_the_size(tmp_path):
    """Images beyond the native limit are cut to a square and averaged over boxes."""
    root = copies.parquet(tmp_path / "data", "PNG", side=128)
    small = load(DataSpec("folder", size=64), root)
    assert small.train.images.shape == (12, 3, 64, 64)
    means = copies.draw("train", 128)[0].reshape(12, 64, 2, 64, 2, 3).mean((2, 4))
    distance = np.abs(small.train.images.numpy().transpose(0, 2, 3, 1)[:, None] - means[None]).max((2, 3, 4))
    assert distance.min(1).max() <= 1  # PIL rounds after each of its two passes
    assert load(FOLDER, root).train.images.shape == (12, 3, 128, 128)


def test_images_of_mixed_sizes_need_a_size(tmp_path):
    """Different sizes are an error that says what to do."""
    root = copies.image_folder(tmp_path / "data")
    (root / "train" / "cat" / "wide.png").write_bytes(copies.encoded(np.zeros((8, 9, 3), np.uint8)))
    with pytest.raises(VitworkError, match=r"among images of .*choose one image size"):
        load(FOLDER, root)


def test_images_of_mixed_sizes_are_fitted_to_a_size(tmp_path):
    """Photographs come in all sizes: each one's centre square is reduced, or enlarged where it is smaller."""
    root = tmp_path / "photos"
    for number, (width, height) in enumerate([(200, 150), (300, 240), (20, 30), (96, 96)]):
        for split in ("train", "test"):
            folder = root / split / f"class{number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.full((height, width, 3), 60 * number, np.uint8)
            (folder / f"{number}.png").write_bytes(copies.encoded(pixels))
    found = load(DataSpec("folder", size=100), root).train
    assert found.images.shape == (4, 3, 100, 100)
    assert sorted(image.unique().item() for image in found.images) == [0, 60, 120, 180]


def test_second_load_decodes_nothing(tmp_path, monkeypatch):
    """What was decoded once is read from the cache, until a file changes."""
    root = copies.parquet(tmp_path / "data")
    first = load(FOLDER, root)
    monkeypatch.setattr(cache, "decode", lambda *_: pytest.fail("decoded again"))
    second = load(DataSpec("folder", size=4), root)
    assert second.train.fingerprint == first.train.fingerprint == fingerprint(FOLDER, root)
    os.utime(root / "test-00000-of-00001.parquet", ns=(1, 1))
    with pytest.raises(pytest.fail.Exception):
        load(FOLDER, root)


@pytest.mark.parametrize("exchange", ["renamed", "written"])
def test_exchanged_files_of_one_size_and_time_are_decoded_again(tmp_path, exchange):
    """Pictures as an archive unpacks them, of one size and time, exchanged between classes: labels are those of now."""
    root = tmp_path / "data"
    for path in (root / split / name / "0.bmp" for split in copies.COUNTS for name in ("a", "b")):
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8), "white" if path.parent.name == "a" else "black").save(path)
        os.utime(path, ns=(1, 1))

    def white():
        train = load(FOLDER, root).train
        return [train.classes[label] for label, image in zip(train.labels, train.images, strict=True) if image.any()]

    assert white() == ["a"]
    one, other = (root / "train" / name / "0.bmp" for name in ("a", "b"))
    if exchange == "renamed":
        one.rename(tmp_path / "aside")
        other.rename(one)
        (tmp_path / "aside").rename(other)
    else:
        contents = one.read_bytes(), other.read_bytes()
        other.write_bytes(contents[0])
        one.write_bytes(contents[1])
        os.utime(one, ns=(1, 1))
        os.utime(other, ns=(1, 1))
    assert white() == ["b"]


@pytest.mark.parametrize("pattern", ["*/train_images.npy", "*.json"])
def test_damaged_cache_is_noticed_and_redone(tmp_path, cache_folder, pattern):
    """A flipped byte in the decoded images leads to a warning and the right images."""
    root = copies.parquet(tmp_path / "data")
    first = load(FOLDER, root)
    (path,) = (cache_folder / "decoded").glob(pattern)
    content = bytearray(path.read_bytes())
    content[20] ^= 255
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="truncated or was altered"):
        second = load(FOLDER, root)
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(load(FOLDER, root).train.images, first.train.images)


@pytest.mark.parametrize("pattern", ["*/train_images.npy", "*.json"])
def test_a_folder_in_place_of_a_kept_file_is_set_aside(tmp_path, cache_folder, pattern):
    """Images are decoded again, and what the folder holds stays."""
    root = copies.parquet(tmp_path / "data")
    first = load(FOLDER, root)
    (path,) = (cache_folder / "decoded").glob(pattern)
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("kept")
    with pytest.warns(UserWarning, match=r"is (a folder|no regular file)\."):
        second = load(FOLDER, root)
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(load(FOLDER, root).train.images, first.train.images)
    (aside,) = path.parent.glob(f"{path.name}.damaged-*")
    assert (aside / "mine").read_text() == "kept"


def test_processes_that_ask_together_decode_once(tmp_path):
    """Three processes agree on the fingerprint, one of them decodes, none imports torch."""
    root = copies.parquet(tmp_path / "data")
    program = (
        "import sys\nfrom pathlib import Path\nfrom vitwork.data import DataSpec, fingerprint\n"
        "from vitwork.data.sources import cache\n"
        "decode, count = cache.decode, []\n"
        "cache.decode = lambda *a: (count.append(1), __import__('time').sleep(0.5), decode(*a))[-1]\n"
        "print(fingerprint(DataSpec('folder'), Path(sys.argv[1])), len(count), 'torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(root)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [worker.communicate()[0].split() for worker in workers]
    assert len({answer[0] for answer in answers}) == 1
    assert sum(int(answer[1]) for answer in answers) == 1
    assert all(answer[2] == "False" for answer in answers)


def test_drawn_images_need_no_folder():
    """The embedded source draws what was asked for; a shorter set is the start of a longer one; folders are ignored."""
    short = load(DataSpec("embedded", size=16, train=40, test=10), Path("/nowhere"))
    long = load(DataSpec("embedded", size=16, train=80, test=10))
    assert torch.equal(short.train.images, long.train.images[:40])
    assert (
        short.train.fingerprint
        == fingerprint(DataSpec("embedded", size=16))
        != fingerprint(DataSpec("embedded", size=32))
    )
    assert len(load(DataSpec("embedded", train=100, test=10, fraction=0.3)).train) < 40


@pytest.mark.parametrize(
    ("spec", "root", "message"),
    [
        (DataSpec("cifar11"), None, "no data source 'cifar11'"),
        (DataSpec("imagenet"), None, "has no download"),
        (DataSpec("cifar10"), "missing", "does not exist"),
        (DataSpec("cifar10"), "empty", "is empty"),
        (DataSpec("cifar10"), "notes", "holds neither Parquet files"),
        (DataSpec("folder", train=99), "data", "need 33 of class 0; it has 4"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path, spec, root, message):
    """Each mistake of a user is answered by one sentence that names it."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("nothing")
    copies.parquet(tmp_path / "data")
    with pytest.raises(VitworkError, match=message) as caught:
        load(spec, tmp_path / root if root else None)
    assert "\n" not in str(caught.value)


def test_unwritable_cache_gets_one_sentence(tmp_path, monkeypatch):
    """A cache folder that is a file is named."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "file"))
    with pytest.raises(VitworkError, match=r"Cannot (read|write)"):
        load(FOLDER, copies.parquet(tmp_path / "data"))


def test_no_network_gets_one_sentence(monkeypatch):
    """Where neither torchvision nor the hub can be reached, the user is told what to do."""

    def fail(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr(download, "_torchvision", fail)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(VitworkError, match=r"cifar10 could not be downloaded .*--data"):
        load(DataSpec("cifar10"))


@pytest.mark.parametrize("content", [CIFAR10, None])
def test_download_is_checked_by_its_content(monkeypatch, content):
    """A download whose pixels are not those of the published data set is refused."""

    class Small:
        data, targets = copies.draw("train")
        classes = copies.CLASSES

    monkeypatch.setattr(download, "_torchvision", lambda *_, **__: Small)
    monkeypatch.setattr(download, "PUBLISHED", {"cifar10": content} if content else {})
    if content:
        with pytest.raises(VitworkError, match="differs from the published"):
            load(DataSpec("cifar10"))
    else:
        assert load(DataSpec("cifar10")).train.classes == copies.CLASSES


@pytest.mark.slow
@pytest.mark.skipif("VITWORK_CIFAR10" not in os.environ, reason="VITWORK_CIFAR10 names no folder that holds CIFAR-10")
def test_real_cifar10():
    """The real CIFAR-10 has its published content, sizes and channel statistics."""
    root = Path(os.environ["VITWORK_CIFAR10"])
    splits = load(DataSpec("cifar10"), root)
    assert splits.train.fingerprint == CIFAR10
    assert splits.train.labels.bincount().tolist() == [5000] * 10
    assert splits.test.labels.bincount().tolist() == [1000] * 10
    means = (splits.train.images.double() / 255).mean((0, 2, 3))
    assert torch.allclose(means, torch.tensor([0.49139968, 0.48215841, 0.44653091], dtype=torch.float64), atol=1e-8)
