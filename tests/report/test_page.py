"""The page: what it tells, and that nothing from outside can become markup."""

from __future__ import annotations

import base64
import csv
import dataclasses
import gzip
import hashlib
import html
import io
import itertools
import json
import math
import re
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.report import synthetic
from tests.report.reading import Elements, page_of, section_of, text_of
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.facts.claims import Sample
from vitwork.facts.document import QuantityResult
from vitwork.report import words
from vitwork.report.build import build
from vitwork.report.summary import markdown
from vitwork.report.tables import NAMES
from vitwork.statistics.effect import Verdict


@pytest.fixture(scope="module")
def full():
    return synthetic.results()


@pytest.fixture(scope="module")
def page(full):
    return page_of(full)


@pytest.fixture(scope="module")
def some():
    return synthetic.results(seeds=3, claims=7, grid=5)


@pytest.fixture(scope="module")
def hostile_page():
    return page_of(synthetic.results(claims=20, hostile=True))


def test_a_full_sheet_is_at_most_five_megabytes(page):
    """65 claims with all their figures and data stay one small file."""
    assert len(page.encode()) <= 5e6


def test_the_page_names_every_claim_and_its_numbers(full, page):
    """Sentences, verdicts, effects, paper values, deviations, confounds and the command that reruns a claim."""
    text = "".join(Elements(page).text)
    for claim in full.claims:
        paper = claim.paper.values
        for expected in (
            claim.id,
            claim.sentence,
            paper,
            *map(words.sentence, (*claim.confounds, *claim.examined)),
        ):
            assert expected in text
        fixed = claim.lack is not None and claim.lack.missing in words.FIXED
        assert (claim.rerun in text) is not fixed  # no command gives a profile an arm
    assert full.provenance.commit in text
    assert "with uncommitted changes" in text
    assert "×0.368 [0.223, 0.607]" in text
    assert "Not measured at synthetic. Needs the arm swin, which the profile does not have" in text


def test_the_answer_comes_first_then_what_decides_it(full, page):
    """Headline with its scale, the paper's three questions, decided claims by q, undecided ones, the rest by reason."""
    text = "".join(Elements(page).text)
    headline = "Of 65 claims of “How Do Vision Transformers Work?”, 29 are reproduced and 9 are contradicted at"
    places = [text.index(part) for part in (
        f"{headline} 0.17 to 0.18 million parameters", "What properties of MSAs make networks optimise better?",
        "Do MSAs act like Convs?", "How can MSAs and Convs be combined?", "Decided", "Undecided, the most telling first",
        "An arm is needed that the profile does not have", "Claims of ours: the paper does not make them", "The paper’s figures, redrawn", "Cite this report",
    )]  # fmt: skip
    assert places == sorted(places)
    sections = [attributes for tag, attributes in Elements(page).tags if attributes.get("class") == "claim"]
    verdicts = [attributes["data-verdict"] for attributes in sections]
    groups = [
        name
        for name, _ in itertools.groupby(
            verdicts, lambda name: {"reproduced": "decided", "contradicted": "decided"}.get(name, name)
        )
    ]
    assert groups == ["decided", "inconclusive", "not measured", "decided", "inconclusive"]  # the paper's, then ours
    assert len(sections) == len(full.claims)


def test_a_claim_leads_to_its_figures_and_a_figure_to_its_claims(page):
    """By the paper's number."""
    part = page.split('id="claim-hessian-vit-smaller"')[1].split("</details>")[0]
    assert '<a href="#figure-1c">Fig. 1c</a>, <a href="#figure-4">Fig. 4</a>' in part
    plate = page.split('id="figure-1c"')[1].split("</figure>")[0]
    assert 'href="#claim-hessian-vit-smaller"' in plate
    assert (
        page.index('id="figure-1a"')
        < page.index('id="figure-2a"')
        < page.index('id="figure-10a"')
        < page.index('id="figure-d-3"')
    )


