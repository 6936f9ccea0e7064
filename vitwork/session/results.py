"""Builds the results document of a session from its judgement and the records in the store."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from vitwork.data import fingerprint
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.design.profile import Profile
from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import (
    DatasetResult,
    MeasurementResult,
    Origin,
    ProfileResult,
    Provenance,
    Results,
    RunResult,
)
from vitwork.facts.not_finite import not_finite
from vitwork.language.claim import combine
from vitwork.report.document import encodable
from vitwork.report.placement import pages_hash
from vitwork.session.findings import Decided, Finding, Judgement, RecordPlace
from vitwork.session.invocation import again, options
from vitwork.session.lookup import Records
from vitwork.session.registration import Declared, Registry
from vitwork.statistics.effect import Verdict
from vitwork.store.keys import digest
from vitwork.store.machine import hardware, versions


class Evidence(Struct, frozen=True):
    """What one process found for the whole session, in the form sent to the reporting process.

    Attributes:
        judgement: the judgement of the whole session.
        code: hashes of the code that is part of the keys of runs and measurements, by module.
        whole: whether every collected test is included; tests may be deselected, or their files broken.
        declared: what the tests fix for their claims, by id.
        seeds: networks that every arm has by the end; None if the number did not depend on time.
    """

    judgement: Judgement
    code: dict[str, str]
    whole: bool = True
    declared: dict[str, Declared] = {}
    seeds: int | None = None

    def packed(self) -> bytes:
        """Return this as text to send to another process."""
        return msgspec.msgpack.encode(encodable(msgspec.to_builtins(self)))


@dataclass(frozen=True, slots=True)
class Session:
    """What is known about a session besides its findings.

    Attributes:
        profile: the scale, with its deviations.
        data: folder of the images, or None.
        command: the command line.
        started: seconds since the epoch.
        commit, dirty: the project's git commit at that time, and whether the tree had changes.
        held: by test name, whether the property that it checks holds; only for tests that ran to their end.
        reached: names of all tests that the session reached.
        chosen: whether only some tests were chosen.
        by_name: whether the suite's own claims were named as a package and not by their files.
        weights: whether a folder of weights was given.
        sequential: whether seeds were added until verdicts were settled.
        measured: provenance of the numbers, if the session judges a report; None if it measured them itself.
        registry: the registration of the claims.
    """

    profile: Profile
    data: Path | None
    command: str
    started: float
    commit: str
    dirty: bool
    held: Mapping[str, bool]
    reached: Collection[str] = ()
    chosen: bool = False
    by_name: bool = False
    weights: bool = False
    sequential: bool = False
    measured: Provenance | None = None
    registry: Registry = field(default_factory=Registry)

    def results(self, evidence: Evidence, store: Records) -> Results:
        """Return the session's results."""
        findings = evidence.judgement.findings
        places = {place.key: place for finding in findings for place in finding.places}
        origins: dict[str, Origin] = {}
        first = {place.run: place for place in places.values()}
        runs = tuple(_run(store, place, self._fingerprint(place.arm), origins) for place in first.values())
        measurements = tuple(_measurement(store, place, origins) for place in places.values())
        costs = Costs.of(runs, measurements)
        return Results(
            profile=ProfileResult(
                name=self.profile.name, summary=self.profile.summary, seeds=self.profile.seeds,
                deviations=(*self.profile.deviations, *self._partial(evidence)), pixels=self._pixels(),
                first_seed=self.profile.first_seed, loaded=self.profile.loaded,
            ),
            provenance=self.measured or self._provenance(evidence),
            claims=tuple(
                self.registry.compared(claim, evidence.declared.get(claim.id), runs)
                for claim in self.claims(evidence.judgement, costs)
            ),
            hypotheses=tuple(hypothesis for finding in findings for hypothesis in finding.hypotheses),
            runs=runs,
            measurements=measurements,
            alpha=self.profile.alpha,
            family=evidence.judgement.family,
            sequential=self.sequential,
            origins=origins,
            quantities=evidence.judgement.quantities,
        )  # fmt: skip

    def _pixels(self) -> int | None:
        sides = {arm.data.size for arm in self.profile.arms.values()}
        return sides.pop() if len(sides) == 1 else None

    def _sources(self, arms: Iterable[str]) -> set[str]:
        """Return the data sources of arms; of all arms of the profile if none is given."""
        return {self.profile.arms[name].data.source for name in (set(arms) or self.profile.arms)}

    def _fingerprint(self, arm: str) -> str:
        """Return the hash of the data that an arm is trained on; empty if the numbers come from a report."""
        return fingerprint(self.profile.arms[arm].data, self.data) if self.measured is None else ""

    def _partial(self, evidence: Evidence) -> Iterator[Deviation]:
        """Yield why these are not the results of all claims."""
        if self.chosen or not evidence.whole:
            yield Deviation(Change.CHOSEN)
        if evidence.seeds == 0 or any(finding.test not in self.reached for finding in evidence.judgement.findings):
            yield Deviation(Change.ENDED)

    def _provenance(self, evidence: Evidence) -> Provenance:
        finished, specs = time.time(), {arm.data for arm in self.profile.arms.values()}
        return Provenance(
            command=self.command,
            commit=self.commit,
            dirty=self.dirty,
            code=evidence.code,
            versions=versions(),
            hardware=hardware(),
            dataset=DatasetResult(
                name=", ".join(sorted({spec.source for spec in specs})),
                fingerprint=", ".join(sorted(fingerprint(spec, self.data) for spec in specs)),
            ),
            started=self.started,
            finished=finished,
            seconds=finished - self.started,
            pages=pages_hash(),
        )

    def claims(self, judgement: Judgement, costs: Costs) -> tuple[ClaimResult, ...]:
        """Return the claims, each from the tests that decide it."""
        groups: dict[str, list[Finding]] = {}
        for finding in judgement.findings:
            groups.setdefault(finding.claim.id, []).append(finding)
        given = self._options()
        return tuple(self._claim(group, judgement.decisions.get(id), costs, given) for id, group in groups.items())

    def _claim(self, group: Sequence[Finding], decided: Decided | None, costs: Costs, given: str) -> ClaimResult:
        claim, places = group[0].claim, [place for finding in group for place in finding.places]
        properties = [verdict for finding in group if (verdict := self._property(finding)) is not None]
        lacks = [lack for finding in group if not finding.qualifies and (lack := self._lack(finding)) is not None]
        tests = dict.fromkeys(finding.test.partition("[")[0] for finding in group)
        return ClaimResult(
            id=claim.id,
            sentence=claim.sentence,
            paper=claim.paper,
            contradicted_by=claim.contradicted_by,
            deviations=claim.differences(self._sources(place.arm for place in places)),
            confounds=claim.confounds,
            examined=tuple(text for name, text in claim.examined.items() if name == self.profile.name),
            chapter=group[0].chapter,
            ours=claim.ours,
            verdict=combine([*properties, *_decided(group, decided)]),
            p=decided.p if decided else None,
            q=decided.q if decided else None,
            holm_p=decided.holm_p if decided else None,
            unmeasured=_unmeasured(group) if decided else (),
            lack=lacks[0] if lacks else None,
            hypotheses=tuple(hypothesis.id for finding in group for hypothesis in finding.hypotheses),
            measurements=tuple(sorted({place.key for place in places})),
            arms=tuple(sorted({place.arm for place in places})),
            **costs.of_places(places),
            rerun=f"{again(tests, by_name=self.by_name)} {given}",
            file=group[0].test.partition("::")[0],
            files=tuple(dict.fromkeys(finding.test.partition("::")[0] for finding in group)),
        )

    def _options(self) -> str:
        from vitwork.data.sources.download import DOWNLOADS

        return options(
            self.profile,
            data=self.data is not None or not self._sources(()) <= {"embedded", *DOWNLOADS},
            weights=self.weights,
            sequential=self.sequential,
        )

    def _lack(self, finding: Finding) -> Lack | None:
        unknown = not finding.statistical and finding.test not in self.held
        return finding.lack or (Lack(Missing.REACH) if unknown else None)

    def _property(self, finding: Finding) -> Verdict | None:
        """Return the verdict of a test that measures nothing; None for one that measures."""
        if finding.statistical:
            return None
        if finding.test in self.held and not self.held[finding.test]:
            return Verdict.CONTRADICTED
        return Verdict.NOT_MEASURED if self._lack(finding) else Verdict.REPRODUCED


