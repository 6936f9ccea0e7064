"""The outcomes of checking a published report (judging again, auditing) as facts; `vitwork.report.words` words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vitwork.design.deviation import Lack
from vitwork.statistics.effect import Verdict


class Code(StrEnum):
    """Which code made a record, as its key shows."""

    INSTALLED = "installed"
    OTHER = "other"  # the code whose hash is in the report
    UNKNOWN = "unknown"  # the key does not follow from what the report says about the record


class Agreement(StrEnum):
    """How a published verdict compares with its new judgement."""

    SAME = "the same"
    NUMBERS = "the same, by other numbers"
    DIFFERENT = "another one"
    UNMEASURED = "not measured"  # neither in the report nor now
    LOST = "not judged again"  # for `Judged.lack`, or because the claim is no longer installed
    PROPERTY = "not statistical"  # checked on examples, by running its test; the installed claims decide which
    NEW = "new"  # not in the report


class Kind(StrEnum):
    """What kind of thing differs between a report and what follows from its records."""

    NUMBER = "number"
    DECLARED = "declared"  # a sentence, margin or arm: another version of the claims, or altered
    NOTE = "note"  # may differ for honest reasons, and nothing follows from it


@dataclass(frozen=True, slots=True)
class Moved:
    """A part of a report that differs from what was published.

    Attributes:
        hypothesis: id of its hypothesis; empty for parts of a whole claim, network or report.
        field: which part, such as ``value of vit seed 0`` or ``effect.margin``.
        before, after: the published and the new value.
        kind: what kind of part it is.
    """

    hypothesis: str
    field: str
    before: object
    after: object
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim as published and as judged again.

    Attributes:
        claim: its id.
        outcome: how the two verdicts compare.
        before, after: the published and the new verdict; None if the claim is missing.
        lack: what it lacks now, if it is not measured.
        moved: all parts of it that differ from what was published.
    """

    claim: str
    outcome: Agreement
    before: Verdict | None
    after: Verdict | None
    lack: Lack | None = None
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A network of a report, or one record of it.

    Attributes:
        arm, seed: the network.
        measurement: name of the record's measurement; empty for the network itself.
    """

    arm: str
    seed: int
    measurement: str = ""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A report judged again.

    Attributes:
        claims: in the order of the report, then new ones.
        code: how many records were made by which code, for ``training`` and for each measurement's name.
        moved: differences in the report as a whole, and in its networks.
        part: whether the report says that it covers only chosen tests, so that it need not have every claim.
        gaps: records that are missing although other networks of the same arm have them.
        unneeded: networks and records that none of the report's claims needs.
    """

    claims: tuple[Judged, ...]
    code: Mapping[str, Mapping[Code, int]]
    moved: tuple[Moved, ...] = ()
    part: bool = False
    gaps: tuple[Trace, ...] = ()
    unneeded: tuple[Trace, ...] = ()

    def those(self, *outcomes: Agreement) -> tuple[Judged, ...]:
        """Return the claims with one of these outcomes."""
        return tuple(found for found in self.claims if found.outcome in outcomes)

    @property
    def differs(self) -> bool:
        """Whether a verdict or a number differs, or a record is missing that other networks of its arm have."""
        return bool(self.gaps or self.those(Agreement.DIFFERENT, Agreement.NUMBERS)) or self._has(Kind.NUMBER)

    @property
    def unlike(self) -> bool:
        """Whether the report's claims, networks or records are not those that the installed claims declare and need."""
        strange = any(count.get(Code.UNKNOWN) for count in self.code.values())
        gone = any(found.after is None for found in self.claims)
        new = bool(self.those(Agreement.NEW)) and not self.part
        return strange or gone or new or bool(self.unneeded) or self._has(Kind.DECLARED)

    def _has(self, kind: Kind) -> bool:
        return any(
            found.kind is kind for found in (*self.moved, *(one for claim in self.claims for one in claim.moved))
        )


class Repeat(StrEnum):
    """How a value of a run that was trained again compares with the published one."""

    IDENTICAL = "identical"
    ROUNDING = "equal within rounding"
    ANOTHER = "another training"  # of the same seed, because rounding differs between machines
    ALTERED = "altered"  # although the training is the same one to within rounding


@dataclass(frozen=True, slots=True)
class Repeated:
    """A published value and the value of the same run trained again.

    Attributes:
        arm, seed: the run.
        quantity: what is measured, with its parameters.
        unit: unit of the values.
        before, after: the published and the new value.
        repeat: how they compare.
        interval: 95 % prediction interval of a further network's value, from the published seeds; None if these have no
            spread.
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
    """The networks of an arm that were trained again, compared with the published ones.

    Attributes:
        arm: name of the arm.
        published, audited: numbers of published networks, and of networks trained again.
        values: how many values per network are compared.
        p: probability of a difference at least this large if all networks are of the same kind.
        adjusted_p: probability of a difference at least this large in any arm.
        least: the smallest p that is possible with this number of networks.
        farthest: the value that differs most.
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
        seed: seed of the draw of the runs.
        runs: arm and seed of each run.
        values: every value of these runs that a claim compares.
        arms: the arms whose trainings did not repeat.
        alpha: probability that any published number of an honest report is called not credible.
        other_code: whether the report's runs were made by other code than the installed one.
        told: differences in the report of a training, although its network has the same evaluation.
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
        """The values whose difference another training does not explain."""
        return tuple(found for found in self.values if found.repeat is Repeat.ALTERED)

    @property
    def doubtful(self) -> tuple[ArmAudit, ...]:
        """The arms whose published networks differ from those trained here."""
        return tuple(found for found in self.arms if found.adjusted_p <= self.alpha)

    @property
    def credible(self) -> bool:
        """Whether there is no evidence against the published numbers."""
        return not (self.altered or self.doubtful or self.told)
