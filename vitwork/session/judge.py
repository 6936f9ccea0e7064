"""From tests to verdicts: each claim's test is read three times. Imports no torch.

*Plan*: the test runs with a `Measure` that only notes what is asked for. *Weigh*: with the values in the store, every
comparison becomes an effect, and Holm's correction over the whole session turns effects into verdicts. *Deliver*: the
test runs for pytest, and each comparison is as true as its verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vitwork.design.profiles import Profile
from vitwork.language.claim import Claim, Hypothesis, combine
from vitwork.statistics.effect import Effect, Verdict
from vitwork.language.comparison import Assertion, Sample
from vitwork.language.quantity import AbsentError, Quantity
from vitwork.session.plan import Plan, Wanted
from vitwork.store.store import Store

Values = tuple[float, ...]


class NotMeasuredError(Exception):
    """A quantity cannot be had at this profile or was lost; the message says why."""


@dataclass(frozen=True, slots=True, repr=False)
class Measure:
    """What a claim's test is given: ``measure(quantity, **parameters)(arm)`` is a sample with one value per seed."""

    profile: Profile
    seeds: int
    values: Callable[[list[Wanted], Quantity, dict[str, Any]], Values]
    plan: Plan
    decide: Callable[[Assertion], bool]

    def __call__(self, quantity: Quantity, **parameters: Any) -> Callable[[str], Sample]:
        """Return a function from an arm's name to the sample of `quantity`, measured with `parameters`."""
        given, own = quantity.split(parameters)
        complete = {
            **quantity.measurement.parameters,
            **self.profile.effort.get(quantity.measurement.name, {}),
            **given,
        }

        def sample(arm: str) -> Sample:
            wanted = self._wanted(arm, quantity, complete)
            seeds, values = tuple(range(self.seeds)), self.values(wanted, quantity, own)
            return Sample(quantity, arm, complete | own, seeds, values, self.decide)

        return sample

    def _wanted(self, arm: str, quantity: Quantity, parameters: dict[str, Any]) -> list[Wanted]:
        if arm not in self.profile.arms:
            raise NotMeasuredError(f"needs the arm {arm}, which the profile {self.profile.name} does not train")
        condition, when = self.profile.arms[arm], parameters.get("when")
        if lacking := quantity.measurement.lacks(condition, parameters):
            raise NotMeasuredError(lacking)
        if when is not None and when not in condition.recipe.snapshots:
            raise NotMeasuredError(f"needs {arm} at {when}, of which its recipe keeps no snapshot")
        return [self.plan.want(condition, seed, quantity.measurement, parameters) for seed in range(self.seeds)]


@dataclass(slots=True)
class Case:
    """One test of a claim, with what it needs and what was found.

    Attributes:
        name: the test's identity, for hypotheses and reruns.
        claim: what it decides.
        chapter: the part of the paper.
        parameters: the test's parameters.
        body: the test, called with `measure` and the parameters; None for a test that measures nothing.
        place: its place among the session's cases, which orders the report.
        seeds: trained networks per arm that it is judged on.
        comparisons, effects: the hypotheses in the order in which the test states them.
        wanted: the measurements that it rests on.
        lacking: why it could not be measured, empty when it was.
        broken: whether `lacking` is a fault, not a limit of the profile.
    """

    name: str
    claim: Claim
    chapter: str
    parameters: dict[str, Any]
    body: Callable[..., Any] | None
    place: int = 0
    seeds: int = 0
    comparisons: list[Assertion] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    lacking: str = ""
    broken: bool = False

    @property
    def verdict(self) -> Verdict:
        """The verdict of this test alone: every comparison in it has to hold."""
        return Verdict.NOT_MEASURED if self.lacking else combine(effect.verdict for effect in self.effects)

    @property
    def hypotheses(self) -> list[Hypothesis]:
        """The hypotheses with their effects."""
        shown = {name: _shown(value) for name, value in self.parameters.items()}
        given = ",".join(f"{name}={value}" for name, value in shown.items())
        stem = f"{self.claim.id}[{given}]" if given else self.claim.id
        pairs = zip(self.comparisons, self.effects, strict=True)
        return [
            Hypothesis(f"{stem}:{place}", self.claim.id, comparison.statement, shown, effect)
            for place, (comparison, effect) in enumerate(pairs, start=1)
        ]


def _shown(value: Any) -> str | int | float:
    """Return a parameter as ids and reports show it; a quantity by its name."""
    return value if isinstance(value, (str, int, float)) else str(getattr(value, "name", value))