def test_what_the_data_say_of_a_quantity_stands_with_its_claims(some):
    """Skewness and the guard it brings, and the measurement's own error beside the spread."""
    name = some.hypotheses[0].quantity
    shape = {"unit": "", "scale": "difference", "drawn": True, "testable": True}
    known = QuantityResult(name=name, **shape, skewness=1.25, z=2.9, skewed=True, error=0.02, spread=0.2)
    text = text_of(replace(some, quantities=(known,)))
    said = f"{name}: skewness over networks +1.2 (+2.9 standard errors), plainly skewed, which p is guarded against in full"
    assert f"{said}; its own error is 10 % of its spread over networks." in text
    mild = replace(known, z=2.0, together=True)
    together = "guarded against in full, since the session’s quantities are plainly skewed together"
    assert f"(+2 standard errors), {together}; its own error" in text_of(replace(some, quantities=(mild,)))
    unknown = QuantityResult(name=name, **shape, skewness=None, z=None, skewed=False, error=None, spread=0.2)
    assert "own error is" not in text_of(replace(some, quantities=(unknown,)))


def test_the_page_tells_code_driver_seeds_and_energy(full, page):
    """Hashes of the code, the accelerator with its driver, seeds, joules in a unit that suits; nothing where none is known."""
    text = "".join(Elements(page).text)
    assert f"vitwork.measurements.hessian {'a' * 20}" in text
    assert "driver 570.86.15, cuda 13.2" in text
    assert "Seeds0, 1, 2, 3, 4" in text
    total = sum(run.joules for run in full.runs) + sum(entry.joules for entry in full.measurements)
    assert f"of measuring, {total / 1e3:.3g} kJ" in text
    first = full.claims[0]
    assert f"{first.cost_joules / 1e3:.3g} kJ" in text.split(first.sentence)[2]
    unmetered = replace(full.measurements[0], joules=None)
    bare = replace(full, runs=(), measurements=(unmetered, *full.measurements[1:3]))
    assert "known for 2 of 3 runs and measurements" in text_of(bare)
    unknown = synthetic.claim_of(
        replace(full, runs=(), measurements=(unmetered,), claims=full.claims[:1]), cost_joules=None
    )
    assert "kJ" not in text_of(unknown)


def test_trends_over_arms_and_bands_are_said_as_they_were_claimed(full):
    """Every arm of a trend has its seeds in the page and its n in words; a claim of no difference names its band."""
    results = replace(full, claims=full.claims[:1], hypotheses=full.hypotheses[:2])
    first, last = results.hypotheses[0].sides
    between = replace(last, arm="vit-local-3")
    results = synthetic.hypothesis_of(
        results, 0, {"scale": "slope", "estimate": -2.0},
        form="trend", sides=(first, between, last), levels=(1.0, 2.0, 4.0),
    )  # fmt: skip
    results = synthetic.hypothesis_of(
        results, 1, {"alternative": "two-sided", "scale": "difference", "band": 0.5},
        form="sameness", within=0.5, sides=(first, last),
    )  # fmt: skip
    text = text_of(results)
    assert "n = 5 + 5 + 5" in text
    assert "−2.0 [−1.5, −0.5]" in text
    assert "the claim’s side is a difference within ±0.5" in text
    links = Elements(page_of(results)).of("a")
    link = next(a["href"] for a in links if "seeds.csv" in (a.get("download") or ""))
    rows = list(csv.DictReader(io.StringIO(unquote(link.split(",", 1)[1]))))
    assert sum(row["arm"] == "vit-local-3" for row in rows) == 5


def test_every_seed_is_a_point_with_its_value(full, page):
    """Each hypothesis draws one mark per seed that has a value, named by seed."""
    section = page.split('id="claim-landscape-vit-flatter"')[1].split("</details>")[0]
    strip = section.split('aria-label="APE')[1].split("</svg>")[0]
    for side in full.hypotheses[0].sides:
        for seed in side.seeds:
            assert strip.count(f"{side.arm}, seed {seed}: ") == 1


def test_the_csv_in_the_page_holds_the_seeds_to_six_digits(full, page):
    """The link decodes to the values of the document."""
    link = next(
        a["href"]
        for a in Elements(page).of("a")
        if (a.get("download") or "").startswith("claim-hessian-vit-smaller-seeds")
    )
    rows = list(csv.DictReader(io.StringIO(unquote(link.split(",", 1)[1]))))
    sides = [side for entry in full.hypotheses if entry.claim == "hessian-vit-smaller" for side in entry.sides]
    wanted = [value for side in sides if isinstance(side, Sample) for value in side.values]
    assert len(rows) == len(wanted)
    for row, value in zip(rows, wanted, strict=True):
        assert row["value"] == ("" if value is None else f"{value:.6g}")


