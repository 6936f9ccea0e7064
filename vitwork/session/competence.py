"""Decides whether the networks of an arm have learned; claims about trained networks compare only arms that have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vitwork.design.deviation import Lack, Missing
from vitwork.session.lookup import LackError, Lookup
from vitwork.session.plan import Wanted


@dataclass(frozen=True, slots=True)
class Competence:
    """The test accuracy of an arm over seeds, against chance.

    Attributes:
        accuracies: one per seed that has a value, from 0 to 1.
        classes: number of classes; 0 if every run diverged.
    """

    accuracies: tuple[float, ...]
    classes: int

    @classmethod
    def of(cls, evaluations: Sequence[Wanted], lookup: Lookup) -> Competence:
        """Read the accuracies of an arm's runs; a run that diverged counts as chance.

        Raises:
            LackError: a record is missing, or was made by code that did not store what is needed.
        """
        records = [lookup.record(want) for want in evaluations]
        arm = evaluations[0].run.arm.name
        try:
            classes = next((record["classes"] for record in records if record is not None), 0)
            chance = 1.0 / classes if any(records) else 0.0
            return cls(tuple(float(record["acc"]) if record is not None else chance for record in records), classes)
        except KeyError as field:
            raise LackError(Lack(Missing.FAULT, arm, f"the evaluation of {arm} does not tell {field}")) from field
        except (TypeError, ValueError, ZeroDivisionError) as fault:  # a report may come from anyone
            raise LackError(Lack(Missing.FAULT, arm, f"the evaluation of {arm} cannot be read: {fault}")) from fault

    @property
    def low(self) -> float:
        """The lower bound of the one-sided 95 % interval of the mean; with fewer than two values, the smallest one."""
        from scipy.special import stdtrit

        n = len(self.accuracies)
        mean = sum(self.accuracies) / n
        if n < 2:
            return mean
        spread = math.sqrt(sum((value - mean) ** 2 for value in self.accuracies) / (n - 1))
        return mean - float(stdtrit(n - 1, 0.95)) * spread / math.sqrt(n)

    def lack(self, arm: str, times_chance: float) -> Lack | None:
        """Return a lack that says that the arm's networks have not learned; None if they have."""
        if not self.classes:
            return Lack(Missing.LEARNING, arm, f"all of its {len(self.accuracies)} trainings diverged")
        if self.low > times_chance / self.classes:
            return None
        mean = sum(self.accuracies) / len(self.accuracies)
        return Lack(Missing.LEARNING, arm, f"{100 * mean:.0f} % of {self.classes} classes")
