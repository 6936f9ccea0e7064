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
    PROPERTY = "not statistical"  # checked on examples, by running its test; the installed claims say which are
    NEW = "new"  # not in the report


class Kind(StrEnum):
    """What kind of thing differs between a report and what follows from its records."""

    NUMBER = "number"
    DECLARED = "declared"  # what was asked, and of which networks: another version of the claims, or altered
    NOTE = "note"  # which may honestly be another one, and nothing follows from it


@dataclass(frozen=True, slots=True)
class Moved:
    """A part of a report that is not what was published.

    Attributes:
        hypothesis: its id; empty for parts of a whole claim, network or report.
        field: which part, as ``value of vit seed 0`` or ``effect.margin``.
        before, after: as published and now.
        kind: what it is.
    """

    hypothesis: str
    field: str
    before: object
    after: object
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim as it was published and as it is judged again.

    Attributes:
        claim: its id.
        outcome: what became of its verdict.
        before, after: verdicts; None for a claim that is not there.
        lack: what it lacks now, where it is not measured.
        moved: all of it that is not what was published.
    """

    claim: str
    outcome: Agreement
    before: Verdict | None
    after: Verdict | None
    lack: Lack | None = None
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A report judged again.

    Attributes:
        claims: in the order of the report, then new ones.
        code: how many records were made by which code, by what was done: ``training`` or a measurement's name.
        moved: what of the report as a whole, and of its networks, is not what was published.
        part: whether the report says that it is of chosen tests, so that it need not have every claim.
    """

    claims: tuple[Judged, ...]
    code: Mapping[str, Mapping[Code, int]]
    moved: tuple[Moved, ...] = ()
    part: bool = False

    def those(self, *outcomes: Agreement) -> tuple[Judged, ...]:
        """Return the claims with one of the outcomes."""
        return tuple(found for found in self.claims if found.outcome in outcomes)

    @property
    def differs(self) -> bool:
        """Whether a verdict or a number is another one."""
        return bool(self.those(Agreement.DIFFERENT, Agreement.NUMBERS)) or self._has(Kind.NUMBER)

    @property
    def unlike(self) -> bool:
        """Whether the report tells of other claims or networks than are installed, or otherwise than the keys of its records."""
        strange = any(count.get(Code.UNKNOWN) for count in self.code.values())
        gone = any(found.after is None for found in self.claims)
        new = bool(self.those(Agreement.NEW)) and not self.part
        return strange or gone or new or self._has(Kind.DECLARED)

    def _has(self, kind: Kind) -> bool:
        return any(
            found.kind is kind for found in (*self.moved, *(one for claim in self.claims for one in claim.moved))
        )


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
        told: what the report tells of a training otherwise, although its network is evaluated the same.
    """

    seed: int
    runs: tuple[tuple[str, int], ...]
    values: tuple[Repeated, ...]
    arms: tuple[ArmAudit, ...]
    alpha: float
    other_code: bool
    told: tuple[Moved, ...] = ()

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
        return not (self.altered or self.doubtful or self.told)
