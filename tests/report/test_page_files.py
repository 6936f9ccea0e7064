"""Files inside the page."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import random
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from vitwork.report.page_files import LARGEST, ROOM, PageFiles


def test_large_tables_are_compressed_and_kept_once():
    """What the script unpacks is the table, whatever its size; equal tables share their place."""
    tables = PageFiles()
    rows = [(place, 'a,"</script>') for place in range(LARGEST // 10)]
    assert tables.table(("n", "text"), []) is None
    assert tables.table(("n", "text"), rows[:3]).packed is None
    assert [tables.table(("n", "text"), rows).packed for _ in range(2)] == [0, 0]
    assert tables.table(("n", "words"), rows).packed == 1
    assert "<" not in tables.written()
    packed = [gzip.decompress(base64.b64decode(text)).decode() for text in json.loads(tables.written())]
    assert [list(csv.reader(io.StringIO(text)))[2] for text in packed] == [["1", 'a,"</script>']] * 2


def test_what_is_no_number_is_an_empty_cell():
    """A spreadsheet would read the letters of NaN as text."""
    link = PageFiles().table(("a", "b", "c"), [(float("nan"), None, 1.5)])
    assert unquote(link.href.split(",", 1)[1]).splitlines()[1] == ",,1.5"


@given(st.text(st.characters(exclude_characters="\r"), max_size=60))
def test_cells_of_the_csv_are_no_formulas(text):
    """A spreadsheet reads text as text; carriage returns are gone before, as pages show them as hidden characters."""
    link = PageFiles().table(("a",), [(text,)])
    cell = next(csv.reader(io.StringIO(unquote(link.href.split(",", 1)[1]).partition("\n")[2], newline="")), [""])[0]
    assert cell[:1] not in ("=", "+", "-", "@", "\t")
    assert cell.lstrip("'") == text.lstrip("'") or "\x00" in text


def test_a_file_without_room_is_linked_beside_the_page():
    """Random bytes cannot be compressed; those of another file still fit, and nothing is kept twice."""
    packed = PageFiles()
    small, large = random.Random(0).randbytes(100), random.Random(1).randbytes(ROOM)
    assert packed.file("results.json", small) == ("results.json", 0)
    assert packed.file("measurements.parquet", large) == ("measurements.parquet", None)
    assert packed.file("again.json", small) == ("again.json", 0)
    assert gzip.decompress(base64.b64decode(json.loads(packed.written())[0])) == small
