"""From a test to data: its body is run once, when it is collected, and what it asserts is kept. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitwork.language.claim import Claim
from vitwork.language.measure import Measure
from vitwork.language.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a claim, read.

    Attributes:
        name: the test's identity.
        claim: what it decides.
        chapter: the part of the paper.
        parameters: the test's parameters.
        sentences: what it asserts, in order.
        statistical: whether it measures; a test without `measure` is pytest's to run, and its outcome is its verdict.
        fault: what failed while it was read; empty for nothing.
    """

    name: str
    claim: Claim
    chapter: str
    parameters: Mapping[str, Any]
    sentences: tuple[Sentence, ...] = ()
    statistical: bool = True
    fault: str = ""

    @property
    def shown(self) -> dict[str, str | int | float]:
        """The parameters as ids and reports show them; a quantity by its name."""
        return {
            name: value if isinstance(value, (str, int, float)) else str(getattr(value, "name", value))
            for name, value in self.parameters.items()
        }

    @property
    def qualifies(self) -> bool:
        """Whether the test states controls only, which never decide."""
        return bool(self.sentences) and all(sentence.control for sentence in self.sentences)

    def hypothesis(self, place: int) -> str:
        """Return the id of the hypothesis at a place, counted from 1."""
        given = ",".join(f"{name}={value}" for name, value in self.shown.items())
        return f"{self.claim.id}[{given}]:{place}" if given else f"{self.claim.id}:{place}"


def read(case: Case, body: Callable[..., object], measure: Measure) -> Case:
    """Return the case with what its test asserts.

    Args:
        case: the test, not read yet.
        body: called once, with `measure` and the test's parameters.
        measure: gets the sentences.
    """
    try:
        body(measure=measure, **case.parameters)
    except Exception as fault:  # noqa: BLE001 - one faulty test must not take the session down; it fails by itself
        return replace(case, fault=f"{type(fault).__name__} in the test: {fault}")
    if not measure.sheet:
        return replace(case, fault="the test asserts nothing")
    return replace(case, sentences=tuple(measure.sheet))
