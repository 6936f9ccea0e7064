"""Plans the runs and measurements that a set of claims needs, each once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from vitwork import profiles
from vitwork.data import fingerprint
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Measurement
from vitwork.design.profile import Profile
from vitwork.design.published import Network
from vitwork.errors import VitworkError
from vitwork.language.sentence import Reference, Sentence
from vitwork.measurements.accuracy import Evaluation
from vitwork.session.reading import Case
from vitwork.store.keys import digest
from vitwork.store.sources import source_hash
from vitwork.store.store import Store


@dataclass(frozen=True, slots=True)
class Run:
    """One network of one arm: a training with one seed, or a published network, whose `seed` is its place in the arm.

    `key` changes with anything that could change the outcome.
    """

    arm: Arm
    seed: int
    key: str

    @property
    def network(self) -> Network | None:
        """The published network; None for a training."""
        return self.arm.networks[self.seed] if self.arm.loaded else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One measurement of one run; its record is stored under `key`."""

    run: Run
    measurement: Measurement
    key: str


@dataclass(frozen=True, slots=True)
class PlannedSide:
    """A measured side of a sentence, with a measurement per seed."""

    reference: Reference
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A test with the measurements that its sentences need.

    Attributes:
        case: the test.
        seeds: networks per arm on which it is judged, or fewer if an arm has fewer.
        evaluations: for each arm that must have learned, an evaluation per seed.
        sides: the sides of each sentence; a constant stands for itself.
        lack: why it cannot be measured; None if it can.
    """

    case: Case
    seeds: int
    sides: tuple[tuple[PlannedSide | float, ...], ...] = ()
    lack: Lack | None = None
    evaluations: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)

    @property
    def everything(self) -> dict[str, Wanted]:
        """The measurements by key, including the evaluations."""
        return {**self.wanted, **{want.key: want for wanted in self.evaluations.values() for want in wanted}}

    @property
    def wanted(self) -> dict[str, Wanted]:
        """The measurements of the sentences by key."""
        measured = (side for sides in self.sides for side in sides if isinstance(side, PlannedSide))
        return {want.key: want for side in measured for want in side.wanted}


@dataclass(slots=True)
class Plan:
    """All runs and measurements that must be in the store before the claims can be judged.

    Attributes:
        profile: the scale.
        data: folder of the images, or None for images that the project provides or downloads.
        tests: the tests by name, in the order of the session.
        runs: the runs by key, in the order in which they are worked on.
        wanted: measurements by key.
        known: runs by the arm's name and the seed, kept because computing their keys takes long.
        fingerprints: fingerprints of the data, by specification, kept because reading a large folder takes long.
        taken: the measurements of each run, by the run's key.
        declared: claims in the files from which tests were chosen.
    """

    profile: Profile
    data: Path | None = None
    tests: dict[str, Planned] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    known: dict[tuple[str, int], Run] = field(default_factory=dict)
    fingerprints: dict[DataSpec, str] = field(default_factory=dict)
    taken: dict[str, list[Wanted]] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)

    def read(self, cases: Iterable[Case], lacks: Mapping[str, Lack] = MappingProxyType({})) -> Self:
        """Plan tests, each for as many seeds as `seeds` returns, and return the plan.

        Args:
            cases: the tests.
            lacks: what claims lack independently of the profile, by their ids.
        """
        found = list(cases)
        lacks = {**lacks, **lost(found, self.profile)}
        for case in found:
            self.add(case, self.seeds(case), lacks.get(case.claim.id))
        return self

    def seeds(self, case: Case) -> int:  # noqa: ARG002 - a plan of a report asks what each was judged on
        """Return the number of seeds for which a test is planned."""
        return self.profile.seeds

    def add(self, case: Case, seeds: int, lack: Lack | None = None) -> None:
        """Plan a test for a number of seeds, replacing its earlier plan; seeds are taken in order.

        For a test that lacks something nothing is planned.

        Args:
            case: the test.
            seeds: networks per arm, or fewer if an arm has fewer.
            lack: what its claim lacks, so that measuring this test would be of no use.
        """
        if lack := lacking(case, self.profile) or lack:
            self.tests[case.name] = Planned(case, seeds, lack=lack)
            return
        sides = tuple(
            tuple(
                PlannedSide(side, self._wants(side.arm, side.measurement, seeds))
                if isinstance(side, Reference)
                else side
                for side in sentence.sides
            )
            for sentence in case.sentences
        )
        evaluations = {}
        if not case.claim.any_network:
            competent = self.profile.measurement(Evaluation)
            arms = dict.fromkeys(side.arm for sentence in case.sentences for side in sentence.references)
            evaluations = {arm: self._wants(arm, competent, seeds) for arm in arms}
        self.tests[case.name] = Planned(case, seeds, sides, evaluations=evaluations)

    def _wants(self, arm: str, measurement: Measurement, seeds: int) -> tuple[Wanted, ...]:
        return tuple(self.want(self.profile.arms[arm], seed, measurement) for seed in self.numbers(arm, seeds))

    def fewest(self, sentence: Sentence) -> int:
        """Return the number of networks of a sentence's smallest arm, which limits the effect that it can detect."""
        return min(len(self.numbers(side.arm, self.profile.seeds)) for side in sentence.references)

    def numbers(self, arm: str, seeds: int) -> Sequence[int]:
        """Return the numbers of an arm's seeds; for published networks their places, fewer if the arm has fewer."""
        found = self.profile.arms[arm]
        return (
            range(min(seeds, len(found.networks)))
            if found.loaded
            else range(self.profile.first_seed, self.profile.first_seed + seeds)
        )

    def run(self, arm: Arm, seed: int) -> Run:
        """Add the run of an arm and a seed unless it is planned; arms that differ only in their names share their runs.

        Raises:
            VitworkError: the arm's networks are loaded, and it has fewer of them, or they are not known yet.
        """
        if arm.loaded and seed >= len(arm.networks):
            raise VitworkError(
                f"The networks of {arm.name} are loaded, not trained: `pytest claims` finds which there are."
            )
        if (known := self.known.get((arm.name, seed))) is not None and known.arm is arm:
            return known
        if arm.data not in self.fingerprints:
            self.fingerprints[arm.data] = fingerprint(arm.data, self.data)
        sources = [source_hash(module) for module in code(arm)]
        images = [arm.data, self.fingerprints[arm.data]]
        if arm.loaded:
            parts = [arm.networks[seed].identity, settings(arm), *images, sources]
        else:
            parts = [arm.model, arm.options, arm.recipe, *images, seed, sources]
        run = Run(arm, seed, digest(parts))
        self.known[arm.name, seed] = self.runs.setdefault(run.key, run)
        return self.known[arm.name, seed]

    def want(self, arm: Arm, seed: int, measurement: Measurement) -> Wanted:
        """Add a measurement, and the run that it measures, unless they are already planned."""
        run = self.run(arm, seed)
        key = measurement.key(run.key)
        if key not in self.wanted:
            self.wanted[key] = Wanted(run, measurement, key)
            self.taken.setdefault(run.key, []).append(self.wanted[key])
        return self.wanted[key]

    def check(self, store: Store) -> None:
        """Move damaged records out of the way, so that they count as missing."""
        for key in (*self.runs, *self.wanted):
            store.check(key)

    def missing(self, store: Store, given_up: Collection[str] = ()) -> list[Run]:
        """Return the runs that are not trained or lack a measurement, seed by seed, so that all arms grow together.

        Args:
            store: holds the finished runs and measurements.
            given_up: keys of runs and measurements that will not be tried again.
        """
        wanted = [wanted for wanted in self.wanted.values() if wanted.key not in given_up]
        lacking = {wanted.run.key for wanted in wanted if not store.has(wanted.key)}
        runs = [run for run in self.runs.values() if run.key in lacking or not store.has(run.key)]
        return sorted((run for run in runs if run.key not in given_up), key=lambda run: run.seed)

    def measurements(self, run: Run) -> list[Wanted]:
        """Return the measurements of one run."""
        return self.taken.get(run.key, [])

    @property
    def family(self) -> int:
        """Number of claims that the profile can measure: all that are registered for it, not only the chosen ones.

        If none of the session's claims is registered, as in a project with claims of its own, the family is these
        claims together with all unchosen claims of the same files, which were not read and may be measurable.
        """
        cases = [test.case for test in self.tests.values()]
        asked, read = set(measurable(cases, self.profile)), {case.claim.id for case in cases}
        registered = set(profiles.registered(self.profile.name))
        return len(asked | (registered if registered & (read | self.declared) else self.declared - read))

    @property
    def code(self) -> Mapping[str, str]:
        """Hashes of the code that is part of the keys of runs and measurements, by module."""
        modules = {module for run in self.runs.values() for module in code(run.arm)}
        modules |= {type(want.measurement).__module__ for want in self.wanted.values()}
        return {module: self.hash_of(module) for module in sorted(modules)}

    def hash_of(self, module: str) -> str:
        """Return the hash of the code of a module that trains or measures for this plan."""
        return source_hash(module)


