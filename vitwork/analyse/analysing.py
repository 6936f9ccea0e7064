"""Runs analyses on models one after the other, with an estimate of the time and within a time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitwork.analyse.findings import Made, attempt
from vitwork.analyse.outcome import Analysed, AnalysisOutcome
from vitwork.analyse.subject import AnalysedImages, Ready, Subject, Weights, ready, subjects
from vitwork.analyse.table import ANALYSES, chosen, settable
from vitwork.design.measurement import Measurement
from vitwork.design.typed_fields import replaced
from vitwork.device import place
from vitwork.errors import VitworkError, at_least
from vitwork.facts.not_made import NotMade, Obstruction
from vitwork.report import words

if TYPE_CHECKING:
    from torch import nn

    from vitwork.data.images import Splits


@dataclass(frozen=True, slots=True)
class Coming:
    """The next analysis, with estimated times.

    Attributes:
        model: name of the model.
        analysis: name of the analysis; empty while the model is built.
        place, count: place of this analysis, and the number of all analyses.
        seconds: estimated seconds of this analysis; None if nothing is known yet.
        left: estimated seconds until everything known is done; None if nothing is known yet.
    """

    model: str
    analysis: str
    place: int
    count: int
    seconds: float | None = None
    left: float | None = None

    def __str__(self) -> str:
        step = f"[{self.place}/{self.count}] {self.model}"
        return f"{step}: {words.analyses.coming(self.analysis, self.seconds, self.left)}"


@dataclass(slots=True)
class Clock:
    """Estimates the time of analyses of one model: images passed, times the time of one, times the error so far.

    The error does not carry over to another model: a tiny model takes many times as long as its passes alone, a large
    one hardly longer.

    Attributes:
        expected, taken: estimated and measured seconds of the analyses made so far.
    """

    expected: float = 0.0
    taken: float = 0.0

    def seconds(self, model: Ready, measurement: Measurement) -> float:
        """Return the estimated seconds of an analysis."""
        whole, _ = measurement.having({"images": len(model.run.splits.test)})
        counted = measurement if measurement.parameters.get("images", 1) is not None else whole
        passes = ANALYSES[measurement.name].passes(counted, model.blocks)
        return passes * model.pass_seconds * (self.taken / self.expected if self.expected else 1.0)

    def note(self, expected: float, taken: float) -> None:
        """Note the estimated and the measured seconds of an analysis."""
        scale = self.taken / self.expected if self.expected else 1.0
        self.expected, self.taken = self.expected + expected / scale, self.taken + taken


@dataclass(slots=True)
class Analysing:
    """Analyses of several models.

    Attributes:
        subjects: the models.
        pictures: their images.
        measurements: the measurements by analysis.
        device: a torch device.
        minutes: no analysis starts that is expected to end later than this; None for no limit.
        say: called with the next analysis before it starts.
        done: the models analysed so far.
        clock: time estimates for the present model.
    """

    subjects: Sequence[Subject]
    pictures: AnalysedImages
    measurements: Mapping[str, Measurement]
    device: str = "auto"
    minutes: float | None = None
    say: Callable[[Coming], object] = lambda _: None
    done: list[Analysed] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    started: float = field(default_factory=time.monotonic)
    _only: Ready | None = None

    def __post_init__(self) -> None:
        """Refuse a time in which nothing could be measured."""
        number = isinstance(self.minutes, (int, float))
        if self.minutes is not None and not (number and 0.0 < self.minutes < math.inf):
            raise VitworkError(f"minutes is a number above 0, not {self.minutes!r}")

    def prepare(self) -> None:
        """Build every model once, so that errors in any of them appear before the first is analysed.

        If there are several, none is kept, because the memory is needed for the model that is analysed.

        Raises:
            VitworkError: a model or the images are not available, or a model does not take the images.
        """
        for number, subject in enumerate(self.subjects):
            self.say(Coming(subject.name, "", self._place(number, 0), self._count))
            built = ready(subject, self.pictures, self.device)
            self._only = built if len(self.subjects) == 1 else None
            del built  # before the next is built

    def run(self) -> Iterator[tuple[Analysed, str, Made | NotMade]]:
        """Make every analysis on every model, and yield each with its model when it is done; call `prepare` first.

        Raises:
            VitworkError: a model or the images are not available, or a model does not take the images.
        """
        for number, subject in enumerate(self.subjects):
            if self._only is None:
                self.say(Coming(subject.name, "", self._place(number, 0), self._count))
            model = self._only or ready(subject, self.pictures, self.device)
            entry = Analysed(subject.name, subject.said, subject.trained, model.parameters, _images(model))
            self.done.append(entry)
            self.clock = Clock()
            for place_, name in enumerate(self.measurements):
                entry.analyses[name] = self._analysed(model, name, self._place(number, place_))
                yield entry, name, entry.analyses[name]

    @property
    def _count(self) -> int:
        return len(self.subjects) * len(self.measurements)

    def _place(self, model: int, analysis: int) -> int:
        return model * len(self.measurements) + analysis + 1

    def _analysed(self, model: Ready, name: str, place: int) -> Made | NotMade:
        names = list(self.measurements)
        expected = self.clock.seconds(model, self.measurements[name])
        rest = sum(self.clock.seconds(model, self.measurements[later]) for later in names[names.index(name) :])
        each = sum(self.clock.seconds(model, one) for one in self.measurements.values())
        waiting = len(self.subjects) - len(self.done)  # this model's time is the best guess for the others
        self.say(Coming(model.subject.name, name, place, self._count, expected, rest + waiting * each))
        if self.minutes is not None:
            spare = 60.0 * self.minutes - (time.monotonic() - self.started)
            spare /= 1 + waiting  # the same share for every waiting model
            if expected > spare:
                return NotMade(Obstruction.TIME, seconds=(expected, max(0.0, spare)))
        found = attempt(ANALYSES[name], self.measurements[name], model.run, model.unlabelled)
        if isinstance(found, Made):
            self.clock.note(expected, found.seconds)
        return found


def analyse(
    models: str | nn.Module | Sequence[str | nn.Module] | Mapping[str, nn.Module],
    data: Path | str | Splits | None = None,
    *,
    weights: Weights | Sequence[Weights] = None,
    classes: int | None = None,
    only: str | Iterable[str] | None = None,
    changes: Iterable[str] = (),
    images: int = 256,
    size: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
) -> AnalysisOutcome:
    """Run every analysis on one model or several.

    Args:
        models: names as `vitwork.models.create` takes them (``timm:NAME``, ``package.module:function``), or modules,
            which are not changed; in a mapping, the keys are their names.
        data: folder of images (with splits, or a folder for each class), loaded images, or None for random images.
        weights: for models given by name: ``pretrained`` (timm's), ``published`` (the paper's), or a file for each;
            None for random weights, which every output then states first.
        classes: number of classes of models given by name; by default that of the images, and 1000 for pre-trained
            ones.
        only: names of analyses, or of `vitwork.analysis`' modules (``fourier``, ``hessian``, …); None for all.
        changes: ``ANALYSIS.PARAMETER=VALUE`` each, as on the command line.
        images: most images per analysis.
        size: side of the images in pixels; by default the size that each model takes.
        minutes: no analysis starts that is expected to end later than this.
        device: a torch device, or ``auto``.

    Returns:
        Numbers with their standard errors, what these are over, and all records.

    Raises:
        VitworkError: a model, its weights or the images are not available or do not fit, or a name or value is invalid.
    """
    at_least(1, images=images, size=size, classes=classes)
    names = chosen(only)
    analysing = Analysing(
        subjects(models, weights, classes),
        AnalysedImages(Path(data) if isinstance(data, str) else data, images, size),
        measurements(names, images, changes),
        place.check(device),
        minutes,
    )
    analysing.prepare()
    for _ in analysing.run():
        pass
    return outcome(analysing, {"images": images, "size": size, "classes": classes, "changes": list(changes)})


def outcome(analysing: Analysing, asked: dict[str, Any]) -> AnalysisOutcome:
    """Return the results so far."""
    return AnalysisOutcome(tuple(analysing.done), asked, _made_by())


@cache
def _made_by() -> dict[str, Any]:
    from vitwork.store.machine import hardware, versions

    return {"versions": versions(), "hardware": hardware()}


def measurements(names: Sequence[str], images: int, changes: Iterable[str]) -> dict[str, Measurement]:
    """Return the measurements of these analyses, with changed parameters.

    Args:
        names: names of the analyses.
        images: most images per analysis.
        changes: ``ANALYSIS.PARAMETER=VALUE`` each.

    Raises:
        VitworkError: a change names an unknown analysis or parameter, or an analysis that is not made, or its value
            does not fit.
    """
    changed = {name: analysis.of(images) for name, analysis in ANALYSES.items()}
    for change in changes:
        path, sign, text = (part.strip() for part in change.partition("="))
        name, _, parameter = path.partition(".")
        if not sign or not parameter:
            raise VitworkError(f"Write a change as ANALYSIS.PARAMETER=VALUE, not {change!r}.")
        if name not in changed:
            raise VitworkError(f"There is no analysis {name!r}; there are {', '.join(changed)}.")
        if parameter not in (known := settable(changed[name])):
            raise VitworkError(f"There is no parameter {parameter!r}; {name} has {', '.join(known)}.")
        if name not in names:
            raise VitworkError(f"{change} would change nothing: {name} is not among the analyses that are made.")
        changed[name] = replaced(changed[name], parameter, text)
        value = getattr(changed[name], parameter)
        for count in value if isinstance(value, tuple) else (value,):
            if isinstance(count, int):
                at_least(1, **{path: count})
    return {name: changed[name] for name in names}


def _images(model: Ready) -> dict[str, Any]:
    test = model.run.splits.test
    return {
        "source": model.run.arm.data.source,
        "fingerprint": test.fingerprint,
        "size": test.images.shape[-1],
        "count": len(test),
    }
