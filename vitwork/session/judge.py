"""From records to verdicts: sentences are judged on what lies in the store. Imports no torch.

Every sentence becomes an effect, and the correction over the whole session turns effects into verdicts. A session is
judged by one process; the others find the judgement in the store, where a session with nothing new finds it too.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from vitwork.design.deviation import Lack, Missing
from vitwork.errors import VitworkError
from vitwork.language.claim import Claim, combine
from vitwork.language.document import Constant, Hypothesis, Sample
from vitwork.language.quantity import AbsentError
from vitwork.language.sentence import Reference, Sentence, Values
from vitwork.session.plan import Plan, Planned, Wanted
from vitwork.session.troubles import Troubles
from vitwork.statistics.effect import Verdict
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash
from vitwork.store.store import CorruptFileError, Store, read_sealed, write_sealed

POLL_SECONDS = 0.05


class Place(Struct, frozen=True):
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
    """

    test: str
    claim: Claim
    chapter: str
    statistical: bool
    hypotheses: tuple[Hypothesis, ...] = ()
    places: tuple[Place, ...] = ()
    lack: Lack | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict of this test alone: every sentence in it has to hold."""
        return combine(hypothesis.effect.verdict for hypothesis in self.hypotheses)


def unjudged(plan: Plan, lack: Lack) -> tuple[Finding, ...]:
    """Return what is known of a plan's tests before they are judged: each that measures lacks this, or what it lacks anyway."""
    return tuple(
        Finding(
            test=test.case.name, claim=test.case.claim, chapter=test.case.chapter, statistical=test.case.statistical,
            lack=(test.lack or lack) if test.case.statistical else None,
        )
        for test in plan.tests.values()
    )  # fmt: skip


class LackError(Exception):
    """A number cannot be had."""

    def __init__(self, lack: Lack) -> None:
        super().__init__(lack.what)
        self.lack = lack


def judged(plan: Plan, store: Store, troubles: Troubles, *, sequential: bool = False) -> tuple[Finding, ...]:
    """Return what the store says of a plan's tests, judged by whichever process comes first.

    Args:
        plan: whose runs and measurements were worked off.
        store: where records lie.
        troubles: what could not be done.
        sequential: whether seeds are added until verdicts are settled, so that tests must be valid at every look.
    """
    key = _key(plan, store, troubles, sequential=sequential)
    path = store.root / "judgements" / f"{digest([plan.profile.name, list(plan.tests), sequential])}.json"
    while (findings := _read(path, key)) is None:
        with store.lease(path.stem) as free:
            if free and (findings := _read(path, key)) is None:
                findings = Judge(plan, store, troubles, sequential=sequential).findings()
                made = {"key": key, "findings": msgspec.to_builtins(findings)}
                with suppress(VitworkError):  # a full disk: the next process judges by itself
                    write_sealed(path, json.dumps(made).encode())  # which keeps NaN and infinities, as JSON does not
        if findings is not None:
            break
        time.sleep(POLL_SECONDS)
    return findings


def _read(path: Path, key: str) -> tuple[Finding, ...] | None:
    """Return the judgement of that key; None where there is none, or one that is damaged or of other records."""
    try:
        record = json.loads(read_sealed(path))
        return msgspec.convert(record["findings"], tuple[Finding, ...]) if record["key"] == key else None
    except (FileNotFoundError, CorruptFileError, ValueError, KeyError):
        return None


def _key(plan: Plan, store: Store, troubles: Troubles, *, sequential: bool) -> str:
    """Return the key of a judgement, which changes with all that it rests on."""
    tests = [
        [
            test.case.name, test.case.claim, test.case.chapter, test.case.shown, test.seeds, test.lack, list(test.wanted),
            [[sentence.statement, sentence.levels, sentence.band] for sentence in test.case.sentences],
            [
                [source_hash(side.quantity.value.__module__), side.options, side.quantity.unit]
                for sentence in test.case.sentences for side in sentence.references
            ],
        ]
        for test in plan.tests.values()
    ]  # fmt: skip
    records = [store.seal(key) for key in plan.wanted]
    return digest([tests, records, plan.profile.alpha, sequential, troubles.known, source_hash(__name__)])


