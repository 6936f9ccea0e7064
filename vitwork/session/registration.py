"""Registrations: files under git that fix each claim before its data exist, and how a session compares with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from msgspec import Struct, structs

from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.facts.claims import ClaimResult, Registered, Registration
from vitwork.facts.document import RunResult
from vitwork.language.sentence import Sentence
from vitwork.session.plan import Plan, Planned, code, lacking, leaves_out
from vitwork.session.reading import Case
from vitwork.store.keys import digest, plain
from vitwork.store.machine import commits_of, content_at

SCHEMA: Literal["vitwork-registration/1"] = "vitwork-registration/1"
FOLDER = Path("reports", "registered")
"""Folder of the registrations, relative to the project's folder."""


class Declared(Struct, frozen=True, kw_only=True):
    """Everything that a registration fixes for one claim.

    Attributes:
        sentence, contradicted_by: in words.
        hypotheses: every comparison with its direction, margin, scale, and the measurement that its numbers come from.
        arms: digests of model, options, recipe and data of the compared arms, by name.
        seeds, first_seed: number of seeds per arm, and the number of the first one.
        decision: error rate, number of claims over which it is controlled, and the accuracy that counts as learned.
        code: hashes of the code that trains and measures, by module.
    """

    sentence: str
    contradicted_by: str
    hypotheses: tuple[dict[str, Any], ...]
    arms: dict[str, str]
    seeds: int
    first_seed: int
    decision: dict[str, float]
    code: dict[str, str]

    def differing(self, other: Declared) -> tuple[str, ...]:
        """Return the names of the fields that differ; the order of the hypotheses does not count."""
        one, two = (
            {**structs.asdict(each), "hypotheses": sorted(map(digest, each.hypotheses))} for each in (self, other)
        )
        return tuple(name for name in one if one[name] != two[name])


class Book(Struct, frozen=True, kw_only=True):
    """The content of a registration's file.

    Attributes:
        profile: name of the profile.
        date: when the file was written, in ISO 8601; only the file's commit proves the time.
        commit, dirty: the git commit of the code, and whether the tree had changes.
        claims: the claims that the profile can measure, by id.
    """

    profile: str
    date: str
    commit: str
    dirty: bool
    claims: dict[str, Declared]
    schema: Literal["vitwork-registration/1"] = SCHEMA


@dataclass(frozen=True)
class Version:
    """A registration's file in a git commit.

    Attributes:
        path: the file.
        commit: hash of the commit.
        seconds: time of the commit, in seconds since the epoch.
    """

    path: Path
    commit: str
    seconds: float

    @cached_property
    def claims(self) -> Mapping[str, Declared]:
        """The registered claims by id; empty if the file was not a registration."""
        try:
            return msgspec.json.decode(content_at(self.path, self.commit), type=Book).claims
        except msgspec.MsgspecError:
            return {}


@dataclass(frozen=True)
class Registry:
    """The registration of a profile's claims; empty if there is none.

    Attributes:
        claims: the registered claims by id.
        path: the file.
    """

    claims: Mapping[str, Declared] = field(default_factory=dict)
    path: Path | None = None

    @cached_property
    def versions(self) -> list[Version]:
        """The file in every commit that changed it, newest first.

        Only the reporting process calls git; all others only check that the file can be read.
        """
        return [Version(self.path, *found) for found in commits_of(self.path)] if self.path is not None else []

    @classmethod
    def of(cls, project: Path, profile: str) -> Self:
        """Read a project's registration of a profile.

        Raises:
            VitworkError: the file exists but is not a registration.
        """
        path = project / FOLDER / f"{profile}.json"
        try:
            book = msgspec.json.decode(path.read_bytes(), type=Book)
        except FileNotFoundError:
            return cls()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VitworkError(f"The registration {path} cannot be read: {error}.") from error
        return cls(book.claims, path)

    def compared(self, claim: ClaimResult, now: Declared | None, runs: Iterable[RunResult]) -> ClaimResult:
        """Return the claim, annotated with how it differs from the registration committed before its first run ended.

        A claim without a registration is returned unchanged.

        Args:
            claim: the session's result.
            now: what the claim's tests fix today; None if the profile cannot measure it.
            runs: the runs of the session.
        """
        if (before := self.claims.get(claim.id)) is None or now is None:
            return claim
        times = (run.finished for run in runs if run.arm in claim.arms and run.finished is not None)
        first = min(times, default=math.inf)
        found = Registered(state=Registration.UNPROVEN)
        for version in self.versions:
            if (registered := version.claims.get(claim.id)) is None:
                continue
            early = version.seconds <= first
            state = Registration.REGISTERED if early else Registration.LATE
            found = Registered(state=state, commit=version.commit, committed=version.seconds)
            if early:
                before = registered
                break
        if changed := before.differing(now):
            found = structs.replace(found, state=Registration.CHANGED, changed=changed)
        return structs.replace(claim, registered=found)


