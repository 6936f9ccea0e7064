"""Builds the models to analyse, and loads their images."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Recipe
from vitwork.device import place
from vitwork.errors import VitworkError, told
from vitwork.facts.not_made import NotMade, Obstruction
from vitwork.report import words

if TYPE_CHECKING:
    from torch import nn

    from vitwork.data.images import Splits
    from vitwork.measurements.trained_run import TrainedRun

Weights = str | Path | None
"""Weights of a model given by name: a file or an address, ``pretrained`` (timm's), ``published`` (the paper's), or None
for random ones."""

TRIED = 8  # images of the first pass, whose time is the basis of estimates


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to analyse.

    Attributes:
        name: its unique name.
        weights: the source of its weights.
        model: the model itself, if it was given as a module.
        classes: number of its classes, if it is not that of the images.
        build: its name for `vitwork.models.create`; empty for a module.
    """

    name: str
    weights: Weights = None
    model: nn.Module | None = None
    classes: int | None = None
    build: str = ""

    @property
    def trained(self) -> bool:
        """Whether trained weights were chosen; True for a module, whose weights are not known."""
        return self.weights is not None or self.model is not None

    @property
    def said(self) -> str:
        """The source of the weights, in words."""
        own = ":" in self.build and not self.build.startswith("timm:")
        given = None if self.weights is None else str(self.weights)
        return words.analyses.weights(given, at_hand=self.model is not None, own=own)


