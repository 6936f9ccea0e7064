"""Numbers that JSON lacks survive a document."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vitwork.facts.not_finite import not_finite, restored
from vitwork.report.document import dump

RECORDS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/0", max_size=3), inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: dict[str, Any]) -> None:
    """Through JSON and back, every number is the same to the bit, NaN and infinities included, and null stays null."""
    read = restored(json.loads(dump(record)), not_finite(record))
    assert json.dumps(read) == json.dumps(record)


def test_places_are_those_of_the_numbers() -> None:
    """Each number that is not finite is listed once, with what it is."""
    record = {"angle": [math.nan, 0.0, None], "change": {"block": -math.inf}}
    assert not_finite(record) == {"/angle/0": "nan", "/change/block": "-inf"}