def _decided(group: Sequence[Finding], decided: Decided | None) -> list[Verdict]:
    """Return the verdict of the tests that measure and decide; empty if a claim has none of them."""
    if decided is not None:
        return [decided.verdict]
    return [Verdict.NOT_MEASURED] if any(finding.statistical and not finding.qualifies for finding in group) else []


def _unmeasured(group: Sequence[Finding]) -> tuple[str, ...]:
    """Return the conditions of the controls that could not be measured, each once."""
    return tuple(
        dict.fromkeys(control for finding in group if finding.lack is not None for control in finding.controls)
    )


@dataclass(frozen=True, slots=True)
class Costs:
    """The time and, where known, the energy that runs and measurements took, by key."""

    seconds: Mapping[str, float]
    joules: Mapping[str, float]

    @classmethod
    def of(cls, runs: Iterable[RunResult], measurements: Iterable[MeasurementResult]) -> Costs:
        """Return the costs of runs and measurements."""
        entries: list[RunResult | MeasurementResult] = [*runs, *measurements]
        return cls(
            {entry.key: entry.seconds or 0.0 for entry in entries},
            {entry.key: entry.joules for entry in entries if entry.joules is not None},
        )

    def of_places(self, places: Iterable[RecordPlace]) -> dict[str, Any]:
        """Return the costs of all runs and measurements behind some records.

        The energy is None unless it is known for all of them, because a part of it would be read as the whole.
        """
        keys = {key for place in places for key in (place.key, place.run)}
        whole = bool(keys) and keys <= self.joules.keys()
        return {
            "cost_seconds": sum(self.seconds.get(key, 0.0) for key in keys),
            "cost_joules": sum(self.joules[key] for key in keys) if whole else None,
        }