@dataclass(slots=True)
class AnalysedImages:
    """The images of an analysis, loaded once for each size.

    Attributes:
        data: folder of images, loaded images, or None for random ones.
        count: most images per analysis.
        size: side in pixels; None for the size that each model takes.
        known: images loaded so far, by size.
    """

    data: Path | Splits | None
    count: int
    size: int | None
    known: dict[int, tuple[DataSpec, Splits]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse data that is neither a folder nor images in splits."""
        if not (self.data is None or isinstance(self.data, Path) or hasattr(self.data, "test")):
            raise VitworkError(f"Images are a folder or vitwork.data.Splits, not {type(self.data).__name__}.")

    def of(self, size: int) -> tuple[DataSpec, Splits]:
        """Return images of a size, with at most `count` test images."""
        if size not in self.known:
            try:
                self.known[size] = self._loaded(size)
            except MemoryError as error:
                raise VitworkError(f"Images of {size} × {size} pixels do not fit into memory.") from error
        return self.known[size]

    def _loaded(self, size: int) -> tuple[DataSpec, Splits]:
        from vitwork.data.images import ImageSet, Splits, resized

        counts = {} if self.data else {"train": max(500, self.count), "test": self.count}
        spec = DataSpec("folder" if self.data else "embedded", size=size, **counts)
        if isinstance(self.data, Splits):
            parts = (self.data.train, self.data.test)
            splits = Splits(*(replace(part, images=resized(part.images, size)) for part in parts))
        else:
            splits = _read(spec, self.data)
        test: ImageSet = splits.test
        first = slice(self.count)  # their order is that of a hash, so the first are a fair sample
        return spec, replace(splits, test=replace(test, images=test.images[first], labels=test.labels[first]))


def _read(spec: DataSpec, folder: Path | None) -> Splits:
    """Load images; those of a folder without splits are used for both splits, because nothing is trained on them."""
    from vitwork.data import load
    from vitwork.data.images import ImageSet, Splits, measured_statistics, resized
    from vitwork.data.sources.cache import decoded
    from vitwork.data.sources.flat import is_undivided, open_flat

    try:
        if folder is None or not is_undivided(folder):
            return load(spec, folder)
        import torch

        found = decoded(open_flat(folder), spec.size)
        images, labels = (torch.from_numpy(part["train"]) for part in (found.images, found.labels))
        images = resized(images, spec.size or images.shape[-1])
        whole = ImageSet(images, labels, found.classes, *measured_statistics(images), found.fingerprint)
        return Splits(whole, whole)
    except UnicodeEncodeError as error:
        name = ascii(str(error.object)[: error.end].rpartition("\n")[2])
        raise VitworkError(f"The name of a file or folder is not UTF-8, from {name} on: rename it.") from error


@dataclass(frozen=True, slots=True)
class Ready:
    """A model with its images, ready to be measured.

    Attributes:
        subject: the model's description.
        run: the model in the form that measurements take.
        unlabelled: why the images do not belong to the model's classes; None if they do.
        parameters: number of the model's parameters.
        blocks: number of its blocks; 0 if it cannot be divided into blocks.
        pass_seconds: estimated seconds for passing one image.
    """

    subject: Subject
    run: TrainedRun
    unlabelled: NotMade | None
    parameters: int
    blocks: int
    pass_seconds: float


def ready(subject: Subject, pictures: AnalysedImages, device: str = "auto") -> Ready:
    """Build a model, load its images, and pass a few of them.

    Raises:
        VitworkError: the model or the images are not available, or the model does not take the images.
    """
    from vitwork.device.settings import kept

    with kept():
        return _ready(subject, pictures, place.pick(device))


def _ready(subject: Subject, pictures: AnalysedImages, device: str) -> Ready:
    import torch

    from vitwork.data.images import Splits
    from vitwork.device.settings import kept
    from vitwork.measurements.trained_run import TrainedRun
    from vitwork.models.trial import check_logits
    from vitwork.models.valued import check_valued

    spec, splits = pictures.of(pictures.size or _size(subject))
    drawn = len(splits.train.classes)
    model = _built(subject, drawn)
    if subject.weights == "pretrained" and (config := getattr(model, "pretrained_cfg", None)):
        mean, std = tuple(config["mean"]), tuple(config["std"])
        splits = Splits(*(replace(part, mean=mean, std=std) for part in (splits.train, splits.test)))
    if any(value.is_meta for value in model.parameters()):
        check_valued(model)
    model = model.to(device).eval()
    images = splits.test.normalised(slice(TRIED)).to(device)
    check_logits(model, images, 1 if subject.model is not None else _classes(subject, drawn), subject.name)
    started = time.perf_counter()
    with torch.inference_mode():
        logits = model(images)
    seconds = (time.perf_counter() - started) / len(images)
    if not hasattr(model, "input_size"):  # used for tracing its code; an attribute of its own may mean something else
        model.input_size = tuple(images.shape[1:])  # type: ignore[assignment]
    run = TrainedRun(Arm(subject.name, subject.name, {}, Recipe(), spec), 0, Path(), splits, device, at_once=64)
    run.once(("model", "end"), lambda: model)
    classes = logits.shape[1] if subject.model is not None else _classes(subject, drawn)
    unlabelled = None
    if pictures.data is None and subject.trained:
        unlabelled = NotMade(Obstruction.DRAWN)
    elif classes != drawn:
        unlabelled = NotMade(Obstruction.CLASSES, classes=(drawn, classes))
    try:
        with kept():
            blocks = len(run.blocks())
    except Exception:  # noqa: BLE001 - each analysis that needs blocks reports the reason
        blocks = 0
    return Ready(subject, run, unlabelled, sum(p.numel() for p in model.parameters()), blocks, seconds)


def _classes(subject: Subject, drawn: int) -> int:
    return subject.classes or (1000 if subject.weights == "pretrained" else drawn)


def _built(subject: Subject, drawn: int) -> nn.Module:
    import torch

    from vitwork.models import create, load_checkpoint

    torch.manual_seed(0)  # for random weights
    if subject.model is not None:
        return copy.deepcopy(subject.model)  # the caller's model keeps its mode and its device
    check_name(subject.build)
    classes = _classes(subject, drawn)
    if subject.weights == "pretrained":
        return _pretrained(subject.build, classes)
    if subject.weights is not None:
        return load_checkpoint(subject.build, str(subject.weights), classes)
    return create(subject.build, classes)


def _pretrained(name: str, classes: int) -> nn.Module:
    """Build a model of timm with timm's weights; if the hub does not answer, the error is one sentence."""
    from vitwork.models import create

    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # it warns of every attempt
    try:
        return create(name, classes, pretrained=True)
    except VitworkError as why:
        if not isinstance(why.__cause__, OSError):
            raise
        raise VitworkError(
            f"The pre-trained weights of {name} cannot be downloaded: {told(why.__cause__)}"
        ) from why.__cause__
    finally:
        hub.setLevel(level)


def check_name(name: str) -> None:
    """Refuse a name that is not one of ours but is one of timm's, or similar to one.

    Raises:
        VitworkError: the name is refused; the message says what was probably meant.
    """
    from difflib import get_close_matches

    import timm

    from vitwork.models.zoo.catalogue import ENTRIES

    if ":" in name or name in ENTRIES:
        return
    if timm.is_model(name):
        raise VitworkError(f"There is no model {name!r}: did you mean timm:{name}?")
    near = get_close_matches(name, {**dict.fromkeys(ENTRIES), **{f"timm:{n}": None for n in timm.list_models()}}, n=3)
    if not near:
        near = [f"timm:{found}" for found in get_close_matches(name, timm.list_models(), n=3)]
    hint = f"did you mean {' or '.join(near)}?" if near else "`vitwork models` lists those there are"
    raise VitworkError(f"There is no model {name!r}: {hint}")


def _size(subject: Subject) -> int:
    """Return the side of the images that a model declares to take; 32 if it declares nothing."""
    import torch

    from vitwork.models import create

    model = subject.model
    if model is None:
        check_name(subject.build)
        try:
            with torch.device("meta"):
                model = create(subject.build)
        except VitworkError:  # the builder reads values, which are absent here, or has an error, which this call raises
            model = create(subject.build)
    stated = getattr(model, "input_size", None) or (getattr(model, "pretrained_cfg", None) or {}).get("input_size")
    return int(stated[-1]) if isinstance(stated, (tuple, list)) else 32


def subjects(
    models: str | nn.Module | Sequence[str | nn.Module] | Mapping[str, nn.Module],
    weights: Weights | Sequence[Weights] = None,
    classes: int | None = None,
) -> tuple[Subject, ...]:
    """Return the models to analyse.

    Args:
        models: one or several names for `vitwork.models.create`, or modules; in a mapping, the keys are their names.
        weights: ``pretrained`` or ``published`` for all of them, otherwise a file or an address for each.
        classes: number of classes of every model that is built.

    Raises:
        VitworkError: there is no model or no such file of weights, the numbers of weights and models differ, or weights
            are given for modules.
    """
    if isinstance(models, Mapping):
        named: list[tuple[str, nn.Module | None]] = list(models.items())
        modules = list(models.values())
    else:
        one_by_one = models if isinstance(models, Sequence) and not isinstance(models, str) else [models]
        named = [(one, None) if isinstance(one, str) else (type(one).__name__, one) for one in one_by_one]
        modules = [one for one in one_by_one if not isinstance(one, str)]
    if not named:
        raise VitworkError("Name a model to analyse.")
    for model in modules:
        if not callable(getattr(model, "state_dict", None)):
            raise VitworkError(f"A model is a name or a torch.nn.Module, not {type(model).__name__}.")
    alike = weights is None or weights in ("pretrained", "published")
    each: Sequence[Weights] = [weights] if isinstance(weights, (str, Path)) else (weights or [])
    if not alike and len(each) != len(named):
        files, several = words.plural(len(each), "file"), words.plural(len(named), "model")
        raise VitworkError(f"{files} of weights for {several}: give one for each.")
    if weights is not None and any(model is not None for _, model in named):
        raise VitworkError("A model at hand has its weights: give weights to models by name only.")
    given: Sequence[Any] = [weights] * len(named) if alike else each
    for (name, _), one in zip(named, given, strict=True):
        _check_weights(name, one)
    called = _own_names([name for name, _ in named], given)
    return tuple(
        Subject(own, one, model, classes, "" if model is not None else name)
        for own, (name, model), one in zip(called, named, given, strict=True)
    )


def _check_weights(name: str, weights: Weights) -> None:
    """Refuse weights that can be recognised as wrong without importing torch."""
    if weights == "pretrained" and not name.startswith("timm:"):
        raise VitworkError(f"{name} has no pre-trained weights: only names that begin with timm: have them.")
    file = weights not in (None, "pretrained", "published") and "://" not in str(weights)
    if file and not Path(str(weights)).is_file():
        raise VitworkError(f"There is no file of weights {str(weights)!r}.")


def _own_names(names: Sequence[str], weights: Sequence[Weights]) -> list[str]:
    """Return a unique name for each model: equal names are followed by the file of weights, otherwise by a number."""
    of_files = [
        f"{name} {Path(str(one)).name}" if one is not None and names.count(name) > 1 else name
        for name, one in zip(names, weights, strict=True)
    ]
    return [
        f"{name} {of_files[: place + 1].count(name)}" if of_files.count(name) > 1 else name
        for place, name in enumerate(of_files)
    ]
