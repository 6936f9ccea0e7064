"""The vocabulary: claim, hypothesis, effect, verdict. Imports nothing of ours and no numerical library."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeVar

Alternative = Literal["less", "greater", "two-sided"]
Rule = Literal["all", "any"]
Test = TypeVar("Test", bound=Callable[..., Any])


class Verdict(StrEnum):
    """What the evidence says of a hypothesis or a claim."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Paper:
    """What the paper reports for a claim.

    Attributes:
        where: figure, section or appendix.
        values: the paper's numbers, as text.
        setup: the paper's data set, models and recipe.
        read_from: how the numbers were obtained where the paper prints none ("density curve", "vector plot").
        networks: trained networks per arm behind the numbers.
    """

    where: str
    values: str
    setup: str = "CIFAR-100, DeiT-style recipe, 300 epochs"
    read_from: str = ""
    networks: int = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of the paper.

    Attributes:
        id: identifier on the claim sheet, for example ``hessian-vit-smaller``.
        sentence: the statement in plain words.
        paper: the paper's own evidence.
        contradicted_by: the outcome that would contradict the claim.
        rule: ``all`` when the sentence needs every hypothesis, ``any`` when one suffices.
        deviations: differences from the paper's setting that hold at every profile.
        confounds: other explanations that the design does not exclude.
    """

    id: str
    sentence: str
    paper: Paper
    contradicted_by: str = ""
    rule: Rule = "all"
    deviations: tuple[str, ...] = ()
    confounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """The outcome of one comparison; the seed is the unit of replication.

    Attributes:
        estimate: the effect on ``scale`` (difference, ratio, …); NaN when nothing could be estimated.
        low, high: two-sided ``1 - alpha`` interval on the same scale.
        n_a, n_b: seeds per arm; ``n_b`` is 0 for a comparison with a constant.
        p: two-sided p-value against the margin (before any correction for multiplicity).
        verdict: the decision at ``alpha``.
        alternative: the paper's side.
        margin: the value of the effect that separates the sides, fixed before the data.
        alpha: two-sided error rate of the decision.
        scale: what ``estimate`` is: ``difference``, ``ratio``, ``log-ratio``, ``probability`` or ``slope``.
        method: the interval and test used, in the field's terms.
        adjusted_p: p-value after correction over the session's hypotheses; equals ``p`` before that.
        seeds_needed: seeds per arm that would probably settle an inconclusive verdict; None when unknown.
        reason: one plain sentence that explains the verdict.
    """

    estimate: float
    low: float
    high: float
    n_a: int
    n_b: int
    p: float
    verdict: Verdict
    alternative: Alternative = "less"
    margin: float = 0.0
    alpha: float = 0.05
    scale: str = "difference"
    method: str = ""
    adjusted_p: float = float("nan")
    seeds_needed: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One directional comparison that a claim rests on.

    Attributes:
        id: claim id, parameters and position, unique in a session.
        claim: id of the claim.
        statement: the comparison in words, for example ``APE(vit) < APE(resnet)``.
        parameters: the test's parameters, for example ``{"when": "end"}``.
        effect: the outcome; None before it is measured.
    """

    id: str
    claim: str
    statement: str
    parameters: dict[str, Any] = field(default_factory=dict)
    effect: Effect | None = None


def claim(id: str, sentence: str, *, paper: Paper, **details: Any) -> Callable[[Test], Test]:
    """Declare that the decorated test decides a claim of the paper.

    Args:
        id: identifier on the claim sheet.
        sentence: the claim in plain words.
        paper: the paper's evidence.
        **details: further fields of `Claim`.

    Returns:
        A decorator that marks the test function; the pytest plugin reads the mark.
    """
    declared = Claim(id, sentence, paper, **details)

    def mark(test: Test) -> Test:
        import pytest  # here, so that those who only want the vocabulary do not load it

        marked: Test = pytest.mark.claim(declared)(test)
        return marked

    return mark


def combine(verdicts: Iterable[Verdict], rule: Rule = "all") -> Verdict:
    """Return the verdict of a claim from those of its hypotheses.

    With ``all``, one contradicted hypothesis contradicts the claim and every one must be reproduced to reproduce it.
    With ``any``, one reproduced hypothesis reproduces the claim and every one must be contradicted to contradict it.
    Hypotheses that were not measured leave the claim undecided, unless nothing was measured at all.
    """
    found = list(verdicts)
    if not found or all(verdict is Verdict.NOT_MEASURED for verdict in found):
        return Verdict.NOT_MEASURED
    decisive, unanimous = Verdict.CONTRADICTED, Verdict.REPRODUCED
    if rule == "any":
        decisive, unanimous = unanimous, decisive
    if decisive in found:
        return decisive
    return unanimous if set(found) == {unanimous} else Verdict.INCONCLUSIVE
