"""What is fixed before the data, and how a session compares with it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evidence.published import CASES, PROFILE, planned, report, work
from tests.session.small import case, error, sharpness
from vitwork.design.profile import LeftOut
from vitwork.errors import VitworkError
from vitwork.facts.claims import Registration
from vitwork.language.measure import Measure
from vitwork.language.sentence import control
from vitwork.language.structured import falling, same
from vitwork.report import words
from vitwork.report.document import dump, read
from vitwork.session.plan import Plan
from vitwork.session.reading import Case
from vitwork.session.registration import FOLDER, Registry, book, declarations, outlined
from vitwork.store.store import Store


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project under git in which the claims are registered, not committed yet."""
    git(tmp_path, "init")
    path = tmp_path / FOLDER / "smoke.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(book(outlined(PROFILE, CASES), "2026-01-01T00:00:00+00:00", "", dirty=True))
    return tmp_path


def commit(project: Path, seconds: int) -> None:
    """Commit the registration at a time, before the runs of the tests (1e9 seconds) or after."""
    git(project, "add", "-A")
    who = {"GIT_COMMITTER_DATE": f"{seconds} +0000", "GIT_AUTHOR_DATE": f"{seconds} +0000"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in who.items():
            patch.setenv(name, value)
        git(project, "commit", "-m", "registered")


def states(project: Path, plan: Plan) -> dict[str, tuple[Registration, tuple[str, ...]] | None]:
    results = report(plan, work(plan, Store(project / "store")), Registry.of(project, "smoke"))
    return {
        claim.id: claim.registered and (claim.registered.state, claim.registered.changed) for claim in results.claims
    }


def test_what_was_committed_before_the_data_is_registered(project: Path) -> None:
    """A claim that is as it was registered, in a commit older than its first run, is registered, and says in which commit."""
    commit(project, 900_000_000)
    assert set(states(project, planned()).values()) == {(Registration.REGISTERED, ())}
    plan = planned()
    results = report(plan, work(plan, Store(project / "store")), Registry.of(project, "smoke"))
    assert words.registered(results.claims[0]).startswith("registered (commit ")
    assert words.registered(results.claims[0]).endswith(", 1998-07-09 16:00 UTC)")
    assert words.registration(results) == "2 of 2 claims registered before their data"
    path = project / "results.json"
    path.write_bytes(dump(results))
    assert read(path).claims[0].registered == results.claims[0].registered


def test_what_was_committed_later_is_late(project: Path) -> None:
    """A registration that was committed after the first run proves nothing."""
    commit(project, 1_100_000_000)
    assert set(states(project, planned()).values()) == {(Registration.LATE, ())}


def test_a_claim_is_compared_with_what_was_registered_before_its_data(project: Path) -> None:
    """What the file held when the first run ended counts: what was written anew later takes nothing away and mends nothing."""
    path = project / FOLDER / "smoke.json"
    registered = path.read_bytes()
    first, second = (case.claim.id for case in CASES)
    other = json.loads(registered)
    other["claims"][second]["seeds"] += 1
    path.write_text(json.dumps(other))
    commit(project, 900_000_000)
    path.write_bytes(registered)
    commit(project, 1_100_000_000)
    other["claims"][first]["seeds"] += 1
    path.write_text(json.dumps(other))
    assert states(project, planned()) == {
        first: (Registration.REGISTERED, ()),
        second: (Registration.CHANGED, ("seeds",)),
    }


def test_a_claim_that_was_added_later_is_late(project: Path) -> None:
    """A claim that a first file did not hold is registered as late as the file that holds it, the others as early as before."""
    path = project / FOLDER / "smoke.json"
    registered = path.read_bytes()
    first, second = (case.claim.id for case in CASES)
    other = json.loads(registered)
    del other["claims"][second]
    path.write_text(json.dumps(other))
    commit(project, 900_000_000)
    path.write_bytes(registered)
    commit(project, 1_100_000_000)
    assert states(project, planned()) == {first: (Registration.REGISTERED, ()), second: (Registration.LATE, ())}


def test_what_is_not_committed_is_not_proven(project: Path) -> None:
    """Without a commit nothing shows when a file was written."""
    assert set(states(project, planned()).values()) == {(Registration.UNPROVEN, ())}


def test_without_a_registration_nothing_is_said(tmp_path: Path) -> None:
    """Where nothing was registered, claims say nothing of it."""
    plan = planned()
    results = report(plan, work(plan, Store(tmp_path / "store")), Registry.of(tmp_path, "smoke"))
    assert {claim.registered for claim in results.claims} == {None}
    assert words.registration(results) == ""


def stricter(measure: Measure) -> None:
    assert measure(error)("alternet") < measure(error)("resnet") - 0.5


def by_effort(measure: Measure) -> None:
    assert measure(error, effort=3)("alternet") < measure(error)("resnet")


@pytest.mark.parametrize("body", [stricter, by_effort])
def test_a_changed_hypothesis_is_named(project: Path, body) -> None:
    """Another margin, or other parameters of a measurement, change the claim's hypotheses after they were registered."""
    commit(project, 900_000_000)
    found = states(project, planned((CASES[0], case("alike", body))))
    assert found == {"smaller": (Registration.REGISTERED, ()), "alike": (Registration.CHANGED, ("hypotheses",))}


def sharper(measure: Measure) -> None:
    assert control(measure(sharpness)("vit") < measure(sharpness)("resnet"), "by sharpness")


def test_what_a_profile_leaves_out_is_no_hypothesis() -> None:
    """A control that is left out after it was registered is a change; one that always was is not registered."""
    controlled = (CASES[1], replace(case("control", sharper), claim=CASES[1].claim))
    left_out = replace(PROFILE, left_out=(LeftOut(sharpness.name),))
    before, after, never = (
        declarations(outlined(profile, cases))["alike"]
        for profile, cases in ((PROFILE, controlled), (left_out, controlled), (left_out, CASES[1:]))
    )
    assert "hypotheses" in before.differing(after)
    assert after == never


def at_levels(measure: Measure) -> None:
    value = measure(error)
    assert falling(value("resnet"), value("alternet"), value("vit"), levels=(1, 2.5, 4))


def within(measure: Measure) -> None:
    assert same(measure(error)("alternet"), measure(error)("resnet"), within=0.5)


@pytest.mark.parametrize("body", [at_levels, within])
def test_every_form_of_sentence_is_found_again_in_its_file(tmp_path: Path, body) -> None:
    """What is written is what is compared: a trend at levels, or a band, is no change of itself."""
    plan = outlined(PROFILE, (case("formed", body),))
    path = tmp_path / FOLDER / "smoke.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(book(plan, "2026-01-01T00:00:00+00:00", "", dirty=False))
    assert dict(Registry.of(tmp_path, "smoke").claims) == declarations(plan)


def with_sentence(one: Case) -> Case:
    return replace(one, claim=replace(one.claim, sentence="Another sentence."))


def test_other_seeds_and_sentences_are_named(project: Path) -> None:
    """More seeds than registered, another first seed, and another sentence of a claim are changes."""
    commit(project, 900_000_000)
    assert states(project, planned(seeds=10))["alike"] == (Registration.CHANGED, ("seeds",))
    assert states(project, planned(first=9))["alike"] == (Registration.CHANGED, ("first_seed",))
    assert states(project, planned(map(with_sentence, CASES)))["alike"] == (Registration.CHANGED, ("sentence",))


def test_code_that_changed_since_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code that trains or measures is a change of every claim, and the summary names them."""
    commit(project, 900_000_000)
    monkeypatch.setattr("vitwork.session.plan.source_hash", lambda module: "0")
    assert set(states(project, planned()).values()) == {(Registration.CHANGED, ("code",))}
    plan = planned()
    results = report(plan, Store(project / "store"), Registry.of(project, "smoke"))
    assert words.registration(results) == (
        "0 of 2 claims registered before their data; changed after data were seen (code): smaller, alike"
    )


def test_registering_needs_no_images() -> None:
    """What is fixed of a profile is known before its images are there."""
    from vitwork import profiles

    assert outlined(profiles.find("imagenet"), CASES).tests["alike"].lack is None


def test_a_file_that_is_no_registration_is_refused(project: Path) -> None:
    """A damaged registration ends a session in one sentence, and never passes for none."""
    (project / FOLDER / "smoke.json").write_text("{}", encoding="utf-8")
    with pytest.raises(VitworkError, match=r"The registration .* cannot be read"):
        Registry.of(project, "smoke")
