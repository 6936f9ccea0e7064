"""What is read and written: bad input, and characters that hide."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from vitwork.errors import VitworkError
from vitwork.report.build import build
from vitwork.report.html import environment, visible

EARLIER = Path(__file__).parent / "results-earlier.json"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), ("{", "not JSON"), ("{}", "schema"), ('{"schema": "vitwork-results/1"}', "lacks")],
)
def test_what_is_no_results_file_is_said_in_one_sentence(tmp_path, content, words):
    """Missing, broken, foreign and incomplete files."""
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(VitworkError, match=words) as caught:
        build(path, tmp_path / "report")
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "report").write_text("")
    with pytest.raises(VitworkError, match="cannot be written"):
        build(EARLIER, tmp_path / "report")


def test_nan_in_a_document_becomes_null(tmp_path):
    """JSON has no NaN, and a strict reader must accept the file."""
    results = json.loads(EARLIER.read_text())
    results["runs"][0]["seconds"] = math.nan
    build(results, tmp_path)

    def refuse(name):
        raise AssertionError(name)

    assert json.loads((tmp_path / "results.json").read_text(), parse_constant=refuse)["runs"][0]["seconds"] is None


def test_templates_escape_by_default_and_name_what_they_lack():
    """A forgotten filter shows text, and a forgotten value is an error here, not a gap on the page."""
    made = environment()
    assert made.autoescape is True
    assert made.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(Exception, match="undefined"):
        made.from_string("{{ y }}").render()


def test_hidden_characters_are_made_visible_in_keys_and_values():
    """Direction overrides, control characters and lone surrogates."""
    assert visible({"a\u202e": ["\x00b", 1, "\ud800"]}) == {"a\ufffd": ["\ufffdb", 1, "\ufffd"]}
