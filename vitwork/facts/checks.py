"""What was found when a published report was checked, as facts: judged again, and audited. `vitwork.report.words` has their words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vitwork.design.deviation import Lack
from vitwork.statistics.effect import Verdict


class Code(StrEnum):
    """Which code made a record, as its key tells."""

    INSTALLED = "installed"
    OTHER = "other"  # that of which the report holds the hash
    UNKNOWN = "unknown"  # the key does not follow from what the report tells of the record


class Agreement(StrEnum):
    """What became of a published verdict that was judged again."""

    SAME = "the same"
    NUMBERS = "the same, by other numbers"
    DIFFERENT = "another one"
    UNMEASURED = "not measured"  # in the report, nor now
    LOST = "not judged again"  # for `Judged.lack`, or since the claim is installed no more
    PROPERTY = "not statistical"  # checked on examples, by running its test
    NEW = "new"  # not in the report


@dataclass(frozen=True, slots=True)
class Moved:
    """A number of a hypothesis that is not what was published.

    Attributes:
        hypothesis: its id; empty for numbers of the whole claim.
        field: which number, as ``values(vit)`` or ``margin``.
        before, after: as published and now.
    """

    hypothesis: str
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim as it was published and as it is judged again.

    Attributes:
        claim: its id.
        outcome: what became of its verdict.
        before, after: verdicts; None for a claim that is not there.
        lack, lacked: what it lacks now, and lacked as published, where it is not measured.
        moved: numbers that are not what was published.
    """

    claim: str
    outcome: Agreement
    before: Verdict | None
    after: Verdict | None
    lack: Lack | None = None
    moved: tuple[Moved, ...] = ()
    lacked: Lack | None = None


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A report judged again.

    Attributes:
        claims: in the order of the report, then new ones.
        code: how many records were made by which code, by what was done: ``training`` or a measurement's name.
        family: number of claims over which the false discovery rate was controlled, as published and now.
        alpha: that rate, as published and now.
    """

    claims: tuple[Judged, ...]
    code: Mapping[str, Mapping[Code, int]]
    family: tuple[int, int]
    alpha: tuple[float, float]

    def those(self, *outcomes: Agreement) -> tuple[Judged, ...]:
        """Return the claims with one of the outcomes."""
        return tuple(found for found in self.claims if found.outcome in outcomes)


class Repeat(StrEnum):
    """How a value of a run that was trained again compares with the published one."""

    IDENTICAL = "identical"
    ROUNDING = "equal within rounding"
    ANOTHER = "another training"  # of the same seed, since rounding differs from machine to machine
    ALTERED = "altered"  # although the training is the same one to within rounding


@dataclass(frozen=True, slots=True)
class Repeated:
    """A published value and the value of the same run trained again.

    Attributes:
        arm, seed: the run.
        quantity: what is measured, with its parameters.
        unit: of the values.
        before, after: as published and now.
        repeat: how they compare.
        interval: in which a further network's value lies in 95 of 100 cases, by the published seeds; None where these have
            no spread.
    """

    arm: str
    seed: int
    quantity: str
    unit: str
    before: float
    after: float
    repeat: Repeat
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ArmAudit:
    """The networks of an arm that were trained anew, against those that were published.

    Attributes:
        arm: whose.
        published, audited: how many networks.
        values: how many values per network are compared.
        p: probability of networks so far out, where they are of the same kind.
        adjusted_p: of ones so far out in any arm.
        least: the smallest p that so few networks could have shown.
        farthest: the value that lies farthest out.
    """

    arm: str
    published: int
    audited: int
    values: int
    p: float
    adjusted_p: float
    least: float
    farthest: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Runs of a report trained and measured again.

    Attributes:
        seed: of the draw of the runs.
        runs: arm and seed of each.
        values: every value of these runs that a claim compares.
        arms: of those whose trainings did not repeat.
        alpha: probability that any published number of an honest report is called not credible.
        other_code: whether the report's runs were made by other code than the one installed.
    """

    seed: int
    runs: tuple[tuple[str, int], ...]
    values: tuple[Repeated, ...]
    arms: tuple[ArmAudit, ...]
    alpha: float
    other_code: bool

    @property
    def altered(self) -> tuple[Repeated, ...]:
        """The values that another training does not explain."""
        return tuple(found for found in self.values if found.repeat is Repeat.ALTERED)

    @property
    def doubtful(self) -> tuple[ArmAudit, ...]:
        """The arms whose published networks are not of the kind that were trained here."""
        return tuple(found for found in self.arms if found.adjusted_p <= self.alpha)

    @property
    def credible(self) -> bool:
        """Whether nothing speaks against the published numbers."""
        return not (self.altered or self.doubtful)