def outlined(profile: Profile, cases: Iterable[Case]) -> Plan:
    """Return a plan of tests without their runs, because keys of runs depend on images that may not be here yet."""
    plan = Plan(profile)
    plan.tests |= {case.name: Planned(case, profile.seeds, lack=lacking(case, profile)) for case in cases}
    return plan


def declarations(plan: Plan) -> dict[str, Declared]:
    """Return by id what a plan's tests fix for their claims, for the claims of which every test can be measured."""
    cases: dict[str, list[Case]] = {}
    for test in plan.tests.values():
        if not leaves_out(test.case, plan.profile):
            cases.setdefault(test.case.claim.id, []).append(test.case)
    lost = {test.case.claim.id for test in plan.tests.values() if test.lack is not None and not test.case.qualifies}
    profile = plan.profile
    decision = {"alpha": profile.alpha, "family": plan.family, "competence": profile.competence}
    return {
        id: _declared(plan, group, decision) for id, group in cases.items() if group[0].statistical and id not in lost
    }


def _declared(plan: Plan, cases: Sequence[Case], decision: dict[str, float]) -> Declared:
    claim, profile = cases[0].claim, plan.profile
    sentences = [sentence for case in cases for sentence in case.sentences]
    sides = [side for sentence in sentences for side in sentence.references]
    arms = {side.arm: profile.arms[side.arm] for side in sides if side.arm in profile.arms}
    modules = {type(side.measurement).__module__ for side in sides} | {
        name for arm in arms.values() for name in code(arm)
    }
    return Declared(
        sentence=claim.sentence,
        contradicted_by=claim.contradicted_by,
        hypotheses=tuple(map(_hypothesis, sentences)),
        arms={name: digest([arm.model, arm.options, arm.recipe, arm.data]) for name, arm in sorted(arms.items())},
        seeds=profile.seeds,
        first_seed=profile.first_seed,
        decision=decision,
        code={name: plan.hash_of(name) for name in sorted(modules)},
    )


def _hypothesis(sentence: Sentence) -> dict[str, Any]:
    """Return what a sentence fixes, as JSON."""
    quantity = sentence.first.quantity
    return {
        "statement": sentence.statement,
        "form": sentence.form,
        "control": sentence.control,
        "scale": quantity.scale,
        "unit": quantity.unit,
        "margins": [side.margin for side in sentence.references],
        "levels": plain(sentence.levels),
        "within": plain(sentence.band),
        "measured": [
            {"arm": side.arm, "name": side.measurement.name, "parameters": plain(side.parameters)}
            for side in sentence.references
        ],
    }


def book(plan: Plan, date: str, commit: str, *, dirty: bool) -> bytes:
    """Return the content of the file that registers a plan's claims."""
    found = Book(profile=plan.profile.name, date=date, commit=commit, dirty=dirty, claims=declarations(plan))
    return msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"
