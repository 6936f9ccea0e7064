"""Results documents on disk: what is refused, what survives a round trip, and the published schema."""

from __future__ import annotations

import json
import math
import os
import random
from contextlib import suppress
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from benchmarks.fault_mutations import mutated
from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.report import document, history, placement
from vitwork.report.build import build
from vitwork.report.document import SCHEMA_FILE, dump, read, schema_text
from vitwork.session.left_out_tests import Outline

SAMPLE = {"kind": "sample", "arm": "vit", "label": "x(vit)", "seeds": [0], "values": [1.0]}
NUMBER = {"kind": "constant", "value": 1.0}


@pytest.fixture(scope="module")
def small():
    return synthetic.results(seeds=2, claims=2, grid=5)


def refused(path: Path) -> str:
    with pytest.raises(VitworkError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"{", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"{}", "has the schema None"),
        (b"[]", "has the schema None"),
        (b'{"schema": "vitwork-results/1"}', "has the schema 'vitwork-results/1'"),
        (b'{"schema": "vitwork-results/2"}', "malformed: Object missing required field `profile`"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_results_file_is_said_in_one_sentence(tmp_path, content, words):
    """Missing, broken, foreign, incomplete and endlessly nested files."""
    path = tmp_path / "results.json"
    if content is not None:
        path.write_bytes(content)
    assert words in refused(path)


def test_what_might_never_end_is_not_read(tmp_path, small, monkeypatch):
    """A FIFO, a device and a file that is far too large are refused as a report, a history and what stands in a folder."""
    os.mkfifo(tmp_path / "results.json")
    os.mkfifo(tmp_path / history.NAME)
    assert "cannot be read: it is no regular file" in refused(tmp_path)
    assert "cannot be read: it is no regular file" in refused(Path("/dev/zero"))
    with pytest.raises(VitworkError, match="cannot be read: it is no regular file"):
        history.read(tmp_path)
    assert placement.standing_page(small, tmp_path) is None
    assert Outline.of(tmp_path) == Outline()
    build(small, tmp_path)
    monkeypatch.setattr(document, "MOST_BYTES", 1 << 10)
    assert "cannot be read: it is larger than 0 MiB" in refused(tmp_path)


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("claims", 0, "verdict"), "maybe", "$.claims[0].verdict"),
        (("hypotheses", 1, "effect"), None, "$.hypotheses[1].effect"),
        (("hypotheses", 0, "sides", 1, "kind"), "arm", "$.hypotheses[0].sides[1]"),
        (("hypotheses", 0, "sides"), [], "$.hypotheses[0].sides"),
        (("hypotheses", 0, "sides"), [SAMPLE], "$.hypotheses[0].sides"),
        (("hypotheses", 0, "sides"), [SAMPLE] * 3, "a comparison of 3 sides - at `$.hypotheses[0]"),
        (("hypotheses", 0, "sides"), [NUMBER, SAMPLE], "a comparison with a number where an arm has to be - at `$.hyp"),
        (("hypotheses", 1, "form"), "trend", "a trend with a number where an arm has to be - at `$.hypotheses[1]"),
        (("hypotheses", 0, "sides", 0, "values"), [1.0], "1 values of 2 seeds - at `$.hypotheses[0].sides[0]"),
        (
            ("hypotheses", 0, "sides", 1, "seeds"),
            [3, 3],
            "a seed of resnet stands there twice - at `$.hypotheses[0].sides",
        ),
        (("hypotheses",), 3, "$.hypotheses"),
        (("runs", 0, "seed"), "first", "$.runs[0].seed"),
    ],
)
def test_a_malformed_document_names_the_place(tmp_path, small, place, value, named):
    """Whatever part has another type, the sentence says which."""
    document = json.loads(dump(small))
    *path, last = place
    part = document
    for step in path:
        part = part[step]
    part[last] = value
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert named in refused(tmp_path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda found: found["claims"].append(found["claims"][0]), "{claim} stands there twice"),
        (lambda found: found["hypotheses"].append(found["hypotheses"][0]), "{hypothesis} stands there twice"),
        (lambda found: found["runs"].append(found["runs"][0]), "{run} stands there twice"),
        (lambda found: found["measurements"].append(found["measurements"][0]), "{record} stands there twice"),
        (lambda found: found["claims"][0]["hypotheses"].append("x:1"), "{claim} lists x:1, which is none of its"),
        (lambda found: found["hypotheses"].pop(0), "{claim} lists {hypothesis}, which is none of its"),
        (
            lambda found: found["hypotheses"][0].update(claim="nobody"),
            "{claim} lists {hypothesis}, which is none of its",
        ),
        (
            lambda found: found["claims"][0]["hypotheses"].pop(0),
            "{hypothesis} is no hypothesis that a claim {claim} lists",
        ),
        *(
            (
                lambda found, changed=changed: found["hypotheses"][0]["effect"].update(changed),
                f"{{hypothesis}} has {words}",
            )
            for changed, words in (
                ({"low": 1.0, "high": -1.0}, "an interval from 1 down to -1"),
                ({"adjusted_low": 1.0, "adjusted_high": -1.0}, "an interval from 1 down to -1"),
                ({"estimate": 9.0}, "the estimate 9 outside of its interval from "),
                ({"adjusted_low": 5.0, "adjusted_high": None}, "the estimate -1 outside of its interval from 5 to inf"),
                ({"p": 1.5}, "the p-value 1.5"),
                ({"p_for": -0.1}, "the p-value -0.1"),
            )
        ),
        (lambda found: found.update(runs=[]), "{record} is of no run {run} of resnet with seed 0"),
        (lambda found: found["runs"][0].update(seed=100), "{record} is of no run {run} of resnet with seed 0"),
        (lambda found: found["measurements"][0].update(arm="vit"), "{record} is of no run {run} of vit with seed 0"),
    ],
)
def test_records_that_contradict_each_other_are_refused_by_name(tmp_path, small, change, named):
    """Records that stand there twice, and whatever belongs to something else than it says, are no results."""
    content = json.loads(dump(small))
    change(content)
    (tmp_path / "results.json").write_text(json.dumps(content))
    names = {"claim": small.claims[0].id, "hypothesis": small.hypotheses[0].id, "run": small.runs[0].key}
    assert named.format(**names, record=small.measurements[0].key) in refused(tmp_path)


