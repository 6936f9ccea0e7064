"""What was found for the tests and claims of a session, as data that processes hand to each other."""

from __future__ import annotations

from msgspec import Struct

from vitwork.design.deviation import Lack
from vitwork.facts.claims import Hypothesis
from vitwork.facts.document import QuantityResult
from vitwork.language.claim import Claim, combine
from vitwork.statistics.effect import Verdict


class RecordPlace(Struct, frozen=True):
    """Where a number comes from: the key of its record, and the run with its arm and seed."""

    key: str
    run: str
    arm: str
    seed: int
    name: str
    figure: str


class Finding(Struct, frozen=True, kw_only=True):
    """What was found for one test.

    Attributes:
        test: its identity.
        claim, chapter: what it decides.
        statistical: whether it measures.
        hypotheses: its sentences with their effects; none where something is lacking.
        places: the records that it rests on.
        lack: why it was not measured; None where it was.
        controls: conditions of its controls.
        qualifies: whether it states controls only, which never decide.
    """

    test: str
    claim: Claim
    chapter: str
    statistical: bool
    hypotheses: tuple[Hypothesis, ...] = ()
    places: tuple[RecordPlace, ...] = ()
    lack: Lack | None = None
    controls: tuple[str, ...] = ()
    qualifies: bool = False

    @property
    def verdict(self) -> Verdict:
        """The verdict of this test alone: every primary sentence in it has to hold; without one, every control."""
        decisive = [hypothesis for hypothesis in self.hypotheses if not hypothesis.control] or self.hypotheses
        return combine(hypothesis.effect.verdict for hypothesis in decisive)


class Decided(Struct, frozen=True):
    """The verdict of a claim with its p-value, and corrected over the family by Benjamini-Hochberg (q) and by Holm."""

    verdict: Verdict
    p: float
    q: float
    holm_p: float


class Judgement(Struct, frozen=True):
    """What was found for a session.

    Attributes:
        findings: one for each test, in the order of the session.
        decisions: of the claims that were measured, by id.
        family: how many claims the profile can measure.
        quantities: what the session says of the quantities that claims compare.
    """

    findings: tuple[Finding, ...]
    decisions: dict[str, Decided]
    family: int
    quantities: tuple[QuantityResult, ...] = ()