def test_every_packed_file_is_linked(page):
    """What is kept compressed in the page is what its links name."""
    links = Elements(page).of("a")
    placed = {int(a["data-packed"]) for a in links if "data-packed" in a}
    kept = json.loads(page.split('id="packed">')[1].split("</script>")[0])
    assert placed == set(range(len(kept)))
    assert len([a for a in links if "data-packed" in a or "download" in a]) > 80


def test_a_page_that_is_sent_alone_is_complete(tmp_path, some):
    """Results, tables and summary are inside the page, byte for byte; the entry to cite names the results by SHA-256."""
    page = build(some, tmp_path).read_text()
    kept = [
        gzip.decompress(base64.b64decode(text))
        for text in json.loads(page.split('id="packed">')[1].split("</script>")[0])
    ]
    links = {a["data-file"]: int(a["data-packed"]) for a in Elements(page).of("a") if "data-packed" in a}
    beside = ["results.json", "summary.md", *(f"{name}.parquet" for name in NAMES)]
    for name in beside:
        assert kept[links[name]] == (tmp_path / name).read_bytes()
    assert hashlib.sha256((tmp_path / "results.json").read_bytes()).hexdigest() in page


def test_nothing_is_loaded_and_nothing_runs_inline(page):
    """No address but anchors, data, files next to the page and the paper's; no event handler; a policy with hashes."""
    found = Elements(page)
    assert not found.of("link") + found.of("iframe") + found.of("img") + found.of("object")
    assert not any("src" in attributes for _, attributes in found.tags)
    links = [attributes["href"] or "" for attributes in found.of("a")]
    beside = {"results.json", "summary.md", "https://arxiv.org/abs/2202.06709", *(f"{name}.parquet" for name in NAMES)}
    assert all(link.startswith(("#", "data:text/csv")) or link in beside for link in links)
    assert not any(name.startswith("on") or name == "style" for _, attributes in found.tags for name in attributes)
    policy = next(a["content"] or "" for a in found.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_ids_are_unique_and_every_anchor_leads_somewhere(page, hostile_page):
    """Also when names consist of markup."""
    for text in (page, hostile_page):
        found = Elements(text)
        ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        anchors_used = {(a["href"] or "")[1:] for a in found.of("a") if (a["href"] or "").startswith("#")}
        assert anchors_used <= set(ids)


def test_hostile_names_stay_text(hostile_page):
    """Markup in ids, sentences, arms and faults adds no element, and is shown as it was written."""
    found = Elements(hostile_page)
    harmless = Elements(page_of(synthetic.results(claims=20)))
    assert not found.of("img")
    assert len(found.of("script")) == len(harmless.of("script")) == 3
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    text = "".join(found.text)
    assert "<script>alert('x')</script>" in text
    assert "{{7*7}}" in text
    assert "\u202e" not in hostile_page


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(alphabet=st.characters(codec=None), max_size=40), sentence=st.text(max_size=40))
def test_any_text_leaves_the_structure_of_the_page_alone(some, name, sentence):
    """Whatever a claim or an arm is called, the page has the same elements, and it can be encoded."""
    results = replace(some, measurements=(), claims=some.claims[:3])
    plain_tags = [tag for tag, _ in Elements(page_of(results)).tags if tag not in ("title", "path", "text", "svg")]
    named = synthetic.claim_of(results, sentence=sentence, lack=Lack(Missing.FAULT, what=name))
    made = page_of(replace(named, runs=tuple(replace(run, arm=name + run.arm) for run in results.runs)))
    made.encode()
    tags = [tag for tag, _ in Elements(made).tags if tag not in ("title", "path", "text", "svg")]
    assert tags.count("script") == plain_tags.count("script")
    assert tags.count("details") >= plain_tags.count("details")
    assert not {"img", "iframe", "object", "base"} & set(tags)


def test_a_missing_measurement_leaves_its_figure_out_and_nothing_else(full):
    """Records without values, or of another shape, cost their figure only."""
    other = {"surface": None, "trajectory": {"something": "else"}}
    changed = tuple(replace(e, values=other[e.name]) if e.name in other else e for e in full.measurements)
    text = text_of(replace(synthetic.of_claims(full, *full.claims[:3]), measurements=changed))
    assert "Loss surface" not in text
    assert "Path of the weights" not in text
    assert "Top Hessian eigenvalues" in text
    assert "these could not be measured, or their numbers not be drawn, at this profile: 1a, 1b." in text