class Court:
    """Plans, weighs and delivers the verdicts of a session's claims.

    Args:
        profile: the scale at which the claims are tested.
        store: where results lie.
        plan: filled by `hear`.
        sequential: whether seeds are added until verdicts are settled, so that tests must be valid at every look.
    """

    def __init__(self, profile: Profile, store: Store, plan: Plan, *, sequential: bool = False) -> None:
        self.profile, self.store, self.plan, self.sequential = profile, store, plan, sequential
        self.cases: dict[str, Case] = {}
        self._records: dict[str, Any] = {}

    def hear(self, cases: Iterable[Case]) -> None:
        """Plan: note every measurement that the cases ask for."""
        for case in cases:
            case.place = len(self.cases)
            self.cases[case.name] = case
            case.seeds = self.profile.seeds
            if case.body is not None:
                self._plan(case)

    def open(self) -> list[Case]:
        """Return the cases that more seeds could settle."""
        return [case for case in self.cases.values() if case.verdict is Verdict.INCONCLUSIVE]

    def extend(self, cases: Iterable[Case]) -> None:
        """Plan one more seed for each of the cases; seeds are always taken in order."""
        for case in cases:
            case.seeds += 1
            self._plan(case)

    def _plan(self, case: Case) -> None:
        case.comparisons = []
        noted: dict[str, Wanted] = {}
        draft = self.plan.draft()  # a test that lacks something, perhaps after other measurements, plans nothing

        def values(wanted: list[Wanted], _quantity: Quantity, _own: dict[str, Any]) -> Values:
            noted.update((want.key, want) for want in wanted)
            return ()

        def note(comparison: Assertion) -> bool:
            case.comparisons.append(comparison)
            return True

        self._read(case, values, note, draft)
        if not case.lacking:
            self.plan.include(draft)
            case.wanted = list(noted.values())

    def weigh(self, failures: Mapping[str, str], unfit: Mapping[str, str]) -> None:
        """Turn what lies in the store into effects, and effects into verdicts at the session's error rate.

        Args:
            failures: what could not be done, by key of the run or measurement.
            unfit: measurements that a network, by its kind, does not allow, likewise.
        """
        self._records.clear()
        for case in self.cases.values():
            case.comparisons, case.effects = [], []
            faults = [failures[key] for want in case.wanted for key in (want.run.key, want.key) if key in failures]
            lacks = [
                f"needs what {want.run.arm.name} lacks: {unfit[want.key]}" for want in case.wanted if want.key in unfit
            ]
            if faults or lacks:
                case.lacking, case.broken = (faults or lacks)[0], bool(faults)
            if case.body is not None and not case.lacking:
                self._weigh(case)
        self._correct()

    def _weigh(self, case: Case) -> None:
        def note(comparison: Assertion) -> bool:
            case.comparisons.append(comparison)
            case.effects.append(comparison.test(self.profile.alpha, sequential=self.sequential))
            return True

        self._read(case, self._stored, note, self.plan)

    def _correct(self) -> None:
        """Apply Holm's correction over all hypotheses of the session."""
        from vitwork.statistics import holm

        decided = iter(holm([effect for case in self.cases.values() for effect in case.effects], self.profile.alpha))
        for case in self.cases.values():
            case.effects = [next(decided) for _ in case.effects]

    def measure(self, case: Case) -> Measure:
        """Deliver: return the `Measure` under which each comparison is as true as its verdict.

        An inconclusive comparison counts as true here: the test goes on, and is reported as undecided at its end.
        """
        verdicts = iter([effect.verdict for effect in case.effects])
        return Measure(
            self.profile, case.seeds, self._stored, self.plan, lambda _: next(verdicts) is not Verdict.CONTRADICTED
        )

    def _read(
        self,
        case: Case,
        values: Callable[[list[Wanted], Quantity, dict[str, Any]], Values],
        decide: Callable[[Assertion], bool],
        plan: Plan,
    ) -> None:
        assert case.body is not None
        try:
            case.body(measure=Measure(self.profile, case.seeds, values, plan, decide), **case.parameters)
        except NotMeasuredError as why:
            case.lacking = str(why)
        except Exception as fault:  # noqa: BLE001 - one faulty test must not take the session down; pytest shows it
            case.lacking, case.broken = f"{type(fault).__name__} in the test: {fault}", True

    def _stored(self, wanted: list[Wanted], quantity: Quantity, own: dict[str, Any]) -> Values:
        return tuple(self._value(want, quantity, own) for want in wanted)

    def _value(self, want: Wanted, quantity: Quantity, own: dict[str, Any]) -> float:
        """Return a quantity of a record, which is read and checked once per weighing, however many hypotheses use it."""
        if want.key not in self._records:
            record = self.store.read(want.key)
            if record is None:
                raise NotMeasuredError(f"the record of {want.measurement.name} of {want.run.arm.name} is missing")
            self._records[want.key] = record["values"]
        values = self._records[want.key]
        try:
            return math.nan if values is None else quantity.value(values, **own)
        except AbsentError as why:
            raise NotMeasuredError(f"needs what {want.run.arm.name} lacks: it has {why}") from why