def lacking(case: Case, profile: Profile) -> Lack | None:
    """Return why a test cannot be measured at a profile; None if it can."""
    if case.empty:
        return Lack(Missing.EMPTY, what=case.name)
    if case.fault:
        return Lack(Missing.FAULT, what=case.fault)
    sides = [side for sentence in case.sentences for side in sentence.references]
    if absent := [side.arm for side in sides if side.arm not in profile.arms]:
        return Lack(Missing.ARM, absent[0])
    for side in sides:
        if lack := _left_out(side, profile) or _lack(side, profile.arms[side.arm]):
            return lack
    if any(math.isnan(level) for sentence in case.sentences for level in sentence.levels or ()):
        return Lack(Missing.FAULT, what="a level of a trend is not a number")
    pairs = (pair for sentence in case.sentences for pair in combinations(sentence.conditions, 2))
    same = ((one, other) for one, other in pairs if profile.arms[one].is_one_with(profile.arms[other]))
    return next((Lack(Missing.SAME, one, other) for one, other in same), None)


def leaves_out(case: Case, profile: Profile) -> bool:
    """Return whether a profile leaves out a quantity of a test."""
    return any(_left_out(side, profile) for sentence in case.sentences for side in sentence.references)


def _left_out(side: Reference, profile: Profile) -> Lack | None:
    """Return a lack if a profile leaves a quantity out; otherwise None."""
    name, parameters = side.quantity.name, side.measurement.parameters
    left_out = any(found.matches(name, parameters) for found in profile.left_out)
    return Lack(Missing.LEFT_OUT, what=name) if left_out else None


