"""The sample of test images is declared, fixed, and the same in whichever layout the images lie."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
import torch
from scipy.io import savemat
from timm.data.imagenet_info import ImageNetInfo

from tests.data.copies import write_parquet
from tests.published_networks import class_folders, picture
from vitwork.data import fingerprint
from vitwork.data.prepared import prepared
from vitwork.data.sample import sample
from vitwork.data.sources.ground_truth import FILES, META, classes
from vitwork.design.dataset import HELD_OUT, DataSpec
from vitwork.design.published import Preprocessing
from vitwork.errors import VitworkError
from vitwork.models.published.membership import published

pytestmark = pytest.mark.usefixtures("cache_folder")
SPEC = DataSpec(HELD_OUT, test=6)
NUMBERS = (0, 7, 999)


@pytest.fixture
def folders(tmp_path):
    return class_folders(tmp_path / "val", NUMBERS)


def images(folders):
    """Return name, class and content of every image."""
    return [(path, classes().index(path.parent.name), path.read_bytes()) for path in sorted(folders.glob("*/*"))]


def nested(folders):
    root = folders.parent / "imagenet"
    root.mkdir()
    (root / "val").symlink_to(folders)
    (root / "train" / "n01440764").mkdir(parents=True)
    return root


def parquet(folders):
    root = folders.parent / "parquet" / "data"
    found = images(folders)[::-1]
    write_parquet(
        root / "validation-00000-of-00001.parquet", [content for *_, content in found],
        [label for _, label, _ in found], names=list(map(ImageNetInfo("imagenet-1k").index_to_description, range(1000))),
    )  # fmt: skip
    write_parquet(root / "train-00000-of-00001.parquet", [b"never read"], [0])
    return root


def shards(folders):
    root = folders.parent / "shards"
    root.mkdir()
    with tarfile.open(root / "imagenet1k-validation-00.tar", "w") as archive:
        for path, label, content in images(folders):
            for suffix, part in (("jpg", content), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"{path.stem}.{suffix}")
                member.size = len(part)
                archive.addfile(member, io.BytesIO(part))
    return root


def numbered(folders):
    """ImageNet-V2's folders are called by the numbers of their classes."""
    root = folders.parent / "imagenetv2"
    for path, label, content in images(folders):
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        (root / str(label) / path.name).write_bytes(content)
    return root


def flat(folders, truth, lines):
    root = folders.parent / "flat"
    root.mkdir()
    found = sorted((path.name, path, label, content) for path, label, content in images(folders))
    for name, _, _, content in found:
        (root / name).write_bytes(content)
    (root.parent / truth if truth == FILES[-1] else root / truth).write_text("\n".join(map(lines, found)) + "\n")
    return root


def kaggle(folders):
    return flat(folders, "LOC_val_solution.csv", lambda found: f"{found[1].stem},{found[1].parent.name} 1 2 3 4")


def tensorflow(folders):
    return flat(folders, "imagenet_2012_validation_synset_labels.txt", lambda found: found[1].parent.name)


def caffe(folders):
    return flat(folders, "val.txt", lambda found: f"{found[0]} {found[2]}")


def devkit(folders):
    """ImageNet's own numbers are in another order than the names: here, from behind."""
    rows = [(1000 - place, name) for place, name in enumerate(classes())]
    savemat(folders.parent / META, {"synsets": np.array(rows, [("ILSVRC2012_ID", int), ("WNID", object)])})
    return flat(folders, FILES[-1], lambda found: str(1000 - found[2]))


@pytest.mark.parametrize("layout", [nested, parquet, shards, numbered, kaggle, tensorflow, caffe, devkit])
def test_every_layout_gives_the_same_sample(folders, layout):
    """The same images with the same classes are chosen, in the same order, from each layout that users have."""
    usual, other = sample(SPEC, folders), sample(SPEC, layout(folders))
    assert [(example.content, example.label) for example in other] == [
        (example.content, example.label) for example in usual
    ]


def test_the_sample_is_balanced_and_grows(folders):
    """Classes have equal shares; a larger sample holds a smaller one; all are all."""
    small, large = ({example.content for example in sample(DataSpec(HELD_OUT, test=n), folders)} for n in (3, 9))
    assert small < large
    assert sorted(example.label for example in sample(SPEC, folders)) == [0, 0, 7, 7, 999, 999]
    assert len(sample(DataSpec(HELD_OUT), folders)) == 12
    prints = {fingerprint(DataSpec(HELD_OUT, test=n), folders) for n in (3, 6, 9, None)}
    assert len(prints) == 4


