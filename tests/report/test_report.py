"""The report as files: what is written, what it holds, and that nothing from outside can become markup."""

from __future__ import annotations

import base64
import copy
import csv
import gzip
import io
import json
import math
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.report import synthetic
from vitwork.report.build import build
from vitwork.report.csv_link import LARGEST, Tables
from vitwork.report.document import SCHEMA_FILE
from vitwork.report.html import anchors
from vitwork.report.page import render
from vitwork.report.summary import markdown, plain

EARLIER = Path(__file__).parent / "results-earlier.json"


class Elements(HTMLParser):
    """Collects tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._silent = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        if not self._silent:
            self.text.append(data)

    def of(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


@pytest.fixture(scope="module")
def full():
    return synthetic.results()


@pytest.fixture(scope="module")
def page(full):
    return render(full)


@pytest.fixture(scope="module")
def hostile_page():
    return render(synthetic.results(claims=20, hostile=True))


def test_synthetic_results_and_the_earlier_file_follow_the_published_schema(full):
    """The schema accepts what the suite writes, today's and an earlier version's."""
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(full, schema)
    jsonschema.validate(json.loads(EARLIER.read_text()), schema)
    broken = copy.deepcopy(full)
    broken["claims"][0]["verdict"] = "maybe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_build_writes_every_file_and_returns_the_page(tmp_path):
    """A report is a page, the results, three tables, a summary, a badge and archive metadata."""
    results = synthetic.results(seeds=3, claims=3)
    path = build(results, tmp_path / "new" / "folder")
    names = {file.name for file in path.parent.iterdir()}
    assert path.name == "report.html"
    tables = {"runs.parquet", "measurements.parquet", "hypotheses.parquet"}
    assert names == tables | {"report.html", "results.json", "summary.md", "badge.svg", "ro-crate-metadata.json"}
    assert json.loads((path.parent / "results.json").read_text()) == results
    ET.fromstring((path.parent / "badge.svg").read_text())  # noqa: S314 - ours
    crate = json.loads((path.parent / "ro-crate-metadata.json").read_text())
    assert {part["@id"] for part in crate["@graph"][1]["hasPart"]} == names - {"ro-crate-metadata.json"}


def test_a_file_or_folder_of_results_gives_the_same_page_as_the_document(tmp_path):
    """What was stored once can be made again, byte for byte."""
    first = build(EARLIER, tmp_path / "a").read_text()
    again = build(tmp_path / "a", tmp_path / "b").read_text()
    assert first == again == render(json.loads(EARLIER.read_text()))


def test_results_of_an_earlier_version_still_give_a_page_with_figures():
    """Documents that do not say which measurements a claim rests on show the paper's figure of their place."""
    found = Elements(render(json.loads(EARLIER.read_text())))
    text = "".join(found.text)
    assert "Top eigenvalues of the Hessian" in text
    assert "Loss surface around the trained weights" in text
    assert len(found.of("details")) >= 9


def test_tables_have_a_row_per_run_measurement_and_hypothesis(tmp_path, full):
    """The Parquet tables carry the document's numbers."""
    build(full, tmp_path)
    runs, measurements, hypotheses = (
        pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("runs", "measurements", "hypotheses")
    )
    assert list(runs["key"]) == [run["key"] for run in full["runs"]]
    assert json.loads(runs["recipe"][0]) == full["runs"][0]["recipe"]
    assert json.loads(measurements["values"][3]) == full["measurements"][3]["values"]
    assert list(hypotheses["verdict"]) == [entry["effect"]["verdict"] for entry in full["hypotheses"]]
    values = full["hypotheses"][1]["a"]["values"]
    assert [None if math.isnan(value) else value for value in hypotheses["a_values"][1]] == values
    assert hypotheses["constant"][1] == 20.0


def test_a_full_sheet_is_at_most_five_megabytes(page):
    """65 claims with all their figures and data stay one small file."""
    assert len(page.encode()) <= 5e6


def test_a_full_sheet_builds_in_five_seconds_of_one_core(tmp_path):
    """The time that a fresh interpreter spends on a full report, imports and tables included."""
    program = (
        "import json, sys, time\nfrom pathlib import Path\nfrom vitwork.report.build import build\n"
        "build(Path(sys.argv[1]), Path(sys.argv[2]))\nprint(time.process_time())\n"
        "assert 'pandas' not in sys.modules and 'matplotlib' not in sys.modules and 'torch' not in sys.modules"
    )
    source = tmp_path / "results.json"
    source.write_text(json.dumps(synthetic.results()))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, source, tmp_path],
        cwd=EARLIER.parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) <= 5.0, f"{done.stdout} s of processor, {time.monotonic() - started} s in all"


def test_the_page_names_every_claim_and_its_numbers(full, page):
    """Sentences, verdicts, effects, paper values, deviations, confounds and the command that reruns a claim."""
    text = "".join(Elements(page).text)
    for claim in full["claims"]:
        for expected in (claim["id"], claim["sentence"], claim["paper"]["values"], *claim["confounds"], claim["rerun"]):
            assert expected in text
    assert full["provenance"]["commit"] in text
    assert "with uncommitted changes" in text
    assert "×0.368 [0.223, 0.607]" in text