def _origin(record: Mapping[str, Any], origins: dict[str, Origin]) -> str:
    """Return the key of the machine that a record names, and add it to `origins`; empty if it names none."""
    if not (told := record.get("origin")):
        return ""
    origins[key := digest(told)] = Origin(**told)
    return key


def _run(store: Records, place: RecordPlace, data: str, origins: dict[str, Origin]) -> RunResult:
    record = store.read(place.run) or {}
    network = record.get("network", {})
    planned = network or record.get("arm", {})
    return RunResult(
        key=place.run,
        arm=place.arm,
        seed=place.seed,
        model=planned.get("model"),
        options=planned.get("options", {}),
        recipe=planned.get("recipe", {}),
        network=network,
        history=tuple(record.get("history", ())),
        data=planned.get("data", {}),
        fingerprint=record.get("fingerprint", data),
        origin=_origin(record, origins),
        **{
            name: record.get(name)
            for name in ("parameters", "status", "seconds", "joules", "images_per_second", "mode", "finished")
        },
    )


def _measurement(store: Records, place: RecordPlace, origins: dict[str, Origin]) -> MeasurementResult:
    record = store.read(place.key) or {}
    values = record.get("values")
    if not isinstance(values, dict | None):
        record, values = {}, None  # returned by a user's measurement; its claims report the fault
    return MeasurementResult(
        key=place.key,
        run=place.run,
        arm=place.arm,
        seed=place.seed,
        name=place.name,
        figure=place.figure,
        parameters=record.get("parameters", {}),
        seconds=record.get("seconds"),
        joules=record.get("joules"),
        values=values,
        not_finite=not_finite(values),
        origin=_origin(record, origins),
    )
