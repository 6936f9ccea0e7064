"""Seeds of several reports joined into one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.evidence.published import CASES, again, published
from tests.session.small import case
from vitwork.design.deviation import Change, Deviation
from vitwork.errors import VitworkError
from vitwork.evidence.pool import judge, pooled
from vitwork.evidence.rejudge import rejudge
from vitwork.facts.checks import Agreement
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.document import dump, read
from vitwork.report.words import evidence as said
from vitwork.statistics.effect import Verdict


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    """Return two reports of other seeds: nine, and the five that follow."""
    folder = tmp_path_factory.mktemp("reports")
    return {"a": published(folder / "a"), "b": published(folder / "b", first=9, seeds=5)}


def joined(reports: dict[str, Results]) -> Results:
    return judge(again(pooled(reports)), list(reports.values()))


def test_seeds_are_joined_and_judged_together(reports: dict[str, Results]) -> None:
    """Every arm has the seeds of both reports, each with the value that it has there, and where it was measured."""
    found = joined(reports)
    assert (found.profile.seeds, found.profile.first_seed) == (14, 0)
    side = found.hypotheses[0].sides[0]
    assert side.seeds == tuple(range(14))
    assert side.values == reports["a"].hypotheses[0].sides[0].values + reports["b"].hypotheses[0].sides[0].values
    assert found.hypotheses[0].effect.n_a == 14
    assert [source.seeds["vit"] for source in found.sources] == [tuple(range(9)), tuple(range(9, 14))]
    assert {run.origin for run in found.runs} <= found.origins.keys()
    assert words.pooled(found) == "Pooled from 2 reports"
    assert next(said.pooled(found)).startswith("Source 1: seeds 0–8 of 3 arms, ")


def test_a_pooled_report_can_be_judged_again_and_pooled_again(reports: dict[str, Results], tmp_path: Path) -> None:
    """What was pooled is a report as any other: its verdicts follow from its records, and further seeds join it."""
    path = tmp_path / "results.json"
    path.write_bytes(dump(joined(reports)))
    found = read(path)
    assert {claim.outcome for claim in rejudge(again(found)).claims} == {Agreement.SAME}
    more = joined({"both": found, "c": published(tmp_path / "c", first=20, seeds=3)})
    assert len(more.sources) == 3
    assert more.hypotheses[0].sides[0].seeds == (*range(14), *range(20, 23))


def test_reports_without_networks_are_not_pooled(reports: dict[str, Results]) -> None:
    """A report of claims that are checked on examples alone has nothing to join."""
    bare = structs.replace(reports["b"], runs=(), measurements=(), origins={})
    with pytest.raises(VitworkError, match="b has no networks: there is nothing to pool"):
        pooled({"a": reports["a"], "b": bare})


def test_how_many_seeds_a_report_has_is_no_other_setting(reports: dict[str, Results]) -> None:
    """Reports of numbers of seeds that their users chose are pooled, and the joint number is nobody's choice."""
    chosen = {name: numbered(report) for name, report in reports.items()}
    assert pooled(chosen).profile.deviations == ()


def numbered(report: Results) -> Results:
    """Return a report that states its number of seeds among its changed settings."""
    stated = Deviation(Change.SEEDS, value=str(report.profile.seeds))
    return structs.replace(report, profile=structs.replace(report.profile, deviations=(stated,)))


def test_where_networks_were_trained_does_not_matter_where_it_does_not(reports: dict[str, Results]) -> None:
    """Every arm of both reports is asked, and none differs here."""
    effects = joined(reports).machine_effects
    assert [(found.arm, found.networks) for found in effects] == [
        ("vit", (9, 5)),
        ("resnet", (9, 5)),
        ("alternet", (9, 5)),
    ]
    assert min(found.adjusted_p for found in effects) > 0.05
    assert all("no effect of the machine is seen" in line for line in list(said.pooled(joined(reports)))[2:])


def test_a_machine_that_measures_otherwise_is_found(reports: dict[str, Results], tmp_path: Path) -> None:
    """An arm whose values lie elsewhere in one report is named, and the report says so of itself."""
    other = published(tmp_path, first=9, seeds=5, shifts={"resnet": 0.5})
    found = joined({**reports, "b": other})
    assert [effect.arm for effect in found.machine_effects if effect.adjusted_p <= 0.05] == ["resnet"]
    assert words.pooled(found) == "Pooled from 2 reports; it matters for resnet where networks were trained"


def test_a_verdict_without_hypotheses_is_a_propertys_only_if_the_claim_is_one(reports: dict[str, Results]) -> None:
    """Which claims are checked on examples the installed ones say; of these the pooled report takes the verdict alone."""
    theorem = replace(case("theorem", lambda measure: None), statistical=False, fault="", sentences=())
    bare = {"hypotheses": (), "p": None, "q": None, "holm_p": None}
    told = structs.replace(reports["a"].claims[0], id="theorem", sentence="forged", verdict=Verdict.REPRODUCED, **bare)
    forged = {
        name: structs.replace(
            report,
            claims=(*(structs.replace(claim, verdict=Verdict.CONTRADICTED, **bare) for claim in report.claims), told),
            hypotheses=(),
        )
        for name, report in reports.items()
    }
    found = judge(again(pooled(forged), (*CASES, theorem)), list(forged.values()))
    assert {claim.id: claim.verdict for claim in found.claims} == {
        "smaller": Verdict.REPRODUCED,
        "alike": Verdict.INCONCLUSIVE,
        "theorem": Verdict.REPRODUCED,
    }
    assert found.claims[-1].sentence == "A sentence."


def changed(results: Results, seed: int | None = None, **run: Any) -> Results:
    """Return a report with other runs of an arm, of one seed or of all."""
    runs = tuple(
        structs.replace(one, **run) if one.arm == "vit" and seed in {None, one.seed} else one for one in results.runs
    )
    return structs.replace(results, runs=runs)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (lambda a, b: a, "both hold alternet seed 0; --first-seed"),
        (
            lambda a, b: structs.replace(b, runs=(structs.replace(b.runs[0], key=a.runs[0].key),)),
            "both hold the record",
        ),
        (
            lambda a, b: structs.replace(
                b, measurements=(structs.replace(b.measurements[0], key=a.measurements[0].key),)
            ),
            "both hold the record",
        ),
        (lambda a, b: changed(b, recipe={"lr": 1.0}), "vit has another recipe"),
        (lambda a, b: changed(b, options={"depth": 99}), "vit has another options"),
        (lambda a, b: changed(b, fingerprint="0"), "vit has another fingerprint"),
        (lambda a, b: changed(b, 10, options={"depth": 99}), "vit has another options in seed 10"),
        (lambda a, b: structs.replace(b, sequential=True), "--seeds auto depend on what was seen"),
        (
            lambda a, b: structs.replace(b, profile=structs.replace(b.profile, name="cifar10")),
            "of the profiles smoke and cifar10",
        ),
        (
            lambda a, b: structs.replace(
                b, profile=structs.replace(b.profile, deviations=(Deviation(Change.SETTING, field="lr", value="1"),))
            ),
            "changed other settings",
        ),
        (
            lambda a, b: structs.replace(
                b, provenance=structs.replace(b.provenance, code={**b.provenance.code, "vitwork.training.train": "0"})
            ),
            "vitwork.training.train was other code",
        ),
        (
            lambda a, b: structs.replace(
                b, measurements=tuple(structs.replace(one, parameters={"effort": 9}) for one in b.measurements)
            ),
            "was measured with other parameters",
        ),
    ],
)
def test_what_cannot_be_one_report_is_refused_by_name(reports: dict[str, Results], other, why: str) -> None:
    """Seeds that are there twice, and other recipes, networks, images, code, settings and profiles, are no more seeds."""
    with pytest.raises(VitworkError, match=f"^a and b cannot be pooled: .*{why}"):
        pooled({"a": reports["a"], "b": other(reports["a"], reports["b"])})


def test_the_order_of_reports_refuses_the_same(reports: dict[str, Results]) -> None:
    """One run of another recipe is found in whichever report it is."""
    odd = changed(reports["b"], 10, recipe={"lr": 1.0})
    for pair in ({"a": reports["a"], "b": odd}, {"b": odd, "a": reports["a"]}):
        with pytest.raises(VitworkError, match="vit has another recipe in seed"):
            pooled(pair)


@pytest.mark.parametrize("change", [Change.CHOSEN, Change.ENDED])
def test_with_a_part_the_whole_is_a_part(reports: dict[str, Results], change: Change) -> None:
    """A report of chosen tests, or of a session that ended early, marks the pooled one in any order."""
    part = structs.replace(reports["b"], profile=structs.replace(reports["b"].profile, deviations=(Deviation(change),)))
    for pair in ({"a": reports["a"], "b": part}, {"b": part, "a": reports["a"]}):
        assert Deviation(change) in pooled(pair).profile.deviations


def test_numbers_in_order_are_ranges() -> None:
    """Whole numbers that follow each other are said as a range."""
    from vitwork.report.words.origins import ranges

    assert ranges([0, 1, 2, 5, 7, 8]) == "0–2, 5, 7–8"
    assert ranges([]) == ""
