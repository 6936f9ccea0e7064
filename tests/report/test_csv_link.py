"""Tables inside the page."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from vitwork.report.csv_link import LARGEST, Tables


def test_large_tables_are_compressed_and_kept_once():
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


@given(st.text(st.characters(exclude_characters="\r"), max_size=60))
def test_cells_of_the_csv_are_no_formulas(text):
    """A spreadsheet reads text as text; carriage returns are gone before, as pages show them as hidden characters."""
    link = Tables().link(("a",), [(text,)])
    cell = next(csv.reader(io.StringIO(unquote(link.href.split(",", 1)[1]).partition("\n")[2], newline="")), [""])[0]
    assert cell[:1] not in ("=", "+", "-", "@", "\t")
    assert cell.lstrip("'") == text.lstrip("'") or "\x00" in text
