"""A claim with its verdict, and the hypotheses that decide it, as typed parts of the results document."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from vitwork.design.deviation import Lack
from vitwork.language.claim import Paper
from vitwork.statistics.effect import Effect, Verdict

Number = float | None


class Sample(Struct, frozen=True, kw_only=True, tag_field="kind", tag="sample"):
    """One side of a hypothesis: a value per seed of one arm, on the quantity's own scale; null for no finite value.

    Attributes:
        arm: name.
        label: the arm as the sentence has it.
        seeds: of the trained networks.
        values: one for each of them.
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
        id: claim id, parameters and position, unique in a session; where tests of a claim share these, with the test's name.
        claim: id of the claim.
        control: what it controls for; empty for a primary hypothesis, which decides.
        form: kind of sentence.
        statement: the sentence as a formula, for readers; nothing is read out of it.
        parameters: the test's parameters.
        quantity, unit: what is compared.
        sides: the samples in the order of the sentence, two of a comparison or a sameness; of these the second may be a constant.
        levels: where the sides of a trend lie, or their claimed ranks in a correlation.
        within: largest difference (or factor) that a sameness allows.
        most: published networks that the smallest arm has, here or not; null where more can be trained.
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
    """How a claim compares with what was registered of it."""

    REGISTERED = "registered"
    CHANGED = "changed after data were seen"
    LATE = "registered after data were seen"
    UNPROVEN = "registered, but the file is not committed"


class Registered(Struct, frozen=True, kw_only=True):
    """What was registered of a claim.

    Attributes:
        state: how the claim compares with it.
        changed: what differs, as ``hypotheses`` or ``seeds``.
        commit: of git, that was the last one before the claim's first run ended, else the first one at all; empty where the file
            is not committed.
        committed: its time, in seconds since the epoch.
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
        examined: what was looked into after the data of the profile's published report had been seen.
        ours: whether it is a claim of ours that the paper does not make.
        registered: how it compares with what was registered before the data; None where nothing was.
        verdict: what its primary hypotheses say together.
        p, q, holm_p: its p-value, and corrected over the profile's claims for the false discovery rate and by Holm; null
            where it was not measured or measures nothing.
        unmeasured: conditions of its controls that could not be measured.
        lack: why it was not measured; None where it was.
        hypotheses: ids, in order; empty for a property that is checked without statistics.
        measurements: keys of the records that it rests on.
        arms: names.
        cost_seconds: of all runs and measurements that it rests on, also where other claims share them.
        cost_joules: likewise; None where the energy of any is unknown.
        rerun: the command that tests this claim alone.
        file: where the first of its tests stands.
        files: where its tests stand.
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