def test_the_page_tells_code_driver_seeds_and_energy(full, page):
    """Hashes of the code, the accelerator with its driver, seeds, joules in a unit that suits; nothing where none is known."""
    text = "".join(Elements(page).text)
    assert f"vitwork.measurements.hessian {'a' * 20}" in text
    assert "driver 570.86.15, cuda 13.2" in text
    assert "Seeds0, 1, 2, 3, 4" in text
    total = sum(entry["joules"] for entry in [*full["runs"], *full["measurements"]])
    assert f"of measuring, {total / 1e3:.3g} kJ; this session" in text
    first = full["claims"][0]
    assert f"{first['cost_joules'] / 1e3:.3g} kJ" in text.split(first["sentence"])[2]
    measured = copy.deepcopy(full["measurements"][:3])
    measured[0]["joules"] = None
    partly = "".join(Elements(render({**full, "runs": [], "measurements": measured})).text)
    assert "known for 2 of 3 runs and measurements" in partly
    assert "kJ" not in "".join(Elements(render(json.loads(EARLIER.read_text()))).text)


def test_trends_over_arms_and_bands_are_said_as_they_were_claimed(full):
    """Every arm of a trend has its seeds in the page and its n in words; a claim of no difference names its band."""
    results = copy.deepcopy({**full, "claims": full["claims"][:1], "hypotheses": full["hypotheses"][:2]})
    trend, band = results["hypotheses"]
    trend |= {"between": [copy.deepcopy(trend["b"]) | {"arm": "vit-local-3"}], "levels": [1, 2, 4]}
    trend["effect"] |= {"scale": "slope", "estimate": -2.0}
    band |= {"within": 0.5, "b": trend["b"]}
    band["effect"] |= {"alternative": "two-sided", "scale": "difference"}
    jsonschema.validate(results, json.loads(SCHEMA_FILE.read_text()))
    text = "".join(Elements(render(results)).text)
    assert "n = 5 + 5 + 5" in text
    assert "−2.0 [−1.5, −0.5]" in text
    assert "the paper’s side is a difference within ±0.5" in text
    assert "two-sided than" not in text
    link = next(a["href"] for a in Elements(render(results)).of("a") if "seeds.csv" in (a.get("download") or ""))
    rows = list(csv.DictReader(io.StringIO(unquote(link.split(",", 1)[1]))))
    assert sum(row["arm"] == "vit-local-3" for row in rows) == 5


def test_every_seed_is_a_point_with_its_value(full, page):
    """Each hypothesis draws one mark per seed that has a value, named by seed."""
    hypothesis = full["hypotheses"][0]
    section = page.split('id="claim-landscape-vit-flatter"')[1].split("</details>")[0]
    strip = section.split('aria-label="APE')[1].split("</svg>")[0] if 'aria-label="APE' in section else section
    for side in (hypothesis["a"], hypothesis["b"]):
        for seed in side["seeds"]:
            assert strip.count(f"{side['arm']}, seed {seed}: ") == 1


def test_the_csv_in_the_page_holds_the_seeds_to_six_digits(full, page):
    """The link decodes to the values of the document."""
    link = next(
        a["href"]
        for a in Elements(page).of("a")
        if (a.get("download") or "").startswith("claim-hessian-vit-smaller-seeds")
    )
    rows = list(csv.DictReader(io.StringIO(unquote(link.split(",", 1)[1]))))
    expected = [h for h in full["hypotheses"] if h["claim"] == "hessian-vit-smaller"]
    wanted = [value for h in expected for side in (h["a"], h["b"]) for value in side.get("values", [])]
    assert len(rows) == len(wanted)
    for row, value in zip(rows, wanted, strict=True):
        assert row["value"] == ("" if value is None else f"{value:.6g}")


