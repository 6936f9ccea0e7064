"""Runs of a report trained again: honest reports pass, altered ones do not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from tests.evidence.published import CASES, again, layers, published, train, work
from tests.session.small import case
from vitwork.errors import VitworkError
from vitwork.evidence.trained_again import Auditor, repeated, repeats
from vitwork.facts.checks import Audit, Repeat
from vitwork.facts.document import Results
from vitwork.report.words import evidence as words
from vitwork.store.store import Store


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Return an honest report."""
    return published(tmp_path_factory.mktemp("report"))


def audited(results: Results, folder: Path, runs: int, *, seed: int = 0, cases=CASES, **how: Any) -> Audit:
    """Return an audit whose trainings and measurements are written by hand."""
    auditor = Auditor(again(results, cases), None, runs, seed)
    drawn = auditor.drawn()
    plan = auditor.work(drawn)
    return auditor.compared(drawn, plan, work(plan, Store(folder), **how))


def altered(results: Results, arm: str, deviations: float) -> Results:
    """Return a report in which every value of an arm is shifted by so many of its standard deviations."""
    own = [entry.values for entry in results.measurements if entry.arm == arm and entry.name == "reading"]
    shift = deviations * float(np.std([values["error"] for values in own], ddof=1))
    shifts = deviations * np.std([values["layers"] for values in own], axis=0, ddof=1)

    def forged(values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "error": values["error"] + shift, "layers": (np.array(values["layers"]) + shifts).tolist()}

    entries = tuple(
        structs.replace(entry, values=forged(entry.values)) if entry.arm == arm else entry
        for entry in results.measurements
    )
    return structs.replace(results, measurements=entries)


def test_the_draw_takes_arms_in_turn_and_follows_its_seed(results: Results) -> None:
    """Three runs are of three arms; the same seed draws the same runs, and other seeds draw others."""
    draws = [[(run.arm, run.seed) for run in Auditor(again(results), None, 3, seed).drawn()] for seed in (0, 0, 1, 2)]
    assert {arm for arm, _ in draws[0]} == {"vit", "resnet", "alternet"}
    assert draws[0] == draws[1]
    assert draws[0] not in draws[2:]
    every = Auditor(again(results), None, 27, 0).drawn()
    assert Counter(run.arm for run in every) == {"vit": 9, "resnet": 9, "alternet": 9}
    with pytest.raises(VitworkError, match="27 runs that can be trained again, fewer than 28"):
        Auditor(again(results), None, 28, 0).drawn()


def test_trainings_that_repeat_are_identical(results: Results, tmp_path: Path) -> None:
    """An honest report on the machine that made it passes: every value is the published one."""
    found = audited(results, tmp_path, 3)
    assert found.credible
    assert {value.repeat for value in found.values} == {Repeat.IDENTICAL}
    assert len(found.values) == 5  # error and APE of vit and resnet, error of alternet
    assert not found.arms
    assert (
        list(words.audited(found, results))[-1]
        == "Nothing speaks against the published numbers of the arms that were drawn."
    )


def test_one_altered_run_is_found_where_trainings_repeat(results: Results, tmp_path: Path) -> None:
    """Values that differ although every loss of the training repeats are altered: one run of the arm shows it."""
    found = audited(altered(results, "vit", 2.0), tmp_path, 3)
    assert not found.credible
    assert {(value.arm, value.quantity) for value in found.altered} == {("vit", "error"), ("vit", "APE")}
    assert list(words.audited(found, results))[-1].startswith("Not credible: published numbers of vit")


@pytest.mark.parametrize(
    ("field", "value"),
    [("history", ({"epoch": 1, "loss": 0.01},)), ("history", ()), ("status", "diverged"), ("parameters", 9)],
)
def test_what_a_report_tells_of_a_training_is_compared_where_it_repeats(
    results: Results, tmp_path: Path, field: str, value: Any
) -> None:
    """A history, status or size that is not that of the training, whose network is evaluated the same, is altered."""
    runs = tuple(structs.replace(run, **{field: value}) for run in results.runs)
    forged = structs.replace(results, runs=runs)
    found = audited(forged, tmp_path / "same", 3)
    assert not found.credible
    assert len(found.told) == 3
    assert (
        list(words.audited(found, forged))[-1]
        == "Not credible: the report tells of trainings otherwise than they went."
    )
    assert not audited(forged, tmp_path / "elsewhere", 3, dice=77).told


def test_other_trainings_of_the_same_seeds_pass(results: Results, tmp_path: Path) -> None:
    """Trainings that do not repeat are set against the published seeds, and are of the same kind."""
    found = audited(results, tmp_path, 9, dice=77)
    assert found.credible
    assert {value.repeat for value in found.values} == {Repeat.ANOTHER}
    assert [(arm.published, arm.audited) for arm in found.arms] == [(9, 3)] * 3
    assert all(value.interval is not None for value in found.values)
    assert any("of the same kind" in line for line in words.audited(found, results))


def test_few_other_trainings_show_nothing_and_say_so(results: Results, tmp_path: Path) -> None:
    """One network of an arm can show no alteration where trainings do not repeat, which the words say."""
    found = audited(altered(results, "vit", 2.0), tmp_path, 3, dice=77)
    assert found.credible
    assert any("so few can show no difference (p is at least 0.2)" in line for line in words.audited(found, results))


