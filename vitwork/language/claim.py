"""What a claim is: one statement of the paper, with the paper's own evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import msgspec

from vitwork.statistics.effect import Verdict

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Paper:
    """What the paper reports for a claim.

    Attributes:
        where: figure, section or appendix, for readers.
        values: the paper's numbers, as text.
        setup: the paper's data set, models and recipe.
        read_from: how the numbers were obtained where the paper prints none ("density curve", "vector plot").
        networks: trained networks per arm behind the numbers.
        effect: the paper's effect in the first primary sentence, in its unit and direction (the factor of a ratio; points
            of a percentage); None where the paper gives no number for it.
        section: the section that the claim belongs to, each of which answers one question of the paper: 2 what makes networks
            optimise better, 3 whether attention acts like convolution, 4 how to combine both; 0 for claims of other papers.
        figures: numbers of the paper's figures that show it, for example ``("1c", "4")``.
    """

    where: str
    values: str
    setup: str = "CIFAR-100, DeiT-style recipe, 300 epochs"
    read_from: str = ""
    networks: int = 1
    effect: float | None = None
    section: int = 0
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherImages:
    """A difference from the paper's setting that is none where the networks were trained on the paper's images.

    Attributes:
        text: in words.
        paper: the data sources (`vitwork.design.dataset`) whose images those are.
    """

    text: str
    paper: tuple[str, ...]


IMAGENET = ("imagenet", "imagenet-validation")
"""The data sources of networks that were trained on ImageNet-1K."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of the paper.

    Attributes:
        id: identifier on the claim sheet, for example ``hessian-vit-smaller``.
        sentence: the statement in plain words.
        paper: the paper's own evidence.
        contradicted_by: the outcome that would contradict the claim.
        deviations: differences from the paper's setting that hold at every profile, or where images are others.
        confounds: other explanations that the design does not exclude.
        ours: a claim of ours that the paper does not make.
        any_network: about any network, trained or not; other claims compare only networks that have learned.
        examined: what was looked into after the data of a profile had been seen, by profile; no part of the declaration.
    """

    id: str
    sentence: str
    paper: Paper
    contradicted_by: str = ""
    deviations: tuple[str | OtherImages, ...] = ()
    confounds: tuple[str, ...] = ()
    ours: bool = False
    any_network: bool = False
    examined: Mapping[str, str] = field(default_factory=dict)

    def differences(self, sources: Collection[str] = ()) -> tuple[str, ...]:
        """Return the deviations of arms whose images are from some data sources, in words; all of them where none is named."""
        return tuple(
            found if isinstance(found, str) else found.text
            for found in self.deviations
            if isinstance(found, str) or not sources or not set(sources) <= set(found.paper)
        )


def claim(
    id: str,
    sentence: str,
    *,
    paper: Paper,
    contradicted_by: str = "",
    deviations: tuple[str | OtherImages, ...] = (),
    confounds: tuple[str, ...] = (),
    ours: bool = False,
    any_network: bool = False,
) -> Callable[[Test], Test]:
    """Declare that the decorated test decides a claim of the paper; the arguments are the fields of `Claim`, but for what was
    looked into later, which stands in `examined.toml` beside the file.

    Returns:
        A decorator that marks the test function; the pytest plugin reads the mark.

    Raises:
        TypeError: a field is not of its type, and no report could hold it.
    """
    given = Claim(id, sentence, paper, contradicted_by, deviations, confounds, ours, any_network)
    try:
        declared = msgspec.convert(asdict(given), Claim)
    except msgspec.ValidationError as error:
        raise TypeError(f"The claim {id!r} cannot be declared: {error}") from error

    def mark(test: Test) -> Test:
        import pytest  # here, so that those who only want the vocabulary do not load it

        marked: Test = pytest.mark.claim(declared)(test)
        return marked

    return mark


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a claim from those of its hypotheses.

    One contradicted hypothesis contradicts the claim, whatever the others would say, and every one must be reproduced to
    reproduce it. Else a hypothesis that was not measured leaves the whole claim not measured: what is missing never
    makes a verdict better.
    """
    found = set(verdicts)
    if Verdict.CONTRADICTED in found:
        return Verdict.CONTRADICTED
    if not found or Verdict.NOT_MEASURED in found:
        return Verdict.NOT_MEASURED
    return Verdict.REPRODUCED if found == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE
