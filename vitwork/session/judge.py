"""Judges claims: turns the records in the store into verdicts.

Every sentence becomes an effect, primary sentences decide their claim, and the false discovery rate is controlled over
all claims that the profile can measure. One process judges a session; the others find the judgement in the store, where
a later session with nothing new finds it too.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vitwork.design.deviation import Lack, Missing
from vitwork.errors import VitworkError
from vitwork.facts.claims import Constant, Hypothesis, Sample
from vitwork.facts.document import QuantityResult
from vitwork.language.quantity import Quantity
from vitwork.language.sentence import Values
from vitwork.session.competence import Competence
from vitwork.session.findings import Decided, Finding, Judgement, RecordPlace
from vitwork.session.lookup import LackError, Lookup, Records
from vitwork.session.plan import Plan, Planned, PlannedSide, Wanted
from vitwork.session.reading import Case
from vitwork.session.troubles import Troubles
from vitwork.statistics.effect import Effect
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash
from vitwork.store.store import CorruptFileError, Store, read_sealed, write_sealed

if TYPE_CHECKING:
    from vitwork.statistics.claims import Decision, MeasuredClaim

POLL_SECONDS = 0.05

Sides = tuple[tuple[Values | float, ...], ...]
"""For each sentence of a test, the numbers of its sides."""
Asked = Callable[[float], Effect]
"""A sentence with its numbers, to be judged at any error rate."""


def unjudged(plan: Plan, lack: Lack) -> Judgement:
    """Return a judgement for tests that were not judged: each test that measures gets its own lack, or `lack`."""
    findings = tuple(
        Finding(
            test=test.case.name, claim=test.case.claim, chapter=test.case.chapter, statistical=test.case.statistical,
            lack=(test.lack or lack) if test.case.statistical else test.lack, qualifies=test.case.qualifies,
        )
        for test in plan.tests.values()
    )  # fmt: skip
    return Judgement(findings, {}, plan.family)


def judged(plan: Plan, store: Store, troubles: Troubles, *, sequential: bool = False) -> Judgement:
    """Return the judgement of a plan's tests; the first process judges, and the others read its result.

    Args:
        plan: the plan; its runs and measurements were carried out as far as possible.
        store: holds the records.
        troubles: the reasons for what could not be done.
        sequential: whether seeds are added until verdicts are settled, so that tests must be valid at every look.
    """
    key = _key(plan, store, troubles, sequential=sequential)
    path = store.root / "judgements" / f"{digest([plan.profile.name, list(plan.tests), sequential])}.json"
    while (found := _read(path, key)) is None:
        with store.lease(path.stem) as free:
            if free and (found := _read(path, key)) is None:
                found = Judge(plan, store, troubles, sequential).judgement()
                made = {"key": key, "judgement": msgspec.to_builtins(found)}
                with suppress(VitworkError):  # a full disk: the next process judges by itself
                    write_sealed(path, json.dumps(made).encode())  # Python's json keeps NaN and infinities
        if found is not None:
            break
        time.sleep(POLL_SECONDS)
    return found


def _read(path: Path, key: str) -> Judgement | None:
    """Return the judgement of that key; None if there is none, or if it is damaged or belongs to other records."""
    try:
        record = json.loads(read_sealed(path))
        return msgspec.convert(record["judgement"], Judgement) if record["key"] == key else None
    except (FileNotFoundError, CorruptFileError, ValueError, KeyError):
        return None


def _key(plan: Plan, store: Store, troubles: Troubles, *, sequential: bool) -> str:
    """Return the key of a judgement, which changes with everything that it depends on."""
    tests = [
        [
            test.case.name, test.case.claim, test.case.chapter, test.case.shown, test.seeds, test.lack, list(test.wanted),
            [[sentence.statement, sentence.control, sentence.levels, sentence.band] for sentence in test.case.sentences],
            [
                [source_hash(side.quantity.value.__module__), side.options, side.quantity.unit]
                for sentence in test.case.sentences for side in sentence.references
            ],
        ]
        for test in plan.tests.values()
    ]  # fmt: skip
    records = [store.seal(key) for key in (*plan.runs, *plan.wanted)]
    return digest(
        [
            tests,
            records,
            plan.profile.alpha,
            plan.profile.competence,
            plan.family,
            sequential,
            troubles.known,
            source_hash(__name__),
        ]
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges a plan's tests; the attributes are the arguments of `judged`."""

    plan: Plan
    store: Records
    troubles: Troubles
    sequential: bool

    def judgement(self) -> Judgement:
        """Return the findings and decisions, with one false discovery rate over the profile's claims."""
        from vitwork.statistics import decide_claims

        lookup = Lookup(self.store)
        values, lacks = self._values(lookup)
        quantities = self._audited(lookup, values, lacks)
        skewed = {found.name for found in quantities if found.skewed}
        for name, lack in self._lost(values, {found.name for found in quantities if not found.testable}).items():
            lacks.setdefault(name, lack)
        lacks |= self._missed(lacks)
        asked = {name: self._asked(values[name], self.plan.tests[name], skewed) for name in values if name not in lacks}
        decisions = decide_claims(self._claims(asked), self.plan.family, self.plan.profile.alpha)
        effects = self._effects(asked, decisions)
        findings = tuple(
            self._finding(test, values.get(name, ()), effects.get(name, ()), lacks.get(name))
            for name, test in self.plan.tests.items()
        )
        decided = {id: Decided(found.verdict, found.p, found.q, found.holm_p) for id, found in decisions.items()}
        return Judgement(findings, decided, self.plan.family, quantities)

    def _values(self, lookup: Lookup) -> tuple[dict[str, Sides], dict[str, Lack]]:
        """Return the numbers of each test's sentences, and for tests without numbers the reason."""
        values: dict[str, Sides] = {}
        lacks: dict[str, Lack] = {}
        for name, test in self.plan.tests.items():
            if not test.case.statistical:
                if test.lack is not None:
                    lacks[name] = test.lack
                continue
            try:
                lack = (
                    test.lack
                    or self._trouble(test.everything.values())
                    or self._incompetent(test, lookup)
                    or self._same(test, lookup)
                )
                if lack is None:
                    values[name] = self._numbers(test, lookup)
                else:
                    lacks[name] = lack
            except LackError as error:
                lacks[name] = error.lack
        return values, lacks

    @staticmethod
    def _numbers(test: Planned, lookup: Lookup) -> Sides:
        return tuple(
            tuple(
                lookup.values(side.reference, side.wanted) if isinstance(side, PlannedSide) else side for side in sides
            )
            for sides in test.sides
        )

    def _trouble(self, wanted: Iterable[Wanted]) -> Lack | None:
        """Return the first reason why one of the measurements could not be done, faults before others."""
        known = self.troubles.known
        found = [known[key] for want in wanted for key in (want.run.key, want.key) if key in known]
        return min(found, key=lambda lack: lack.missing is not Missing.FAULT, default=None)

    def _incompetent(self, test: Planned, lookup: Lookup) -> Lack | None:
        lacks = (
            Competence.of(evaluations, lookup).lack(arm, self.plan.profile.competence)
            for arm, evaluations in test.evaluations.items()
        )
        return next((lack for lack in lacks if lack is not None), None)

    @staticmethod
    def _same(test: Planned, lookup: Lookup) -> Lack | None:
        """Return a lack if two arms of a sentence trained the same networks, as when their options do not differ."""
        for sides in test.sides:
            runs = {side.reference.arm: side.wanted for side in sides if isinstance(side, PlannedSide)}
            for (one, first), (other, second) in combinations(runs.items(), 2):
                if any(map(lookup.trained_alike, first, second)):
                    return Lack(Missing.SAME, one, other)
        return None

    def _audited(
        self, lookup: Lookup, values: Mapping[str, Sides], lacks: Mapping[str, Lack]
    ) -> tuple[QuantityResult, ...]:
        """Return for each quantity that claims compare its measurement error and the shape of its spread."""
        samples: dict[Quantity, dict[str, tuple[Values, Values]]] = {}
        for name, sides in values.items():
            if name in lacks:
                continue
            for side, numbers in _measured(self.plan.tests[name], sides):
                asked = side.reference
                key = digest([asked.arm, asked.parameters, len(numbers)])
                samples.setdefault(asked.quantity, {})[key] = (numbers, lookup.errors(asked, side.wanted))
        found = [_quantity(quantity, list(arms.values())) for quantity, arms in samples.items()]
        return tuple(_audited_together(found))

    def _lost(self, values: Mapping[str, Sides], noisy: Collection[str]) -> dict[str, Lack]:
        """Return the tests with a quantity whose own error hides the differences between networks."""
        return {
            name: Lack(Missing.NOISE, what=side.reference.quantity.name)
            for name, sides in values.items()
            for side, _ in _measured(self.plan.tests[name], sides)
            if side.reference.quantity.name in noisy
        }

    def _missed(self, lacks: Mapping[str, Lack]) -> dict[str, Lack]:
        """Return lacks for the other tests of a claim of which one test lacks a primary sentence.

        A missing primary sentence makes the whole claim not measured, so it never improves a verdict. A missing control
        has no effect on other tests.
        """
        tests = self.plan.tests
        claims = {
            tests[name].case.claim.id: lack
            for name, lack in reversed(list(lacks.items()))
            if not tests[name].case.qualifies
        }
        return {
            name: claims[test.case.claim.id]
            for name, test in tests.items()
            if test.case.statistical and test.case.claim.id in claims and name not in lacks
        }

    def _asked(self, values: Sides, test: Planned, skewed: Collection[str]) -> tuple[Asked, ...]:
        """Return every sentence as a question that can be judged at any error rate."""
        return tuple(
            partial(
                sentence.judge,
                numbers,
                sequential=self.sequential,
                skewed=any(side.quantity.name in skewed for side in sentence.references),
            )
            for sentence, numbers in zip(test.case.sentences, values, strict=True)
        )

    def _claims(self, asked: Mapping[str, tuple[Asked, ...]]) -> dict[str, MeasuredClaim]:
        """Return the measured claims with their primary sentences and controls, in the order of the tests."""
        from vitwork.statistics.claims import MeasuredClaim

        parts: dict[str, tuple[list[Asked], list[Asked]]] = {}
        for name, questions in asked.items():
            case = self.plan.tests[name].case
            primaries, controls = parts.setdefault(case.claim.id, ([], []))
            for sentence, question in zip(case.sentences, questions, strict=True):
                (controls if sentence.control else primaries).append(question)
        return {id: MeasuredClaim(primaries, controls) for id, (primaries, controls) in parts.items() if primaries}

    def _effects(
        self, asked: Mapping[str, tuple[Asked, ...]], decisions: Mapping[str, Decision]
    ) -> dict[str, tuple[Effect, ...]]:
        """Return the effects of every test, each at the level that the correction over the family leaves to it."""
        left = {id: (iter(found.primaries), iter(found.controls)) for id, found in decisions.items()}
        effects: dict[str, tuple[Effect, ...]] = {}
        for name, questions in asked.items():
            case = self.plan.tests[name].case
            if case.claim.id in left:
                primaries, controls = left[case.claim.id]
                effects[name] = tuple(next(controls if sentence.control else primaries) for sentence in case.sentences)
            else:  # controls whose claim has no measured primary sentence
                effects[name] = tuple(question(self.plan.profile.alpha) for question in questions)
        return effects

    def _finding(self, test: Planned, values: Sides, effects: Sequence[Effect], lack: Lack | None) -> Finding:
        case = test.case
        places = (
            RecordPlace(
                want.key, want.run.key, want.run.arm.name, want.run.seed, want.measurement.name, want.measurement.figure
            )
            for want in test.everything.values()
        )
        hypotheses = (
            _hypothesis(case, place, planned, numbers, effect)
            for place, (planned, numbers, effect) in enumerate(zip(test.sides, values, effects, strict=False), start=1)
        )
        return Finding(
            test=case.name, claim=case.claim, chapter=case.chapter, statistical=case.statistical,
            hypotheses=tuple(hypotheses), places=tuple(places), lack=lack, qualifies=case.qualifies,
            controls=tuple(dict.fromkeys(sentence.control for sentence in case.sentences if sentence.control)),
        )  # fmt: skip