@dataclass(slots=True)
class Judge:
    """Judges a plan's tests.

    Attributes:
        plan, store, troubles, sequential: as in `judged`.
        records: values of records that were read, by key; many sentences use one record.
    """

    plan: Plan
    store: Store
    troubles: Troubles
    sequential: bool
    records: dict[str, Any] = field(default_factory=dict)

    def __init__(self, plan: Plan, store: Store, troubles: Troubles, *, sequential: bool) -> None:
        self.plan, self.store, self.troubles, self.sequential, self.records = plan, store, troubles, sequential, {}

    def findings(self) -> tuple[Finding, ...]:
        """Return what was found, corrected over all hypotheses of the session."""
        from vitwork.statistics import holm

        found = [self._finding(test) for test in self.plan.tests.values()]
        effects = [hypothesis.effect for finding in found for hypothesis in finding.hypotheses]
        corrected = iter(holm(effects, self.plan.profile.alpha))
        return tuple(
            msgspec.structs.replace(
                finding,
                hypotheses=tuple(
                    msgspec.structs.replace(hypothesis, effect=next(corrected)) for hypothesis in finding.hypotheses
                ),
            )
            for finding in found
        )

    def _finding(self, test: Planned) -> Finding:
        case, lack = test.case, test.lack or self._trouble(test.wanted.values())
        hypotheses: tuple[Hypothesis, ...] = ()
        if lack is None:
            try:
                hypotheses = tuple(
                    self._hypothesis(test, place, sentence) for place, sentence in enumerate(case.sentences, start=1)
                )
            except LackError as error:
                lack = error.lack
        places = (
            Place(
                want.key, want.run.key, want.run.arm.name, want.run.seed, want.measurement.name, want.measurement.figure
            )
            for want in test.wanted.values()
        )
        return Finding(
            test=case.name, claim=case.claim, chapter=case.chapter, statistical=case.statistical,
            hypotheses=hypotheses, places=tuple(places), lack=lack,
        )  # fmt: skip

    def _trouble(self, wanted: Iterable[Wanted]) -> Lack | None:
        """Return what could not be done, faults first."""
        found = [
            (lack, want.run.arm.name)
            for want in wanted
            for key in (want.run.key, want.key)
            if (lack := self.troubles.known.get(key)) is not None
        ]
        found.sort(key=lambda pair: pair[0].missing is not Missing.FAULT)
        return found[0][0] if found else None

    def _hypothesis(self, test: Planned, place: int, sentence: Sentence) -> Hypothesis:
        planned = test.sides[place - 1]
        values = [
            self._values(side, wanted) if isinstance(side, Reference) and isinstance(wanted, tuple) else wanted
            for side, wanted in zip(sentence.sides, planned, strict=True)
        ]
        effect = sentence.judge(values, self.plan.profile.alpha, sequential=self.sequential)  # type: ignore[arg-type]
        quantity = sentence.first.quantity
        return Hypothesis(
            id=test.case.hypothesis(place), claim=test.case.claim.id, form=sentence.form, statement=sentence.statement,
            parameters=test.case.shown, quantity=quantity.name, unit=quantity.unit,
            sides=tuple(_side(side, found) for side, found in zip(sentence.sides, values, strict=True)),
            effect=effect, levels=sentence.levels, within=sentence.band,
        )  # fmt: skip

    def _values(self, side: Reference, wanted: Sequence[Wanted]) -> Values:
        return tuple(self._value(side, want) for want in wanted)

    def _value(self, side: Reference, want: Wanted) -> float:
        """Return a quantity of a record; a diverged run has the value NaN."""
        arm = want.run.arm.name
        if want.key not in self.records:
            record = self.store.read(want.key)
            if record is None:
                raise LackError(Lack(Missing.RECORD, arm, want.measurement.name))
            self.records[want.key] = record["values"]
        values = self.records[want.key]
        try:
            return math.nan if values is None else float(side.quantity.value(values, **side.options))
        except AbsentError as why:
            raise LackError(Lack(Missing.PART, arm, str(why))) from why
        except (Exception, SystemExit) as fault:
            what = f"{type(fault).__name__} in {side.quantity.name} of {arm}: {fault}"
            raise LackError(Lack(Missing.FAULT, arm, what)) from fault


def _side(side: Reference | float, values: object) -> Sample | Constant:
    if not isinstance(side, Reference):
        return Constant(value=side)
    assert isinstance(values, tuple)
    return Sample(arm=side.arm, label=side.label, seeds=tuple(range(len(values))), values=values)
