"""The results of a session as one typed document, ``results.json``, which reports, comparisons and baselines read.

NaN and infinities are null in JSON. The published schema, ``vitwork/report/results.schema.json``, is made from these
types.
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
"""Deviations that mark results as covering only part of the tests."""


class RunResult(Struct, frozen=True, kw_only=True):
    """One training, or one published network. Fields of a run that did not end are null.

    Attributes:
        key: key of the run in the store.
        arm, seed: name of the arm, and the number of its training.
        model, options: name of the architecture, and its options.
        recipe: how it was trained.
        parameters: number of trainable weights.
        status: how it ended.
        seconds, joules: time and energy of the training.
        images_per_second: speed of the training.
        mode: device, precision and kernels.
        history: for every epoch its number, mean loss, accuracy on the training images and learning rate.
        data, fingerprint: the images it was trained on, and the hash of their data set. Together with model, options,
            recipe, seed and the hashes of the code they give the key. Empty in documents without them.
        finished: seconds since the epoch.
        origin: key of the machine in `Results.origins`; empty if unknown.
        network: for a published network, what was loaded: name, SHA-256 of the weights, image preparation, licence.
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
        key: key of the record in the store.
        run: key of the run.
        arm, seed: arm and seed of that run.
        name: name of the measurement.
        figure: key of the figure that draws it.
        parameters: what was measured, and how much of it.
        seconds, joules: time and energy of the measurement.
        values: the measured values; each kind of measurement has its own fields (docs/analyses.md).
        not_finite: the number that null stands for in `values`, by its place (``/angle/0``), to restore them exactly.
        origin: key of the machine in `Results.origins`; empty if unknown.
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
    """One quantity over all networks of a session: its measurement error, and the shape of its spread.

    Attributes:
        name, unit: name and unit of the quantity.
        scale: the declared scale, on which error, spread and skewness are given.
        error: root mean square over networks of the measurement's own standard error; null if none is known.
        spread: standard deviation over seeds, pooled within arms.
        drawn: whether every network is measured on images of its own, so that the spread contains the error.
        testable: whether it is tested; not if its error is contained in the spread and exceeds half of it.
        skewness: skewness of the residuals, pooled over arms; null if too few values differ.
        z: the same in units of its standard error.
        skewed: whether the quantity is plainly skewed, so that its tests use the stronger guard.
        together: whether they use it only because the session's quantities are plainly skewed together.
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
        name: name of the profile for ``--profile``.
        summary: data, sizes and length in one line.
        seeds: trained networks per arm.
        deviations: deviations from the paper's setting.
        pixels: side of the images, if it is the same in all arms and not that of their source.
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
        name: names of the data sources.
        fingerprint: hash of their content.
    """

    name: str
    fingerprint: str


class Origin(Struct, frozen=True, kw_only=True):
    """The machine that a run was trained on, or a record measured."""

    versions: dict[str, str]
    hardware: dict[str, Any]


class Source(Struct, frozen=True, kw_only=True):
    """One of the reports that results were pooled from, with the seeds of each of its arms."""

    provenance: Provenance
    seeds: dict[str, tuple[int, ...]]


class MachineEffect(Struct, frozen=True, kw_only=True):
    """Whether the pooled reports' networks of one arm differ by report.

    Attributes:
        arm: name of the arm.
        networks: numbers of networks of the reports that have some, in the order of the sources.
        p: probability of a difference at least this large if the reports do not matter.
        adjusted_p: probability of a difference at least this large in any arm.
        least: the smallest p that is possible with this number of networks.
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
        commit: the git commit, empty outside of git; dirty: whether the tree had changes.
        dataset: the images.
        code: hashes of the code that is part of the keys of runs and measurements, by module.
        pages: hash of the code and templates that made the report; empty if no report was made.
        versions, hardware: software versions and hardware of the machine that made the document.
        started, finished: seconds since the epoch.
        seconds: time between start and end.
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
        schema: version of the document's format.
        profile: the scale.
        provenance: where the numbers come from.
        claims: the claims with their verdicts.
        hypotheses: the hypotheses that decide the claims or qualify them.
        runs: the trainings.
        measurements: the measurements of those runs.
        alpha: false discovery rate over the profile's claims.
        family: number of claims that the profile can measure.
        sequential: whether seeds were added until verdicts were settled.
        origins: the machines, by key.
        sources: the reports that these results were pooled from; empty for the results of one session.
        machine_effects: for pooled results, whether it matters where networks were trained, by arm of several reports.
        quantities: the quantities that claims compare.
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
        """Why these results cover only part of the tests (chosen, or ended early); empty for a whole session."""
        return {found.change for found in self.profile.deviations} & PARTS

    def hypotheses_of(self, claim: ClaimResult) -> list[Hypothesis]:
        """Return the hypotheses of one of the claims, in the claim's order."""
        known = {hypothesis.id: hypothesis for hypothesis in self.hypotheses}
        return [known[id] for id in claim.hypotheses]
