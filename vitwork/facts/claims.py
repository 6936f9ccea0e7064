"""Claims with their verdicts, and the hypotheses that decide them, as typed parts of the results document."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from vitwork.design.deviation import Lack
from vitwork.language.claim import Paper
from vitwork.statistics.effect import Effect, Verdict

Number = float | None


class Sample(Struct, frozen=True, kw_only=True, tag_field="kind", tag="sample"):
    """One side of a hypothesis: a value per seed of one arm, in the quantity's own unit; null for no finite value.

    Attributes:
        arm: name of the arm.
        label: the arm as the sentence shows it.
        seeds: seeds of the trained networks.
        values: one value per seed.
    """

    arm: str
    label: str
    seeds: tuple[int, ...]
    values: tuple[Number, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.seeds):
            raise ValueError(f"{len(self.values)} values of {len(self.seeds)} seeds")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"a seed of {self.arm} stands there twice")


class Constant(Struct, frozen=True, kw_only=True, tag_field="kind", tag="constant"):
    """One side of a hypothesis that is a number.

    Attributes:
        value: the number.
    """

    value: float


class Hypothesis(Struct, frozen=True, kw_only=True):
    """One comparison that a claim rests on.

    Attributes:
        id: claim id, parameters and position, and the test's name if tests of a claim share these; unique in a session.
        claim: id of the claim.
        control: what it controls for; empty for a primary hypothesis, which decides.
        form: kind of sentence.
        statement: the sentence as a formula, for readers; no program reads it.
        parameters: the test's parameters.
        quantity, unit: what is compared.
        sides: the samples in the order of the sentence; a comparison or a sameness has two, and the second may be a
            constant.
        levels: positions of the sides of a trend, or their claimed ranks in a correlation.
        within: largest difference (or factor) that a sameness allows.
        most: number of published networks of the smallest arm, here or not; null if more can be trained.
        effect: the outcome.
    """

    id: str
    claim: str
    form: Literal["comparison", "trend", "order", "correlation", "sameness"]
    statement: str
    parameters: dict[str, str | int | float]
    quantity: str
    unit: str
    sides: Annotated[tuple[Sample | Constant, ...], Meta(min_length=2)]
    effect: Effect
    control: str = ""
    levels: tuple[float, ...] | None = None
    within: float | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        pair = self.form in ("comparison", "sameness")
        if pair and len(self.sides) > 2:
            raise ValueError(f"a {self.form} of {len(self.sides)} sides")
        if not all(isinstance(side, Sample) for side in (self.sides[:1] if pair else self.sides)):
            raise ValueError(f"a {self.form} with a number where an arm has to be")


class Registration(StrEnum):
    """How a claim compares with its registration."""

    REGISTERED = "registered"
    CHANGED = "changed after data were seen"
    LATE = "registered after data were seen"
    UNPROVEN = "registered, but the file is not committed"


class Registered(Struct, frozen=True, kw_only=True):
    """The registration of a claim.

    Attributes:
        state: how the claim compares with it.
        changed: the fields that differ, such as ``hypotheses`` or ``seeds``.
        commit: the last git commit of the file before the claim's first run ended, otherwise its first commit; empty if
            the file is not committed.
        committed: time of the commit, in seconds since the epoch.
    """

    state: Registration
    changed: tuple[str, ...] = ()
    commit: str = ""
    committed: Number = None


class ClaimResult(Struct, frozen=True, kw_only=True):
    """A claim with its verdict.

    Attributes:
        id, sentence, paper, contradicted_by, deviations, confounds: as declared (`vitwork.language.claim.Claim`).
        chapter: the part of the paper.
        examined: what was examined after the data of the profile's published report had been seen.
        ours: whether this project added the claim; the paper does not make it.
        registered: how it compares with its registration before the data; None if it was not registered.
        verdict: the joint verdict of its primary hypotheses.
        p, q, holm_p: its p-value, and the p-value corrected over the profile's claims for the false discovery rate and
            by Holm; null if it was not measured or measures nothing.
        unmeasured: conditions of its controls that could not be measured.
        lack: why it was not measured; None if it was.
        hypotheses: ids of its hypotheses, in order; empty for a property that is checked without statistics.
        measurements: keys of the records behind its numbers.
        arms: names of its arms.
        cost_seconds: seconds of all runs and measurements behind it, including those shared with other claims.
        cost_joules: energy of the same runs and measurements; None if that of any is unknown.
        rerun: the command that tests only this claim.
        file: file of the first of its tests.
        files: files of its tests.
    """

    id: str
    sentence: str
    paper: Paper
    contradicted_by: str
    deviations: tuple[str, ...]
    confounds: tuple[str, ...]
    chapter: str
    verdict: Verdict
    lack: Lack | None
    hypotheses: tuple[str, ...]
    measurements: tuple[str, ...]
    arms: tuple[str, ...]
    cost_seconds: float
    cost_joules: float | None
    rerun: str
    examined: tuple[str, ...] = ()
    ours: bool = False
    registered: Registered | None = None
    p: Number = None
    q: Number = None
    holm_p: Number = None
    unmeasured: tuple[str, ...] = ()
    file: str = ""
    files: tuple[str, ...] = ()