@pytest.mark.slow
def test_shifted_reports_fail_and_honest_ones_pass_in_nine_of_ten_audits(results: Results, tmp_path: Path) -> None:
    """A shift of an arm by two deviations is found in at least 90 % of audits of four networks of each of three arms, by other
    trainings; honest reports fail in at most 5 % (and a margin for 40 audits)."""
    shifted, cases = altered(results, "vit", 2.0), (*CASES, case("layers", layers))
    trials = [
        [
            audited(report, tmp_path / f"{place}-{dice}", 12, seed=dice, cases=cases, dice=100 + dice).credible
            for dice in range(40)
        ]
        for place, report in enumerate((results, shifted))
    ]
    assert trials[0].count(False) <= 5
    assert trials[1].count(False) >= 36


def test_what_rounding_explains() -> None:
    """Differences are judged by the value, by the spread over seeds, and by whether the training itself repeated."""
    assert repeated(1.0, 1.0, 0.1, same=False) is Repeat.IDENTICAL
    assert repeated(1.0, 1.00005, 0.0, same=True) is Repeat.ROUNDING
    assert repeated(1.0, 1.02, 0.1, same=True) is Repeat.ROUNDING
    assert repeated(1.0, 1.02, 0.1, same=False) is Repeat.ANOTHER
    assert repeated(1.0, 1.2, 0.1, same=True) is Repeat.ALTERED
    assert repeated(1.0, float("nan"), 0.1, same=False) is Repeat.ANOTHER


def test_a_training_repeats_if_all_of_its_losses_do(results: Results) -> None:
    """Losses within rounding are a repetition; another loss, a missing epoch and a training without losses are none."""
    run = results.runs[0]
    loss = run.history[0]["loss"]
    assert loss is not None
    assert repeats(run, {"history": [{"loss": loss * (1 + 1e-7)}]})
    assert not repeats(run, {"history": [{"loss": loss * 1.01}]})
    assert not repeats(run, {"history": []})
    assert not repeats(structs.replace(run, history=()), {"history": []})


def test_other_images_are_refused(results: Results) -> None:
    """Runs are not trained again on other images than the report's."""
    runs = tuple(structs.replace(run, fingerprint="0" * 64) for run in results.runs)
    auditor = Auditor(again(structs.replace(results, runs=runs)), None, 1, 0)
    with pytest.raises(VitworkError, match="are not those that the report was measured on"):
        auditor.work(auditor.drawn())


def test_the_report_tells_the_recipe(results: Results) -> None:
    """Arms are trained as the report says, not as the installed profile does; what no recipe can be is refused."""
    runs = tuple(structs.replace(run, recipe={**run.recipe, "lr": 0.5}) for run in results.runs)
    auditor = Auditor(again(structs.replace(results, runs=runs)), None, 1, 0)
    (run,) = auditor.work(auditor.drawn()).runs.values()
    assert run.arm.recipe.lr == 0.5
    runs = tuple(structs.replace(run, recipe={**run.recipe, "epochs": "many"}) for run in results.runs)
    auditor = Auditor(again(structs.replace(results, runs=runs)), None, 1, 0)
    with pytest.raises(VitworkError, match="not one that this version trains"):
        auditor.work(auditor.drawn())


def test_a_run_that_diverged_only_here_is_no_alteration(results: Results, tmp_path: Path) -> None:
    """A value that is not finite on one side is another training, without an interval."""
    auditor = Auditor(again(results), None, 1, 0)
    drawn = auditor.drawn()
    plan = auditor.work(drawn)
    store = work(plan, Store(tmp_path))
    train(next(iter(plan.runs.values())), store, status="diverged", history=[])
    for want in plan.wanted.values():
        record = store.read(want.key) or {}
        store.write(want.key, {**record, "values": None})
    found = auditor.compared(drawn, plan, store)
    assert {value.repeat for value in found.values} == {Repeat.ANOTHER}
    assert found.credible


def test_cases_need_not_all_be_there(results: Results, tmp_path: Path) -> None:
    """Values of claims that are not installed are left out."""
    auditor = replace(Auditor(again(results, CASES[1:]), None, 2, 0))
    drawn = auditor.drawn()
    plan = auditor.work(drawn)
    assert {run.arm for run in drawn} == {"alternet", "resnet"}
    assert auditor.compared(drawn, plan, work(plan, Store(tmp_path))).credible


def test_an_arm_that_was_renamed_since_is_audited_by_its_name_of_now(results: Results, tmp_path: Path) -> None:
    """Its runs are known by what was trained; nothing in the report has the new name."""
    runs = tuple(structs.replace(run, arm="old") if run.arm == "vit" else run for run in results.runs)
    found = audited(structs.replace(results, runs=runs), tmp_path, 27)
    assert found.credible
    assert {arm for arm, _ in found.runs} == {"vit", "resnet", "alternet"}
    assert {value.repeat for value in found.values if value.arm == "vit"} == {Repeat.IDENTICAL}