def test_large_tables_are_in_the_page_too_compressed_and_once(page):
    """What the script unpacks is the table, whatever its size; equal tables share their place."""
    tables = Tables()
    rows = [(place, 'a,"</script>') for place in range(LARGEST // 10)]
    assert tables.link(("n", "text"), []) is None
    assert tables.link(("n", "text"), rows[:3]).table is None
    assert [tables.link(("n", "text"), rows).table for _ in range(2)] == [0, 0]
    assert tables.link(("n", "words"), rows).table == 1
    assert "<" not in tables.packed()
    packed = [gzip.decompress(base64.b64decode(text)).decode() for text in json.loads(tables.packed())]
    assert [list(csv.reader(io.StringIO(text)))[2] for text in packed] == [["1", 'a,"</script>']] * 2
    links = Elements(page).of("a")
    placed = {int(a["data-table"]) for a in links if "data-table" in a}
    kept = json.loads(page.split('id="tables">')[1].split("</script>")[0])
    assert placed == set(range(len(kept)))
    assert len([a for a in links if "data-table" in a or "download" in a]) > 80


def test_nothing_is_loaded_and_nothing_runs_inline(page):
    """No address but anchors, data and files beside the page; no event handler; a policy that names the script's hash."""
    found = Elements(page)
    assert not found.of("link") + found.of("iframe") + found.of("img") + found.of("object")
    assert not any("src" in attributes for _, attributes in found.tags)
    links = [attributes["href"] or "" for attributes in found.of("a")]
    beside = {"results.json", "runs.parquet", "measurements.parquet", "hypotheses.parquet", "summary.md"}
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
    """Markup in ids, sentences, arms and reasons adds no element, and is shown as it was written."""
    found = Elements(hostile_page)
    harmless = Elements(render(synthetic.results(claims=20)))
    assert not found.of("img")
    assert len(found.of("script")) == len(harmless.of("script")) == 3
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    text = "".join(found.text)
    assert "<script>alert('x')</script>" in text
    assert "{{7*7}}" in text
    assert "\u202e" not in hostile_page


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet=st.characters(codec=None), max_size=40), st.text(max_size=40))
def test_any_text_leaves_the_structure_of_the_page_alone(name, sentence):
    """Whatever a claim or an arm is called, the page has the same elements, and it can be encoded."""
    results = json.loads(EARLIER.read_text()) | {"measurements": []}
    plain_tags = [tag for tag, _ in Elements(render(results)).tags if tag not in ("title", "path", "text", "svg")]
    claim = results["claims"][0]
    claim["sentence"], claim["reason"] = sentence, name
    for run in results["runs"]:
        run["arm"] = name + run["arm"]
    made = render(results)
    made.encode()
    tags = [tag for tag, _ in Elements(made).tags if tag not in ("title", "path", "text", "svg")]
    assert tags.count("script") == plain_tags.count("script")
    assert tags.count("details") >= plain_tags.count("details")
    assert not {"img", "iframe", "object", "base", "meta2"} & set(tags)


@given(st.lists(st.text(max_size=12), max_size=12, unique=True))
def test_anchors_are_plain_and_all_different(names):
    """An id of the page has nothing to escape."""
    found = anchors("claim", names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"claim-[a-z0-9-]*", place) for place in found.values())


@given(st.text(max_size=60))
def test_cells_of_the_csv_are_no_formulas(text):
    """A spreadsheet reads text as text."""
    link = Tables().link(("a",), [(text,)])
    cell = next(csv.reader(io.StringIO(unquote(link.href.split(",", 1)[1]).partition("\n")[2], newline="")), [""])[0]
    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert cell.lstrip("'").replace("\r", "") == text.lstrip("'").replace("\r", "") or "\x00" in text


@given(st.text(max_size=80))
def test_the_summary_keeps_its_table_whatever_a_claim_is_called(text):
    """No pipe, line break, mention or tag gets out of a cell."""
    shown = plain(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[|<>`\[]", shown)
    assert not re.search(r"@\w", shown)


def test_the_summary_has_a_row_per_claim(full):
    """Counts first, then every claim."""
    lines = markdown(full).splitlines()
    assert "**29** reproduced, **9** contradicted, **18** inconclusive, **9** not measured" in lines
    assert sum(line.startswith("| ") for line in lines) == len(full["claims"]) + 1


def test_a_missing_measurement_leaves_its_figure_out_and_nothing_else(full):
    """Records without values, of unknown kinds or of another shape cost their figure only."""
    results = copy.deepcopy({**full, "claims": full["claims"][:3], "hypotheses": full["hypotheses"][:6]})
    for entry in results["measurements"]:
        if entry["name"] == "surface":
            entry["values"] = None
        elif entry["name"] == "trajectory":
            entry["values"] = {"something": "else"}
    text = "".join(Elements(render(results)).text)
    assert "Loss surface" not in text
    assert "Trajectory of the weights" not in text
    assert "Top eigenvalues of the Hessian" in text
    assert "rror" not in text.replace("error rate", "").replace("Error rates", "")


def test_a_session_that_measured_nothing_has_a_page(full):
    """No runs, no measurements, effects that do not exist, unknown cost."""
    results = copy.deepcopy({**full, "runs": [], "measurements": [], "claims": full["claims"][:2]})
    for hypothesis in results["hypotheses"]:
        hypothesis["effect"] = None
        hypothesis["a"] = {"arm": "vit", "label": "APE(vit)", "seeds": [], "values": []}
    for claim in results["claims"]:
        claim["cost_seconds"] = None
    render(results)
    render({**results, "claims": [], "hypotheses": []})
    for run in (copy.deepcopy(full["runs"][0]) | {"history": [], "status": None, "seconds": None, "parameters": None},):
        render({**results, "runs": [run]})


def test_effects_without_limits_or_estimate_are_shown(full):
    """Infinite interval ends are null in the document and open in words."""
    results = copy.deepcopy({**full, "claims": full["claims"][:1], "hypotheses": full["hypotheses"][:2]})
    results["hypotheses"][0]["effect"] |= {"low": None}
    results["hypotheses"][1]["effect"] |= {"estimate": None, "low": None, "high": None, "p": None, "adjusted_p": None}
    text = "".join(Elements(render(results)).text)
    assert "×0.368 [0, 0.607]" in text
    assert "no estimate" in text
