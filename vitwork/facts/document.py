"""The results of a session as one typed document, ``results.json``: what reports, comparisons and baselines read.

NaN and infinities are null in JSON. The published schema, ``vitwork/report/results.schema.json``, is made of these types.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from vitwork.design.deviation import Change, Deviation
from vitwork.facts.claims import ClaimResult, Hypothesis, Number
from vitwork.statistics.effect import Scale

SCHEMA: Literal["vitwork-results/2"] = "vitwork-results/2"
NotFinite = Literal["nan", "inf", "-inf"]
Moment = Annotated[float, Meta(ge=0, lt=253402300800)]
"""Seconds since the epoch, before the year 10000."""


PARTS = {Change.CHOSEN, Change.ENDED}
"""What marks results of a part of the tests."""


class RunResult(Struct, frozen=True, kw_only=True):
    """One training, or one published network. Fields of a run that did not end are null.

    Attributes:
        key: of the run in the store.
        arm, seed: which condition, and which of its trainings.
        model, options: the architecture by name, and what it was made with.
        recipe: how it was trained.
        parameters: number of trainable weights.
        status: how it ended.
        seconds, joules: that it took.
        images_per_second: that it trained on.
        mode: device, precision and kernels.
        history: for every epoch its number, mean loss, accuracy on the training images and learning rate.
        data, fingerprint: which images it was trained on, and the hash of the data set that they are of; with model,
            options, recipe, seed and the hashes of the code they make the key. Empty in documents that do not tell them.
        finished: seconds since the epoch.
        origin: key of the machine in `Results.origins`; empty where it is not known.
        network: of a published one, what was loaded: name, SHA-256 of the weights, how its images were prepared, licence.
    """

    key: str
    arm: str
    seed: int
    model: str | None
    options: dict[str, Any]
    recipe: dict[str, Any]
    parameters: int | None
    status: Literal["finished", "diverged"] | None
    seconds: Number
    joules: Number
    images_per_second: Number
    mode: str | None
    history: tuple[dict[str, Number], ...]
    data: dict[str, Any] = {}
    fingerprint: str = ""
    finished: Number = None
    origin: str = ""
    network: dict[str, Any] = {}


class MeasurementResult(Struct, frozen=True, kw_only=True):
    """One record of one run. Fields of a measurement that was not made are null.

    Attributes:
        key: of the record in the store.
        run: key of the run.
        arm, seed: of that run.
        name: of the measurement.
        figure: how it is drawn.
        parameters: what was measured, and how much of it.
        seconds, joules: that it took.
        values: what was found, each kind of measurement with fields of its own (docs/analyses.md).
        not_finite: what null stands for in `values`, by its place (``/angle/0``), so that they are the record's to the bit.
        origin: as of a run.
    """

    key: str
    run: str
    arm: str
    seed: int
    name: str
    figure: str
    parameters: dict[str, Any]
    seconds: Number
    joules: Number
    values: dict[str, Any] | None
    not_finite: dict[str, NotFinite] = {}
    origin: str = ""


class QuantityResult(Struct, frozen=True, kw_only=True):
    """What a session says of one quantity over all its networks: how well it is measured, and the shape of its spread.

    Attributes:
        name, unit: of the quantity.
        scale: the declared scale, on which error, spread and skewness are.
        error: root mean square over networks of the measurement's own standard error; null where none is known.
        spread: standard deviation over seeds, pooled within arms.
        drawn: whether every network is measured on images of its own, so that the spread contains the error.
        testable: whether it is tested: one whose error is in the spread, and above half of it, is not.
        skewness: of the residuals, pooled over arms, and z: in units of its standard error; null where too few differ.
        skewed: whether that is plain, so that tests take the fuller guard.
        together: whether they take it only because the session's quantities are plainly skewed together.
    """

    name: str
    unit: str
    scale: Scale
    error: Number
    spread: Number
    drawn: bool
    testable: bool
    skewness: Number
    z: Number
    skewed: bool
    together: bool = False


class ProfileResult(Struct, frozen=True, kw_only=True):
    """The scale of the session and how it differs from the paper's setting.

    Attributes:
        name: what ``--profile`` takes.
        summary: data, sizes and length in one line.
        seeds: trained networks per arm.
        deviations: from the paper's setting.
        pixels: side of the images, where every arm has the same and it is not that of their source.
        first_seed: the number of the first seed.
        loaded: whether networks are published ones, which are loaded and not trained.
    """

    name: str
    summary: str
    seeds: Annotated[int, Meta(ge=1, le=10_000)]
    deviations: tuple[Deviation, ...]
    pixels: int | None = None
    first_seed: Annotated[int, Meta(ge=0)] = 0
    loaded: bool = False


class DatasetResult(Struct, frozen=True, kw_only=True):
    """The images.

    Attributes:
        name: of the sources.
        fingerprint: hash of their content.
    """

    name: str
    fingerprint: str


class Origin(Struct, frozen=True, kw_only=True):
    """The machine that a run was trained on, or a record measured."""

    versions: dict[str, str]
    hardware: dict[str, Any]


class Source(Struct, frozen=True, kw_only=True):
    """One of the reports that results were pooled from, with the seeds that each of its arms has there."""

    provenance: Provenance
    seeds: dict[str, tuple[int, ...]]


class MachineEffect(Struct, frozen=True, kw_only=True):
    """Whether the pooled reports' networks of one arm differ by report.

    Attributes:
        arm: whose.
        networks: of each report that has some, in the order of the sources.
        p: probability of so large a difference where the reports do not matter.
        adjusted_p: so large a one in any arm.
        least: the smallest p that so few networks could have shown.
        largest: the quantity that differs most.
    """

    arm: str
    networks: tuple[int, ...]
    p: float
    adjusted_p: float
    least: float
    largest: str


class Provenance(Struct, frozen=True, kw_only=True):
    """Where the numbers come from.

    Attributes:
        command: the command line.
        commit: of git, empty outside it; dirty: whether the tree had changes.
        dataset: the images.
        code: hash of the code by which runs and measurements were keyed, by module.
        pages: hash of the code and templates that made the report; empty where none was made.
        versions, hardware: of the machine that made the document.
        started, finished: seconds since the epoch.
        seconds: between them.
    """

    command: str
    commit: str
    dirty: bool
    code: dict[str, str]
    versions: dict[str, str]
    hardware: dict[str, Any]
    dataset: DatasetResult
    started: Moment
    finished: Moment
    seconds: float
    pages: str = ""


class Results(Struct, frozen=True, kw_only=True):
    """Everything that a session found.

    Attributes:
        schema: by which the document is read.
        profile: the scale.
        provenance: where the numbers come from.
        claims: with their verdicts.
        hypotheses: that the claims rest on.
        runs: the trainings.
        measurements: of those runs.
        alpha: false discovery rate over the profile's claims.
        family: how many claims that profile can measure.
        sequential: whether seeds were added until verdicts were settled.
        origins: the machines, by key.
        sources: the reports that these results were pooled from; none for those of one session.
        machine_effects: of pooled results, whether it matters where a network was trained; of the arms of several reports.
        quantities: those that claims compare.
    """

    schema: Literal["vitwork-results/2"] = SCHEMA
    profile: ProfileResult
    provenance: Provenance
    claims: tuple[ClaimResult, ...]
    hypotheses: tuple[Hypothesis, ...]
    runs: tuple[RunResult, ...]
    measurements: tuple[MeasurementResult, ...]
    alpha: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    family: Annotated[int, Meta(ge=0)] = 0
    sequential: bool = False
    origins: dict[str, Origin] = {}
    sources: tuple[Source, ...] = ()
    machine_effects: tuple[MachineEffect, ...] = ()
    quantities: tuple[QuantityResult, ...] = ()

    @property
    def part(self) -> set[Change]:
        """Why these are results of a part of the tests, chosen or ended early; empty for those of a whole session."""
        return {found.change for found in self.profile.deviations} & PARTS

    def hypotheses_of(self, claim: ClaimResult) -> list[Hypothesis]:
        """Return the hypotheses of one of these claims, in the claim's order."""
        known = {hypothesis.id: hypothesis for hypothesis in self.hypotheses}
        return [known[id] for id in claim.hypotheses]