@pytest.mark.parametrize("key", ["verdict", "seeds", "schema"])
def test_a_key_that_stands_twice_in_one_object_is_refused(tmp_path, small, key):
    """Readers would take the last one without a word, whatever the first says."""
    text = dump(small).decode()
    at = text.index(f'"{key}":')
    (tmp_path / "results.json").write_text(f'{text[:at]}"{key}":null,{text[at:]}')
    assert f"is malformed: '{key}' stands twice in one object" in refused(tmp_path)


def test_a_document_survives_the_disk(tmp_path, small):
    """Read from its file or its folder, a document equals what was written."""
    (tmp_path / "results.json").write_bytes(dump(small))
    assert read(tmp_path) == read(tmp_path / "results.json") == small


def test_what_has_no_number_comes_back_as_it_was(tmp_path, small):
    """Unknown numbers and open intervals of effects are null on disk alone; null in a record stays None."""
    nan, infinity = math.nan, math.inf
    effect = {"estimate": nan, "low": -infinity, "high": infinity, "p": nan, "adjusted_p": nan}
    record = replace(small.measurements[0], values={"acc": nan, "nll": None})
    document = replace(synthetic.hypothesis_of(small, effect=effect), measurements=(record, *small.measurements[1:]))
    (tmp_path / "results.json").write_bytes(dump(document))
    strict = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert strict["hypotheses"][0]["effect"]["high"] is None
    found = read(tmp_path)
    again = found.hypotheses[0].effect
    assert (again.low, again.high, again.band, again.seeds_needed) == (-infinity, infinity, None, None)
    assert math.isnan(again.estimate + again.p)
    assert math.isnan(again.adjusted_p)
    assert found.measurements[0].values == {"acc": None, "nll": None}


def test_open_ends_of_adjusted_intervals_survive_the_disk(tmp_path, small):
    """An end that is infinite stays so for a claim with a p; what was never adjusted, as in earlier results, stays unknown."""
    for low, high in ((-math.inf, 1.0), (-math.inf, math.inf)):
        document = synthetic.hypothesis_of(small, 0, {"adjusted_low": low, "adjusted_high": high})
        (tmp_path / "results.json").write_bytes(dump(document))
        assert read(tmp_path).hypotheses[0].effect.deciding == (low, high)
    earlier = synthetic.earlier(small)
    (tmp_path / "results.json").write_bytes(dump(earlier))
    effect = read(tmp_path).hypotheses[0].effect
    assert math.isnan(effect.adjusted_low)
    assert effect.deciding == (effect.low, effect.high)


@pytest.mark.parametrize("profile", ["cifar10-micro", "smoke"])
def test_published_results_are_read(profile):
    """Also those that were written before claims had a p of their own."""
    found = read(Path(__file__).parents[2] / "reports" / "published" / profile)
    assert found.profile.name == profile
    assert found.claims


