"""ImageNet's validation images as they come from their makers: one flat folder, and the classes in a file beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path

from vitwork.data.sources.collection import Collection, Example, Part
from vitwork.data.sources.folder import SUFFIXES
from vitwork.data.sources.listing import check_regular, files_below
from vitwork.errors import VitworkError

WORDNET = re.compile(r"n\d{8}")
"""What ImageNet calls a class, after WordNet."""
FILES = (
    "LOC_val_solution.csv",
    "imagenet_2012_validation_synset_labels.txt",
    "val.txt",
    "val_map.txt",
    "ground_truth.txt",
    "ILSVRC2012_validation_ground_truth.txt",
)
"""What files of classes are called: as Kaggle, TensorFlow, Caffe and ImageNet itself hand them out."""
PLACES = (".", "..", "data", "../data", "ILSVRC2012_devkit_t12/data", "../ILSVRC2012_devkit_t12/data")
"""Where they lie, seen from the images."""
META = "meta.mat"
"""ImageNet's own list of classes, whose numbers are not in the order of their names."""
AT_ONCE = 64
CLASSES = 1000


@cache
def classes() -> tuple[str, ...]:
    """Return ImageNet's thousand classes by their WordNet names, in the order of their numbers."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(info.index_to_label_name(number) for number in range(CLASSES))


def open_flat(root: Path) -> Collection:
    """Open a folder of images that has a file of their classes in it or beside it.

    Each line has an image's name and its class, or its class alone, in the order of the images' names. A class is a WordNet
    name or a number: from 0 in the order of the names, or one of ImageNet's own where ``meta.mat`` lies beside it.

    Raises:
        VitworkError: there is no such file, or it does not say of every image what it shows.
    """
    images = files_below(root, SUFFIXES, 0)
    truth = next(
        (path for place, name in product(PLACES, FILES) if (path := root / place / name).is_file()),
        None,
    )
    if truth is None:
        raise VitworkError(
            f"{root} holds images and no class folders: put a file beside them that says what they show, such as {FILES[0]} "
            f"or {FILES[-1]} with {META}."
        )
    labels = _labels(truth, images)
    places = range(0, len(images), AT_ONCE)
    parts: list[Part] = [partial(_read, images[at : at + AT_ONCE], labels[at : at + AT_ONCE]) for at in places]
    return Collection(str(root), (truth, *images), classes, {"test": parts})


def _labels(truth: Path, images: Sequence[Path]) -> list[int]:
    lines = [line for line in check_regular(truth).read_text(encoding="utf-8", errors="replace").splitlines() if line]
    rows = [re.split(r"[,\s]+", line.strip()) for line in lines if not line.startswith("ImageId")]
    if all(len(row) == 1 for row in rows):
        if len(rows) != len(images):
            raise VitworkError(f"{truth} has {len(rows)} lines for {len(images)} images.")
        number = _numbers(truth)
        return [_class(row[0], number, truth) for row in rows]
    number = {str(place): place for place in range(len(classes()))}
    found = {Path(row[0]).stem: _class(row[1], number, truth) for row in rows if len(row) > 1}
    if lost := next((path for path in images if path.stem not in found), None):
        raise VitworkError(f"{truth} does not say what {lost.name} shows.")
    return [found[path.stem] for path in images]


def _numbers(truth: Path) -> dict[str, int]:
    """Return ImageNet's own numbers of the classes, where its list lies beside the file of classes; else none."""
    path = truth.with_name(META)
    if not path.is_file():
        return {}
    from scipy.io import loadmat

    try:
        rows = loadmat(path, squeeze_me=True)["synsets"]
        own = {str(row["WNID"]): int(row["ILSVRC2012_ID"]) for row in rows}
    except Exception as error:  # of damaged files, there are errors of any kind
        raise VitworkError(f"{path} cannot be read as ImageNet's list of classes.") from error
    return {str(own[name]): place for place, name in enumerate(classes()) if name in own}


def _class(word: str, numbers: dict[str, int], truth: Path) -> int:
    if WORDNET.fullmatch(word):
        names = classes()
        if word in names:
            return names.index(word)
    elif word in numbers:
        return numbers[word]
    elif word.isdecimal() and not numbers:
        raise VitworkError(
            f"{truth} has ImageNet's own numbers of classes: put its {META} beside it, which names them."
        )
    raise VitworkError(f"{truth} has {word!r}, which is no class of ImageNet's thousand.")


def _read(images: Sequence[Path], labels: Sequence[int]) -> Iterator[Example]:
    for path, label in zip(images, labels, strict=True):
        try:
            yield Example(path.read_bytes(), label, str(path))
        except OSError as error:
            raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
