"""ImageNet's validation images as distributed: one flat folder, with the classes in a file beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, partial
from itertools import product
from pathlib import Path

from vitwork.data.sources.collection import Collection, Example, Part
from vitwork.data.sources.folder import SUFFIXES
from vitwork.data.sources.listing import files_below, lines_of
from vitwork.errors import VitworkError

WORDNET = re.compile(r"n\d{8}")
"""ImageNet's identifier of a class, from WordNet."""
FILES = (
    "LOC_val_solution.csv",
    "imagenet_2012_validation_synset_labels.txt",
    "val.txt",
    "val_map.txt",
    "ground_truth.txt",
    "ILSVRC2012_validation_ground_truth.txt",
)
"""Names of files of classes, as distributed by Kaggle, TensorFlow, Caffe and ImageNet itself."""
PLACES = (".", "..", "data", "../data", "ILSVRC2012_devkit_t12/data", "../ILSVRC2012_devkit_t12/data")
"""Their places relative to the images."""
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


def classes_called(name: str) -> AbstractSet[int]:
    """Return the numbers of the classes that a name may mean: a WordNet name, or a word of ``tench, Tinca tinca``."""
    return set().union(*(_words().get(word, ()) for word in _separate(name)))


@cache
def _words() -> Mapping[str, AbstractSet[int]]:
    from timm.data.imagenet_info import ImageNetInfo

    info, found = ImageNetInfo("imagenet-1k"), defaultdict[str, set[int]](set)
    for number in range(CLASSES):
        for word in (classes()[number], *_separate(info.index_to_description(number))):
            found[word].add(number)
    return found


def _separate(name: str) -> list[str]:
    """Return the synonyms in a class's name; folders have underscores in place of spaces."""
    return [word.strip().lower().replace("_", " ") for word in name.split(",")]


def check_numbers(found: Iterable[int], where: str) -> None:
    """Refuse class numbers without names that cannot be ImageNet's numbers of its thousand classes.

    Numbers without a gap from 0 or 1 on, but fewer than a thousand, belong to another list of classes.

    Raises:
        VitworkError: they belong to another list, or are larger than the last class's number.
    """
    numbers = sorted(set(found))
    if strange := [number for number in numbers if number not in range(CLASSES)]:
        raise VitworkError(f"{where} has the class {strange[0]}, and ImageNet's are numbered from 0 to {CLASSES - 1}.")
    first = numbers[0]
    if first in {0, 1} and len(numbers) == numbers[-1] - first + 1 < CLASSES:
        raise VitworkError(
            f"{where} has {len(numbers)} classes numbered from {first} on, which says nothing of ImageNet's thousand: name classes by "
            "their WordNet names, such as n01440764."
        )


def open_flat(root: Path) -> Collection:
    """Return the collection in a folder of images that has a file of their classes in it or beside it.

    Each line holds an image's name and its class, or only its class, in the order of the images' names. A class is a
    WordNet name or a number: from 0 in the order of the names, or one of ImageNet's own numbers if ``meta.mat`` lies
    beside it.

    Raises:
        VitworkError: there is no such file, or it does not give the class of every image.
    """
    images = files_below(root, SUFFIXES, 0)
    truths = [path for place, name in product(PLACES, FILES) if (path := root / place / name).is_file()]
    if not truths:
        raise VitworkError(
            f"{root} holds images and no class folders: put a file beside them that says what they show, such as {FILES[0]} "
            f"or {FILES[-1]} with {META}."
        )
    labels = _labels(truths[0], images)
    for other in truths[1:]:
        found = _readable(other, images)
        if strange := next(
            (path for path, *both in zip(images, labels, found, strict=False) if len(set(both)) > 1), None
        ):
            raise VitworkError(f"{truths[0]} and {other} disagree on what {strange.name} shows: move one of them away.")
    places = range(0, len(images), AT_ONCE)
    parts: list[Part] = [partial(_read, images[at : at + AT_ONCE], labels[at : at + AT_ONCE]) for at in places]
    lists = [path for truth in truths if (path := truth.with_name(META)).is_file()]
    return Collection(str(root), (*truths, *lists, *images), classes, {"test": parts})


def _labels(truth: Path, images: Sequence[Path]) -> list[int]:
    lines = [
        (place, re.split(r"[,\s]+", line))
        for place, line in enumerate(lines_of(truth, errors="replace"), start=1)
        if line and not line.startswith("ImageId")
    ]
    if all(len(words) == 1 for _, words in lines):
        if len(lines) != len(images):
            raise VitworkError(f"{truth} has {len(lines)} lines for {len(images)} images.")
        number = _numbers(truth)
        return [_class(words[0], number, truth) for _, words in lines]
    found = _named(truth, lines)
    if lost := next((path for path in images if path.stem not in found), None):
        raise VitworkError(f"{truth} does not say what {lost.name} shows.")
    return [found[path.stem] for path in images]


def _readable(truth: Path, images: Sequence[Path]) -> list[int]:
    """Return the result of `_labels`; empty if a file is for other images, or its classes cannot be identified."""
    try:
        return _labels(truth, images)
    except VitworkError:
        return []


def _named(truth: Path, lines: Sequence[tuple[int, Sequence[str]]]) -> dict[str, int]:
    """Return the classes of images by the images' names without suffixes."""
    number, found = {str(place): place for place in range(len(classes()))}, dict[str, int]()
    for place, words in lines:
        if len(words) < 2:
            raise VitworkError(f"{truth} says no class in line {place}: {words[0][:40]!r}.")
        name, label = Path(words[0]).stem, _class(words[1], number, truth)
        if found.setdefault(name, label) != label:
            raise VitworkError(f"{truth} says in line {place} that {name} shows {words[1]}, and another class before.")
    if all(words[1].isdecimal() for _, words in lines):
        check_numbers(found.values(), str(truth))
    return found


def _numbers(truth: Path) -> dict[str, int]:
    """Return ImageNet's own numbers of the classes if its list lies beside the file of classes; otherwise empty."""
    path = truth.with_name(META)
    if not path.is_file():
        return {}
    from scipy.io import loadmat

    try:
        rows = loadmat(path, squeeze_me=True)["synsets"]
        own = {str(row["WNID"]): int(row["ILSVRC2012_ID"]) for row in rows}
    except Exception as error:  # damaged files raise errors of any kind
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