def test_a_kept_sample_that_was_damaged_is_chosen_anew(folders, cache_folder):
    """The cache is a shortcut: what it lost is read from the images again."""
    before = sample(SPEC, folders)
    from vitwork.data import sample as module

    module._made.cache_clear()
    (kept,) = cache_folder.glob("samples/*.bin")
    kept.write_bytes(kept.read_bytes()[:-1])
    assert sample(SPEC, folders) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda root: (root / "cats").mkdir() or picture(0).save(root / "cats" / "1.png"),
            "has the class cats, which names none",
        ),
        (
            lambda root: [path.unlink() for path in root.glob("n01440764/*3.JPEG")],
            "which 12 images in equal shares need 4",
        ),
    ],
)
def test_what_cannot_be_used_is_named(folders, change, said):
    """Classes that are not ImageNet's, or too few images of one, end in a sentence."""
    change(folders)
    with pytest.raises(VitworkError, match=said):
        sample(DataSpec(HELD_OUT, test=12), folders)


def test_an_image_that_is_there_twice_counts_once(folders):
    """Copies of an image add nothing to a class, and a sample is as large as it was asked for."""
    first, second = sorted(folders.glob("n01440764/*"))[:2]
    second.write_bytes(first.read_bytes())
    assert (
        sorted(example.label for example in sample(DataSpec(HELD_OUT, test=9), folders))
        == [0] * 3 + [7] * 3 + [999] * 3
    )
    assert len(sample(DataSpec(HELD_OUT), folders)) == 11


def of_classes(root, names):
    """Write a picture into a folder for each name."""
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True)
        (root / name / "1.png").write_bytes(small(place))
    return root


def small(seed):
    content = io.BytesIO()
    picture(seed, 8, 8).save(content, "PNG")
    return content.getvalue()


def labelled(root, labels, names=None):
    """Write a Parquet file of pictures with these labels."""
    write_parquet(
        root / "validation-00000-of-00001.parquet", [small(place) for place in range(len(labels))], labels, names=names
    )
    return root


def found(root):
    """Return the class of each picture, in the order in which the pictures were made."""
    known = {small(place): place for place in range(20)}
    return {known[example.content]: example.label for example in sample(DataSpec(HELD_OUT), root)}


WORDS = ["tench", "English springer", "cassette player"]
NAMES = ["n01440764", "n02102040", "n02979186"]


def test_names_of_classes_tell_their_numbers(tmp_path):
    """WordNet names and ImageNet's words have their numbers in any order, whether folders or a file's metadata have them."""
    info = ImageNetInfo("imagenet-1k")
    assert [info.index_to_label_name(number) for number in (0, 217, 482)] == NAMES
    backwards = list(classes())[::-1]
    assert found(labelled(tmp_path / "order", [0, 1, 5], backwards)) == {0: 999, 1: 998, 2: 994}
    assert found(labelled(tmp_path / "names", [2, 0, 1], NAMES)) == {0: 482, 1: 0, 2: 217}
    assert found(labelled(tmp_path / "words", [2, 0, 1], WORDS)) == {0: 482, 1: 0, 2: 217}
    assert found(of_classes(tmp_path / "folders", ["tench", "English_springer"])) == {0: 0, 1: 217}
    own = [
        f"my {name}" if number % 5 == 0 else name
        for number, name in enumerate(map(info.index_to_description, range(1000)))
    ]
    assert found(labelled(tmp_path / "mine", [134, 517, 5], own)) == {0: 134, 1: 517, 2: 5}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: of_classes(root, map(str, range(1, 1001))), "has the class 1000, and ImageNet's are numbered"),
        (lambda root: of_classes(root, map(str, range(10))), "has 10 classes numbered from 0 on"),
        (lambda root: of_classes(root, map(str, range(1, 11))), "has 10 classes numbered from 1 on"),
        (lambda root: of_classes(root, (f"word {n:04}" for n in range(1000))), "the class word 0000, which names none"),
        (lambda root: of_classes(root, ["crane", "tench"]), "the class crane, which names none .* without doubt"),
        (lambda root: of_classes(root, ["tench", "Tinca tinca"]), "two classes that are class 0"),
        (lambda root: labelled(root, [0, 1, 2]), "has 3 classes numbered from 0 on"),
        (
            lambda root: labelled(root, [0, 1, 2], [f"word {n}" for n in range(1000)]),
            "the class word 0, which names none",
        ),
        (lambda root: labelled(root, [7, -1]), r"parquet, row 1 has the label -1, and there are 1000 classes"),
        (lambda root: labelled(root, [7, 1000]), r"parquet, row 1 has the label 1000"),
        (lambda root: labelled(root, [0, 1, 3], NAMES), r"parquet, row 2 has the label 3, and there are 3 classes"),
    ],
)
def test_classes_that_are_not_told_are_refused(tmp_path, make, said):
    """Numbers of another list, words that ImageNet has for no class or for two, and labels of no class end in a sentence."""
    with pytest.raises(VitworkError, match=said):
        sample(DataSpec(HELD_OUT), make(tmp_path / "val"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"val.txt": "1.png 0\n2.png 7\n1.png 7\n"}, "says in line 3 that 1 shows 7, and another class before"),
        ({"val.txt": "1.png 0\njunk\n2.png 7\n"}, "says no class in line 2: 'junk'"),
        ({"val.txt": "1.png 0\n2.png 1\n"}, "has 2 classes numbered from 0 on"),
        ({"val.txt": "1.png 0\n2.png 7\n", "LOC_val_solution.csv": "1,n01440764\n2,n01443537\n"}, "disagree on what 2.png shows"),
        ({"val.txt": "1.png 0\n2.png 7\n", "2.png": ""}, "2.png is an empty image"),
    ],
)  # fmt: skip
def test_truths_that_contradict_are_refused(tmp_path, files, said):
    """Two lines, or two files, that say unlike things, a line without a class and an empty image are named."""
    for place in (1, 2):
        (tmp_path / f"{place}.png").write_bytes(small(place))
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(VitworkError, match=said):
        sample(DataSpec(HELD_OUT), tmp_path)