def test_a_session_that_measured_nothing_has_a_page(some):
    """No runs, no measurements, no claims; runs that did not end."""
    empty = replace(some, runs=(), measurements=())
    assert "On 0 trained networks" in text_of(empty)
    assert "On 0 trained networks no claim could be decided." in text_of(replace(empty, claims=(), hypotheses=()))
    fields = ("status", "seconds", "parameters", "mode", "joules", "images_per_second", "model")
    run = replace(some.runs[0], history=(), **dict.fromkeys(fields))
    assert "model unknown, 1 run" in text_of(replace(empty, runs=(run,)))


def test_effects_without_limits_or_estimate_are_shown(full):
    """Infinite interval ends are open in words."""
    results = replace(full, claims=full.claims[:1], hypotheses=full.hypotheses[:2])
    results = synthetic.hypothesis_of(results, 0, {"adjusted_low": -math.inf})
    unknown = {"estimate": math.nan, "low": -math.inf, "high": math.inf, "p": math.nan, "adjusted_p": math.nan}
    unknown |= {"adjusted_low": math.nan, "adjusted_high": math.nan}
    text = text_of(synthetic.hypothesis_of(results, 1, unknown))
    assert "×0.368 [0, 0.607]" in text
    assert "no estimate" in text


def test_a_claim_that_was_not_measured_has_no_cost(some):
    """What was noted for it before it was found to lack the rest is others' cost, in page and summary alike."""
    place = next(place for place, claim in enumerate(some.claims) if claim.verdict is Verdict.NOT_MEASURED)
    shared = {"cost_seconds": 312.0, "cost_joules": 1234.0, "measurements": (some.measurements[0].key,)}
    lacking = synthetic.claim_of(some, place, **shared)
    assert "<dt>Cost</dt>" not in section_of(lacking, some.claims[place].id)
    assert "5.2 min" not in text_of(lacking) + markdown(lacking)
    undecided = synthetic.claim_of(lacking, place, verdict=Verdict.INCONCLUSIVE)
    assert "5.2 min" in section_of(undecided, some.claims[place].id)
    assert "5.2 min" in markdown(undecided)


def test_earlier_results_are_shown_as_they_were_decided(some):
    """Every comparison corrected by Holm, intervals alone, no q; a lone comparison needs no correction."""
    earlier = synthetic.earlier(some)
    part = section_of(earlier, some.claims[0].id)
    assert part.count(f"corrected by Holm’s procedure for the {len(earlier.hypotheses)} comparisons") == 1
    assert "×0.368 [0.247, 0.549]" in part
    assert "p after Holm = 0.006" in part
    assert "q of the claim" not in part
    assert "false discovery rate" not in text_of(earlier)
    first = earlier.hypotheses[0]
    alone = replace(earlier, claims=(replace(earlier.claims[0], hypotheses=(first.id,)),), hypotheses=(first,))
    assert "Holm’s procedure" not in text_of(alone)


def test_a_claim_shows_what_decides_it_and_apart_what_qualifies_it(some):
    """Verdict, scale and qualifiers; p, q and Holm's p; controls below a heading of their own, also those not measured."""
    part = section_of(some, some.claims[2].id)
    said = f"but not {synthetic.BATCHNORM}; not measured at matched training loss"
    assert f"Reproduced at synthetic, {said}." in part
    shown = f"Control: but not {synthetic.BATCHNORM}; control: not measured at matched training loss"
    assert shown in part.split("</summary>")[0]
    assert "p = 0.0004, q = 0.006 over 7 claims; not by Holm (p = 0.2)" in part
    assert "also by Holm (p = 0.02)" in section_of(some, some.claims[1].id)
    deciding, controls = part.split("Controls, which qualify the verdict and never decide")
    assert "The 2 comparisons that decide" in deciding
    assert deciding.count('class="statement"') == controls.count('class="statement"') == 2
    assert "plain Welch (scipy): p = 0.003" in deciding
    assert f"<strong>{synthetic.BATCHNORM}</strong>" in controls
    assert "<strong>at matched training loss</strong>" in controls
    assert "q of the claim" not in controls


