"""Claims: statements of the paper, each with the paper's own evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import msgspec

from vitwork.statistics.effect import Verdict

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper's evidence for a claim.

    Attributes:
        where: figure, section or appendix, for readers.
        values: the paper's numbers, as text.
        setup: the paper's data set, models and recipe.
        read_from: how the numbers were obtained if the paper prints none ("density curve", "vector plot").
        networks: trained networks per arm behind the numbers.
        effect: the paper's effect for the first primary sentence, in its unit and direction (a factor for a ratio,
            percentage points for a percentage); None if the paper gives no number.
        section: the section of the paper that the claim belongs to; 0 for claims of other papers. Each section answers
            one question: 2 what makes networks optimise better, 3 whether attention acts like convolution, 4 how to
            combine both.
        figures: numbers of the paper's figures that show the effect, for example ``("1c", "4")``.
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
    """A difference from the paper's setting that exists only if networks were trained on other images than the paper's.

    Attributes:
        text: the difference in words.
        paper: the data sources (`vitwork.design.dataset`) that hold the paper's images.
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
        deviations: differences from the paper's setting, at every profile or only on other images than the paper's.
        confounds: other explanations that the design does not exclude.
        ours: whether this project added the claim; the paper does not make it.
        any_network: whether it is about any network, trained or not; others compare only networks that have learned.
        examined: by profile, what was examined after its data had been seen; not part of the declaration.
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
        """Return the deviations in words for arms with images of some data sources; all of them if none is named."""
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
    """Declare that the decorated test decides a claim of the paper.

    The arguments are the fields of `Claim`, except `examined`, which is read from `examined.toml` beside the file.

    Returns:
        A decorator that marks the test function; the pytest plugin reads the mark.

    Raises:
        TypeError: a field does not have its type, so that no report could hold it.
    """
    given = Claim(id, sentence, paper, contradicted_by, deviations, confounds, ours, any_network)
    try:
        declared = msgspec.convert(asdict(given), Claim)
    except msgspec.ValidationError as error:
        raise TypeError(f"The claim {id!r} cannot be declared: {error}") from error

    def mark(test: Test) -> Test:
        import pytest  # here, so that importing the vocabulary does not load pytest

        marked: Test = pytest.mark.claim(declared)(test)
        return marked

    return mark


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a claim from those of its hypotheses.

    One contradicted hypothesis contradicts the claim, regardless of the others, and all must be reproduced to reproduce
    it. Otherwise one hypothesis that was not measured makes the whole claim not measured, so that missing values never
    improve a verdict.
    """
    found = set(verdicts)
    if Verdict.CONTRADICTED in found:
        return Verdict.CONTRADICTED
    if not found or Verdict.NOT_MEASURED in found:
        return Verdict.NOT_MEASURED
    return Verdict.REPRODUCED if found == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE
