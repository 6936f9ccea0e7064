"""The index of several reports."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from tests.report import synthetic
from tests.report.reading import Elements, parse
from tests.report.sheet import CHAPTERS
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.errors import VitworkError
from vitwork.report import history, words
from vitwork.report.build import build
from vitwork.report.figures.base import Palette
from vitwork.report.figures.effect_history import courses
from vitwork.report.site import index
from vitwork.statistics.effect import Verdict

FILES = ("json", "parquet", "md")


@pytest.fixture(scope="module")
def before():
    return synthetic.results(seeds=3, claims=8, grid=5)


def test_the_index_makes_the_tables_that_a_copy_of_a_report_lacks(tmp_path, before):
    """Every file that a published page links to lies next to it; tables that are there stay as they are."""
    page = build(before, tmp_path / "smoke")
    links = {a["href"] for a in Elements(page.read_text()).of("a") if a["href"].rpartition(".")[2] in FILES}
    (tmp_path / "smoke" / "runs.parquet").unlink()
    index(tmp_path)
    assert len(links) == 6
    assert all((tmp_path / "smoke" / link).is_file() for link in links)
    (tmp_path / "smoke" / "runs.parquet").write_bytes(b"kept")
    index(tmp_path)
    assert (tmp_path / "smoke" / "runs.parquet").read_bytes() == b"kept"


def test_the_index_leads_to_every_claim_of_every_report(tmp_path, before):
    """Reports next to each other, one of them with a name that needs quoting, with the first effect of each claim."""
    build(before, tmp_path / "smoke")
    build(synthetic.changed(before), tmp_path / "a #b?")
    found = Elements(index(tmp_path).read_text())
    links = {attributes["href"] for attributes in found.of("a")}
    assert "./smoke/report.html#claim-landscape-vit-flatter" in links
    assert "./a%20%23b%3F/report.html#claim-brand-new" in links
    assert "./smoke/report.html#claim-brand-new" not in links
    text = "".join(found.text)
    assert text.count("brand-new") >= 1
    assert "×0.368 [0.223, 0.607], n\u00a0=\u00a03\u00a0+\u00a03" in text


def test_a_number_stands_under_its_own_comparison(tmp_path, before):
    """A report that made another comparison than the one printed says which its number is of."""
    build(before, tmp_path / "smoke")
    asked = [replace(each, statement=f"another: {each.statement}") for each in before.hypotheses]
    build(replace(before, hypotheses=tuple(asked)), tmp_path / "other")
    text = "".join(Elements(index(tmp_path).read_text()).text)
    first = before.hypotheses[0].statement
    assert (f"another: {first}: ×" in text) != (f"{first}: ×" in text.replace(f"another: {first}: ×", ""))


def test_a_report_of_a_part_is_marked_and_is_no_whole_session(tmp_path, before):
    """On its card, beside its verdicts and in the count of sessions; what it did not measure leaves no event."""
    later = synthetic.provenance_of(before, finished=before.provenance.finished + 86_400.0)
    chosen = synthetic.profile_of(later, deviations=(*later.profile.deviations, Deviation(Change.CHOSEN)))
    part = synthetic.claim_of(chosen, 0, verdict=Verdict.NOT_MEASURED, lack=Lack(Missing.REACH))
    build(before, tmp_path / "smoke")
    build(part, tmp_path / "smoke-part")
    page = index(tmp_path).read_text()
    cards, claims = page.split('<section id="reports"')[1].split('<section id="history"')
    assert cards.count("These tests were chosen: ") == 1
    assert cards.count("synthetic (a part of the tests)</a>") == 1
    assert "<dt>synthetic</dt>" in claims
    assert "<dt>synthetic (a part of the tests)</dt>" in claims
    assert "over 1 session and 1 session of a part of the tests since" in claims
    measured = {claim.id for claim in part.claims if claim.verdict is not Verdict.NOT_MEASURED}
    assert {event.claim for event in history.read(tmp_path) if event.part} == measured


def test_the_history_outlives_the_reports_it_came_from(tmp_path, before):
    """A newer report in the same folder leaves the earlier verdicts and effects; a repeated call adds nothing."""
    build(before, tmp_path / "smoke")
    index(tmp_path)
    first = history.read(tmp_path)
    assert len(first) == len(before.claims)
    index(tmp_path)
    assert history.read(tmp_path) == first
    later = synthetic.provenance_of(before, finished=before.provenance.finished + 86_400.0, commit="f" * 40)
    flipped = synthetic.claim_of(later, 0, verdict=Verdict.CONTRADICTED)
    build(flipped, tmp_path / "smoke")
    page = index(tmp_path).read_text()
    found = [event for event in history.read(tmp_path) if event.claim == before.claims[0].id]
    assert [(event.commit, event.verdict) for event in found] == [
        ("0123456789ab", Verdict.REPRODUCED),
        ("f" * 12, Verdict.CONTRADICTED),
    ]
    assert found[0].estimate == before.hypotheses[0].effect.estimate
    assert (found[0].low, found[0].high) == before.hypotheses[0].effect.deciding
    course = page.split(f'id="{before.claims[0].id}"')[1].split("</article>")[0]
    by_scale, over_time = course.split('<div class="panel">')[1:]
    assert by_scale.count('class="estimate') == 1
    assert over_time.count('class="estimate') == 2
    assert "commit ffffffffffff: contradicted" in over_time
    assert "2025-10-09" in over_time
    assert "2025-10-10" in over_time
    assert "over 2 sessions since 2025-10-09" in page


def test_scales_stand_in_order_and_other_comparisons_show_their_verdict_alone(tmp_path, before):
    """In drawings small networks first, on the page large ones; an effect of another sentence has no place on the axis."""
    larger = tuple(replace(run, parameters=9_000_000) for run in before.runs)
    other = synthetic.hypothesis_of(replace(before, runs=larger), statement="another sentence")
    build(synthetic.profile_of(before, name="zwerg"), tmp_path / "zwerg")
    build(synthetic.profile_of(synthetic.provenance_of(other, finished=1.0), name="big"), tmp_path / "big")
    page = index(tmp_path).read_text()
    course = page.split(f'id="{before.claims[0].id}"')[1].split("</article>")[0]
    by_scale = course.split('<div class="panel">')[1]
    said = ["".join(text.itertext()) for text in parse(by_scale.split("</div>")[0]).iter("text")]
    assert said.index("zwerg") < said.index("big") < said.index("✓")
    assert by_scale.count('class="estimate') == 1
    assert page.index(">big</a>") < page.index(">zwerg</a>")


def test_the_index_answers_first_and_has_a_table_of_claims_by_scale(tmp_path, before):
    """The answer, a row per claim with a verdict and an effect for each report, the reports, and what is folded over time."""
    build(synthetic.profile_of(before, name="one"), tmp_path / "one")
    flipped = synthetic.claim_of(synthetic.profile_of(before, name="two"), 0, verdict=Verdict.CONTRADICTED)
    build(flipped, tmp_path / "two")
    page = index(tmp_path).read_text()
    assert re.search(r"could be decided, (\d) of (\d) hold at one and \d of \2 at two\.", page)
    parts = [page.index(part) for part in ('class="lead"', 'id="claims"', 'id="reports"', 'id="history"')]
    assert parts == sorted(parts)
    row = page.split(f'href="#{before.claims[0].id}"')[1].split("</tr>")[0]
    cells = [cell.split("</td>")[0] for cell in row.split("<td>")[1:]]
    assert [next(v for v in Verdict if f"</span> {v}</span>" in cell) for cell in cells] == [
        Verdict.REPRODUCED,
        Verdict.CONTRADICTED,
    ]
    assert all("×" in cell for cell in cells)
    assert "<details" in page.split('id="history"')[1].split("<article")[0]


def test_earlier_slopes_in_percent_are_of_the_same_course(before):
    """They are the points of today by another name; effects in another unit are another course."""
    (event, *_) = history.events(before)
    past = [
        replace(event, scale="slope", finished=float(day), unit=unit) for day, unit in enumerate(("%", "nats", "pp"))
    ]
    _, over_time = courses(past, Palette({}))
    assert over_time.count('class="estimate') == 2


def test_a_report_that_was_decided_by_an_older_rule_says_so_beside_newer_ones(tmp_path, before):
    """On its card; alone, or where none was decided by another rule, there is nothing to say."""
    build(synthetic.profile_of(synthetic.earlier(before), name="old"), tmp_path / "old")
    assert "older rule" not in index(tmp_path).read_text()
    build(before, tmp_path / "new")
    cards = {
        card.split("</a>")[0].rpartition(">")[2]: card for card in index(tmp_path).read_text().split("<article")[1:3]
    }
    assert "Decided by an older rule than other reports here" in cards["old"]
    assert "older rule" not in cards["synthetic"]


@pytest.mark.parametrize("content", [b"{", b"[1]", b'[{"claim": 1}]', b"\xff"])
def test_a_history_that_is_none_is_named(tmp_path, before, content):
    """In one sentence, and it stays as it is."""
    build(before, tmp_path / "smoke")
    (tmp_path / history.NAME).write_bytes(content)
    with pytest.raises(VitworkError, match="history") as caught:
        index(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / history.NAME).read_bytes() == content


def test_hostile_names_stay_text(tmp_path):
    """The index escapes as the report does."""
    build(synthetic.results(claims=6, seeds=2, hostile=True, grid=5), tmp_path / "one")
    found = Elements(index(tmp_path).read_text())
    assert not found.of("img")
    assert len(found.of("script")) == 1


def test_an_empty_folder_has_no_index(tmp_path):
    """One sentence says what was expected."""
    with pytest.raises(VitworkError, match="no report"):
        index(tmp_path)


def test_chapters_stand_in_the_order_of_the_papers_questions(tmp_path):
    """Whatever the order of the files that hold their claims."""
    whole = synthetic.results(seeds=2, grid=5)
    build(replace(whole, claims=whole.claims[::-1]), tmp_path / "one")
    names = re.findall(r'class="chaptername">([^<]+)<', index(tmp_path).read_text())
    paper = [name for name in names if name in CHAPTERS]
    assert paper[0] == next(iter(CHAPTERS))
    assert [synthetic.SECTIONS[name] for name in paper] == sorted(synthetic.SECTIONS[name] for name in paper)
    assert names[-1] == words.OURS
