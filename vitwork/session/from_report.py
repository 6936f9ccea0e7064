"""Judges the claims again from the records in a report. Trains nothing and reads no images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from vitwork import profiles
from vitwork.design import overrides
from vitwork.design.arm import Arm
from vitwork.design.deviation import Change, Deviation, declared
from vitwork.design.measurement import Measurement
from vitwork.design.profile import Profile
from vitwork.design.published import Absent, Network
from vitwork.errors import VitworkError
from vitwork.facts.claims import Sample
from vitwork.facts.document import Results
from vitwork.networks.selection import members
from vitwork.session.archive import Archive
from vitwork.session.judge import Judge
from vitwork.session.plan import Plan, Run, Wanted
from vitwork.session.reading import Case
from vitwork.session.registration import declarations
from vitwork.session.results import Evidence, Session
from vitwork.session.troubles import Troubles
from vitwork.store.keys import digest, plain


def profile_of(report: Results) -> Profile:
    """Return the installed profile that a report names, with the changes of the report's session applied to it.

    Raises:
        VitworkError: there is no such profile, it no longer has what the session changed, or the report's hypotheses
            rest on more networks than the report states.
    """
    sides = (side for hypothesis in report.hypotheses for side in hypothesis.sides if isinstance(side, Sample))
    most = max((len(side.seeds) for side in sides), default=0)
    if most > report.profile.seeds and not (report.sequential or report.sources):
        raise VitworkError(
            f"The report says that an arm has {report.profile.seeds} networks, and its hypotheses rest on up to {most}: it is altered."
        )
    installed = profiles.find(report.profile.name)
    changes = report.profile.deviations
    if not installed.loaded:  # with published networks, the report also describes the session's networks in words
        told = (found for found in changes if found.change is not Change.DECLARED)
        changes = (*installed.deviations, *told)
    own = overrides.substitute(installed, overrides.models(changes))
    profile = overrides.override(own, overrides.assignments(changes))
    effort = tuple(_as_recorded(each, report) for each in profile.effort)
    differing = _differing(profile.effort, effort)
    if profile.loaded:
        profile = replace(profile, arms={name: _holding(arm, report) for name, arm in profile.arms.items()})
    profile = replace(
        profile,
        effort=effort,
        seeds=report.profile.seeds,
        first_seed=report.profile.first_seed,
        deviations=(*changes, *(found for found in differing if found not in changes)),
    )
    if profile.loaded or report.sequential or report.sources:  # their number is not a setting
        return profile
    return overrides.with_seeds(profile, report.profile.seeds, installed.seeds)


def _as_recorded(effort: Measurement, report: Results) -> Measurement:
    """Return a measurement with the parameters of a report's records, which the profile may have set differently then.

    A number that is the same in all records of the measurement came from the profile. Words, such as a snapshot's name,
    and numbers that differ between records were set by tests.
    """
    records = [entry.parameters for entry in report.measurements if entry.name == effort.name]
    recorded = {}
    for name, own in effort.parameters.items():
        values = {digest(record[name]): record[name] for record in records if name in record}
        if len(values) == 1 and not isinstance(own, str):
            (value,) = values.values()
            recorded[name] = tuple(value) if isinstance(value, list) else value
    return replace(effort, **recorded)


def _differing(installed: Iterable[Measurement], recorded: Iterable[Measurement]) -> tuple[Deviation, ...]:
    """Return the parameters of the recorded measurements that differ from the installed profile's."""
    texts = []
    for own, other in zip(installed, recorded, strict=True):
        for name, value in own.parameters.items():
            if other.parameters[name] != value:
                now = "all" if value is None else value
                texts.append(f"{own.name} measured with {name} = {other.parameters[name]} (the profile has {now} now)")
    return declared(*texts)


def _holding(arm: Arm, report: Results) -> Arm:
    """Return an arm with the published networks for which a report has runs, in the order of its session.

    If one of them could not be loaded the arm has none, because the session then measured no claim about the arm.
    """
    changes = report.profile.deviations
    own = {found.arm: found.networks for found in changes if found.change is Change.NETWORKS}
    names = own.get(arm.name) or [network.name for network in members(arm)]
    models = {run.network["name"]: run.model or "" for run in report.runs if run.network}
    broken = any(run.arm == arm.name and not run.network for run in report.runs)
    here = () if broken else tuple(Network(name, models[name]) for name in names if name in models)
    every = len(here) >= report.profile.seeds
    missing = () if every else tuple(Absent(name) for name in names if broken or name not in models)
    return replace(arm, family=None, networks=here, missing=missing)


@dataclass(slots=True)
class ReportPlan(Plan):
    """A plan whose runs and measurements are a report's.

    They are looked up by arm, seed and parameters, because keys are hashes of code and images.

    Attributes:
        report: the report whose records are judged.
        archive: its records.
        trained, loaded: keys of runs, by arm and seed, and by the name of a published network.
        alike: keys of runs by what was trained, because arms that differ only in their names share their runs.
        measured: keys of records, by run, measurement and parameters.
        judged: numbers of seeds of a sequential report's hypotheses, by their ids.
    """

    report: Results = field(kw_only=True)
    archive: Archive = field(init=False)
    trained: dict[tuple[str, int], str] = field(init=False)
    loaded: dict[str, str] = field(init=False)
    alike: dict[str, str] = field(init=False)
    measured: dict[str, str] = field(init=False)
    judged: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Index the report's records by arm, seed and parameters."""
        self.archive = Archive([self.report])
        self.trained = {(run.arm, run.seed): run.key for run in self.report.runs}
        self.loaded = {run.network["name"]: run.key for run in self.report.runs if run.network}
        self.alike = {
            digest([run.model, run.options, run.recipe, run.data, run.seed]): run.key for run in self.report.runs
        }
        self.measured = {
            digest([entry.run, entry.name, entry.parameters]): entry.key for entry in self.report.measurements
        }
        self.judged = {
            hypothesis.id: max(len(side.seeds) for side in hypothesis.sides if isinstance(side, Sample))
            for hypothesis in (self.report.hypotheses if self.report.sequential else ())
        }

    def hash_of(self, module: str) -> str:
        """Return the hash of the code that made the report's records, which may not be the installed code."""
        return self.report.provenance.code.get(module) or Plan.hash_of(self, module)

    def seeds(self, case: Case) -> int:
        """Return the number of seeds that the report judged a test on."""
        return self.judged.get(case.hypothesis(1), self.profile.seeds)

    def numbers(self, arm: str, seeds: int) -> Sequence[int]:
        """Return the numbers of an arm's seeds; for pooled reports, those of any of them."""
        pooled = {seed for source in self.report.sources for seed in source.seeds.get(arm, ())}
        return sorted(pooled) or Plan.numbers(self, arm, seeds)

    def run(self, arm: Arm, seed: int) -> Run:
        """Add the report's run of an arm and a seed."""
        if arm.loaded:
            known = self.loaded.get(arm.networks[seed].name)
        else:
            own = digest([arm.model, plain(arm.options), plain(arm.recipe), plain(arm.data), seed])
            known = self.trained.get((arm.name, seed)) or self.alike.get(own)
        key = known or digest([arm.name, seed])
        return self.runs.setdefault(key, Run(arm, seed, key))

    def want(self, arm: Arm, seed: int, measurement: Measurement) -> Wanted:
        """Add the report's record of a measurement with the same parameters."""
        run = self.run(arm, seed)
        asked = digest([run.key, measurement.name, plain(measurement.parameters)])
        key = self.measured.get(asked, asked)
        return self.wanted.setdefault(key, Wanted(run, measurement, key))


def judged_again(plan: ReportPlan) -> Results:
    """Return the results of the installed claims and statistics on a report's records.

    Tests that measure nothing are not run, so their claims count as not measured.
    """
    report = plan.report
    found = Judge(plan, plan.archive, Troubles(), report.sequential).judgement()
    session = Session(
        plan.profile, None, report.provenance.command, report.provenance.started, report.provenance.commit,
        report.provenance.dirty, {}, [finding.test for finding in found.findings],
        sequential=report.sequential, measured=report.provenance,
    )  # fmt: skip
    return session.results(Evidence(found, report.provenance.code, declared=declarations(plan)), plan.archive)