def test_claims_of_ours_are_apart(some):
    """They have a section and counts of their own; boxes, lead and price count the paper's alone."""
    results = synthetic.claim_of(some, 0, ours=True)
    text = text_of(results)
    assert "3 claims could be decided: 2 hold and 1 does not; 2 remain undecided." in text
    assert "5 of 6 claims of the paper put to the test, 3 decided; 1 of 1 claim of ours put to the test" in text
    assert "Claims of ours, which the paper does not make: 1 reproduced." in text
    assert "claims decided per worker-minute: 3 of 6 claims of the paper" in text
    page = page_of(results)
    assert page.index('id="claim-landscape-vit-flatter"') > page.index('id="claim-resnet-indifferent-to-data"')


def test_a_claim_that_rests_on_no_run_deviates_in_no_training(some):
    """A theorem checked on examples has its own deviations only, and no networks of the paper's."""
    own = {"hypotheses": (), "arms": (), "measurements": (), "deviations": ("a theorem",)}
    results = synthetic.claim_of(some, 0, verdict=Verdict.REPRODUCED, **own)
    part, other = (section_of(results, claim.id) for claim in results.claims[:2])
    assert "A theorem" in part
    for said in ("of the profile</a>", "Networks per arm in the paper"):
        assert said not in part
        assert said in other


def test_a_model_of_the_user_is_named_where_its_arm_is(some):
    """In every claim of the arm, and among the arms."""
    results = synthetic.profile_of(some, deviations=(Deviation(Change.MODEL, arm="vit", value="my.nets:small"),))
    page = page_of(results)
    using = [claim for claim in results.claims if "vit" in claim.arms]
    assert using
    assert page.count("vit is my.nets:small here, not the profile’s own model.") == len(using)
    assert page.count("<strong>vit is my.nets:small here</strong>") == len(using)
    assert page.count("<strong>not the profile’s own model</strong>") == 1


def test_one_claim_and_one_network_are_no_plural(some):
    """The first sentence of a session of a single claim."""
    results = replace(some, claims=some.claims[:1], runs=some.runs[:1])
    assert "On 1 trained network 1 claim could be decided: 1 holds." in text_of(results)


def test_columns_of_runs_have_one_precision(some):
    """Sixteen seconds next to 16.2 are 16.0; a loss that exploded keeps its exponent."""
    first = replace(some.runs[0], seconds=16.0, images_per_second=2000.4, history=({"epoch": 0, "loss": 0.5},))
    second = replace(some.runs[1], seconds=16.2, history=({"epoch": 0, "loss": 1e30},))
    text = text_of(replace(some, runs=(first, second, *some.runs[2:])))
    for cell in ("0.500016.02000", "1e+3016.2"):
        assert cell in text


def test_every_text_that_stands_alone_begins_alike(full, page):
    """What qualifies a claim, and the items of its facts: with a capital, unless they begin with a name or a formula."""
    alone = re.findall(
        r'<span class="qualified">([^<]+)</span>|<dd>([^<]+)</dd>|<li>([^<]+)</li>',
        page.split('id="paper"')[1].split('id="figures"')[0],
    )
    texts = [html.unescape(next(filter(None, found))) for found in alone]
    assert len(texts) > 100
    assert not [text for text in texts if text != words.sentence(text)]


def test_numbers_of_single_published_networks_stand_in_the_answer(some):
    """Marked as no verdict, with a link to their claim; nothing of the kind where networks were trained."""
    numbered = replace(some.claims[0], paper=dataclasses.replace(some.claims[0].paper, effect=2.0))
    runs = (replace(some.runs[0], network={"name": "one"}),)
    single = replace(some, claims=(numbered, *some.claims[1:]), runs=runs)
    part = page_of(single).split('id="answer"')[1].split("</section>")[0]
    assert words.BESIDE in part
    assert "No verdicts: every arm is one published network" in part
    row = part.split("<tbody>")[1].split("</tr>")[0]
    assert f'href="#claim-{numbered.id}"' in row
    estimate = words.shown(some.hypotheses[0].effect.estimate, some.hypotheses[0].effect.scale)
    assert [words.quantity(n) for n in (estimate, 2.0, estimate / 2.0)] == re.findall(r"<td>×([^<]+)</td>", row)
    assert 'id="beside"' not in page_of(some)