def test_lone_surrogates_are_replaced(tmp_path, small):
    """A path that is no text reaches the command line, and must not cost the results."""
    document = synthetic.provenance_of(small, command="pytest --data \udcff😀", hardware={"\udcff": ["\ud800"]})
    (tmp_path / "results.json").write_bytes(dump(document))
    found = read(tmp_path).provenance
    assert found.command == "pytest --data \ufffd😀"
    assert found.hardware == {"\ufffd": ["\ufffd"]}


def test_the_published_schema_is_that_of_the_types():
    """Write it anew with ``SCHEMA_FILE.write_text(schema_text())`` after a change of the types."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_the_schema_accepts_what_is_written_and_nothing_else(small):
    """Effects without numbers included; another verdict or a missing part is refused."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    effect = {"estimate": math.nan, "low": -math.inf, "high": math.inf, "p": math.nan, "adjusted_p": math.nan}
    document = json.loads(dump(synthetic.hypothesis_of(small, effect=effect)))
    jsonschema.validate(document, schema)
    for broken in (
        {**document, "claims": [{**document["claims"][0], "verdict": "maybe"}]},
        {name: part for name, part in document.items() if name != "schema"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def test_parts_of_results_are_written_like_the_whole(small):
    """A row of a table holds what the document holds."""
    assert msgspec.json.decode(dump(small.runs[0])) == json.loads(dump(small))["runs"][0]


@pytest.fixture(scope="module")
def written(small):
    """The text of a small document, and the document as it is read."""
    return dump(small), small


@settings(max_examples=15)  # benchmarks/faults.py makes thousands
@given(seed=st.integers(0, 2**32))
def test_whatever_is_changed_is_read_or_refused(tmp_path_factory, written, seed):
    """One value replaced, deleted or doubled, or some bytes changed: a report and a comparison, or one sentence."""
    text, good = written
    folder = tmp_path_factory.mktemp("changed")
    (folder / "results.json").write_bytes(mutated(text, random.Random(seed)))
    with suppress(VitworkError):
        results = read(folder)
        build(results, folder)
        synthetic.compared(good, results, folder / "compared")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"deep": [[[]]]}, None),
        ({"mixed": [0.5, None, 1, "text"]}, None),
        ({"big": 1 << 64}, "more than 64 bits"),
        ({"big": [0.5, 1 << 70]}, "more than 64 bits"),
        ({"deep": "DEEP"}, "nested too deeply"),
        ({"deep": [0.5, "DEEP"]}, "nested too deeply"),
    ],
)
def test_what_no_session_writes_is_refused(tmp_path, small, values, sentence):
    """Depth and whole numbers are bounded, so that every table and page can hold what was read."""
    record = replace(small.measurements[0], values=values)
    document = json.loads(dump(replace(small, measurements=(record, *small.measurements[1:]))))
    text = json.dumps(document).replace('"DEEP"', "[" * 100 + "]" * 100)
    (tmp_path / "results.json").write_text(text)
    if sentence is None:
        assert read(tmp_path).measurements[0].values == values
    else:
        with pytest.raises(VitworkError, match=sentence):
            read(tmp_path)


def test_a_moment_that_no_calendar_holds_is_refused(tmp_path, small):
    """The page would have to say when it was."""
    document = json.loads(dump(small))
    document["provenance"]["started"] = 1e300
    (tmp_path / "results.json").write_text(json.dumps(document))
    with pytest.raises(VitworkError, match="is malformed"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda found: found["profile"].update(seeds=0), ">= 1"),
        (lambda found: found["profile"].update(seeds=-1), ">= 1"),
        (lambda found: found["profile"].update(first_seed=-1), ">= 0"),
        (lambda found: found.update(alpha=5), "< 1"),
        (lambda found: found.update(alpha=0), "> 0"),
        (lambda found: found["measurements"].append(found["measurements"][0] | {"values": {"other": 1}}), "twice"),
        (lambda found: found["runs"].append(found["runs"][0]), "twice"),
        (lambda found: found["claims"].append(found["claims"][0]), "twice"),
    ],
)
def test_what_nothing_can_be_judged_by_is_refused(tmp_path, small, change, sentence):
    """A number of seeds or an error rate that there cannot be, and a record that stands there twice, are named."""
    document = json.loads(dump(small))
    change(document)
    (tmp_path / "results.json").write_text(json.dumps(document))
    with pytest.raises(VitworkError, match=f"malformed: .*{sentence}"):
        read(tmp_path)