def test_truths_that_agree_and_byte_order_marks_are_read(tmp_path):
    """A second file that says the same, or nothing of these images, changes nothing; spreadsheets begin with a mark."""
    for place in (1, 2):
        (tmp_path / f"{place}.png").write_bytes(small(place))
    (tmp_path / FILES[0]).write_text(
        "\ufeffImageId,PredictionString\n1,n01440764 1 2 3 4\n2,n01443537 1 2 3 4\n", "utf-8"
    )
    (tmp_path / FILES[1]).write_text("n01440764\nn01443537\n")
    (tmp_path / FILES[2]).write_text("3.png 7\n")
    assert found(tmp_path) == {1: 0, 2: 1}


def test_missing_data_are_named(tmp_path):
    """No folder, an empty one, one of training images, or numbers of classes without their list end in a sentence."""
    with pytest.raises(VitworkError, match="name their folder with --data"):
        sample(SPEC, None)
    (tmp_path / "empty").mkdir()
    for root, said in ((tmp_path / "none", "does not exist"), (tmp_path / "empty", "is empty")):
        with pytest.raises(VitworkError, match=said):
            sample(SPEC, root)
    write_parquet(tmp_path / "p" / "train-00000-of-00001.parquet", [b""], [0])
    with pytest.raises(VitworkError, match="has no validation images"):
        sample(SPEC, tmp_path / "p")
    flat_folder = tmp_path / "flat"
    flat_folder.mkdir()
    picture(0).save(flat_folder / "1.JPEG")
    with pytest.raises(VitworkError, match="put a file beside them"):
        sample(SPEC, flat_folder)
    (flat_folder / FILES[-1]).write_text("490\n")
    with pytest.raises(VitworkError, match=f"put its {META} beside it"):
        sample(SPEC, flat_folder)
    (flat_folder / FILES[-1]).write_text("490\n1\n")
    with pytest.raises(VitworkError, match="has 2 lines for 1 images"):
        sample(SPEC, flat_folder)


@pytest.mark.parametrize(
    "name", ["resnet50.a1_in1k", "resnet50.tv2_in1k", "vit_base_patch16_clip_224.openai_ft_in1k", "test_vit"]
)
def test_images_are_prepared_as_timm_does(folders, name):
    """Resized, cut and normalised, the images are those of timm's own transformation for a network's test."""
    from timm.data import create_transform
    from timm.models import get_pretrained_cfg

    preprocessing = published(name).preprocessing
    found = prepared(SPEC, folders, preprocessing).test
    config = get_pretrained_cfg(name)
    transform = create_transform(
        config.input_size,
        interpolation=config.interpolation,
        crop_pct=config.crop_pct,
        mean=config.mean,
        std=config.std,
    )
    from PIL import Image

    for row, example in enumerate(sample(SPEC, folders)):
        assert isinstance(example.content, bytes)
        expected = transform(Image.open(io.BytesIO(example.content)).convert("RGB"))
        torch.testing.assert_close(found.normalised(slice(row, row + 1))[0], expected, atol=1e-5, rtol=1e-5)
        assert int(found.labels[row]) == example.label
    assert found.classes == classes()


def test_networks_of_one_geometry_share_pixels(folders):
    """Networks that differ in normalisation alone see the same pixels, and those are decoded once."""
    one = Preprocessing(64, 0.9, "center", "bicubic", (0.5,) * 3, (0.5,) * 3)
    other = Preprocessing(64, 0.9, "center", "bicubic", (0.4,) * 3, (0.2,) * 3)
    assert prepared(SPEC, folders, one).test.images is prepared(SPEC, folders, other).test.images
    with pytest.raises(VitworkError, match="prepared for each network"):
        prepared(SPEC, folders, None)
