"""The findings of a session's tests and claims, as data that processes can exchange."""

from __future__ import annotations

from msgspec import Struct

from vitwork.design.deviation import Lack
from vitwork.facts.claims import Hypothesis
from vitwork.facts.document import QuantityResult
from vitwork.language.claim import Claim, combine
from vitwork.statistics.effect import Verdict


class RecordPlace(Struct, frozen=True):
    """The source of a number: the key of its record, and the run with its arm and seed."""

    key: str
    run: str
    arm: str
    seed: int
    name: str
    figure: str


class Finding(Struct, frozen=True, kw_only=True):
    """The finding of one test.

    Attributes:
        test: pytest's name of the test.
        claim, chapter: the claim that it decides, and that claim's chapter.
        statistical: whether it measures.
        hypotheses: its sentences with their effects; empty if it was not measured.
        places: the records behind its numbers.
        lack: why it was not measured; None if it was.
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
    """The verdict of a claim with its p-value, also corrected over the family by Benjamini-Hochberg (q) and by Holm."""

    verdict: Verdict
    p: float
    q: float
    holm_p: float


class Judgement(Struct, frozen=True):
    """The findings of a session.

    Attributes:
        findings: one for each test, in the order of the session.
        decisions: the decisions on the measured claims, by id.
        family: how many claims the profile can measure.
        quantities: error, spread and skewness of the quantities that claims compare.
    """

    findings: tuple[Finding, ...]
    decisions: dict[str, Decided]
    family: int
    quantities: tuple[QuantityResult, ...] = ()