def _lack(side: Reference, arm: Arm) -> Lack | None:
    """Return why a quantity cannot be measured on an arm; None if it can."""
    if not arm.complete:
        return Lack(Missing.WEIGHTS, arm.name, ", ".join(map(str, arm.missing)))
    if side.quantity.augmented and not arm.augmented:
        return Lack(Missing.UNFIT, arm.name, "how its networks' training images were augmented is not known")
    lack = side.measurement.lack(arm)
    if lack is not None and lack.missing is Missing.SNAPSHOT and arm.loaded:
        return Lack(Missing.LOADED, lack.arm, lack.what)
    return lack


def settings(arm: Arm) -> list[Any]:
    """Return the parts of a recipe that measurements of loaded networks use: augmentation, smoothing, weight decay."""
    return [arm.recipe.augmentation, arm.recipe.label_smoothing, arm.recipe.weight_decay]


def lost(cases: Iterable[Case], profile: Profile) -> dict[str, Lack]:
    """Return, by claim, why a primary sentence cannot be measured at a profile; then no part of the claim can be."""
    found = ((case, lacking(case, profile)) for case in cases if case.statistical and not case.qualifies)
    return {case.claim.id: lack for case, lack in reversed(list(found)) if lack is not None}


def measurable(cases: Iterable[Case], profile: Profile) -> tuple[str, ...]:
    """Return the ids of the claims whose primary sentences can all be measured at a profile, in the order of the tests."""
    found = [case for case in cases if case.statistical]
    lacks = lost(found, profile)
    return tuple(dict.fromkeys(case.claim.id for case in found if case.claim.id not in lacks))


def code(arm: Arm) -> list[str]:
    """Return the modules whose code decides the outcome of training or loading: ours, and that of a user's model."""
    if arm.loaded:
        return ["vitwork.measurements.loaded_run"]
    own = ":" in arm.model and not arm.model.startswith("timm:")
    return ["vitwork.training.train", *([arm.model.partition(":")[0]] if own else [])]