def _measured(test: Planned, values: Sides) -> Iterator[tuple[PlannedSide, Values]]:
    """Yield every measured side of a test with its numbers."""
    for side, numbers in zip(chain(*test.sides), chain(*values), strict=True):
        if isinstance(side, PlannedSide) and isinstance(numbers, tuple):
            yield side, numbers


def _quantity(quantity: Quantity, arms: Sequence[tuple[Values, Values]]) -> QuantityResult:
    """Judge a quantity by its values over seeds in all arms, and by the standard error of each."""
    from vitwork.statistics import audit_skewness, measured_noise

    samples, errors = [numbers for numbers, _ in arms], [errors for _, errors in arms]
    noise = measured_noise(samples, errors, quantity.scale)
    skewness = audit_skewness(samples, quantity.scale)
    return QuantityResult(
        name=quantity.name, unit=quantity.unit, scale=quantity.scale, drawn=quantity.drawn,
        error=_known(noise.error), spread=_known(noise.spread),
        testable=noise.testable or not quantity.drawn,  # an error shared by all networks is not in their spread
        skewness=_known(skewness.estimate), z=_known(skewness.z), skewed=bool(skewness.plain),
    )  # fmt: skip


def _audited_together(quantities: Sequence[QuantityResult]) -> Sequence[QuantityResult]:
    """Guard all quantities if the session is plainly skewed as a whole; orders (``probability``) need no guard."""
    from vitwork.statistics import plainly_together

    summed = {found.name: found.z for found in quantities if found.scale != "probability" and found.z is not None}
    if not plainly_together(list(summed.values())):
        return quantities
    return [
        msgspec.structs.replace(found, skewed=True, together=not found.skewed) if found.name in summed else found
        for found in quantities
    ]


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _hypothesis(
    case: Case,
    place: int,
    planned: Sequence[PlannedSide | float],
    values: Sequence[Values | float],
    effect: Effect,
) -> Hypothesis:
    sentence = case.sentences[place - 1]
    quantity = sentence.first.quantity
    return Hypothesis(
        id=case.hypothesis(place), claim=case.claim.id, form=sentence.form, statement=sentence.statement,
        parameters=case.settings(place), quantity=quantity.name, unit=quantity.unit,
        sides=tuple(map(_side, planned, values)),
        effect=effect, control=sentence.control, levels=sentence.levels, within=sentence.band, most=_most(planned),
    )  # fmt: skip


def _most(planned: Iterable[PlannedSide | float]) -> int | None:
    """Return the number of published networks of the smallest arm, here or not; None if more can be trained."""
    arms = [side.wanted[0].run.arm for side in planned if isinstance(side, PlannedSide) and side.wanted]
    return min((len(arm.networks) + len(arm.missing) for arm in arms if arm.loaded), default=None)


def _side(side: PlannedSide | float, values: Values | float) -> Sample | Constant:
    if isinstance(side, PlannedSide) and isinstance(values, tuple):
        seeds = tuple(want.run.seed for want in side.wanted)
        return Sample(arm=side.reference.arm, label=side.reference.label, seeds=seeds, values=values)
    assert isinstance(values, float | int)
    return Constant(value=values)
