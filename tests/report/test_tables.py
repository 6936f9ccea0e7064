"""Parquet tables."""

from __future__ import annotations

import io
import json
import math

import pandas as pd
import pytest
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.report import words
from vitwork.report.tables import NAMES, tables


@pytest.fixture(scope="module")
def small():
    return synthetic.results(seeds=3, claims=7, grid=5)


def frames(results):
    return [pd.read_parquet(io.BytesIO(tables(results)[name])) for name in NAMES]


def test_tables_have_a_row_per_claim_run_measurement_and_hypothesis(small):
    """They carry the document's numbers, with the facts of an effect and their wording."""
    claims, runs, measurements, hypotheses = frames(small)
    assert list(claims["q"])[:2] == [0.006, 0.006]
    assert claims["said"][2].startswith(f"reproduced at synthetic, but not {synthetic.BATCHNORM}")
    assert not claims["ours"].any()
    assert list(hypotheses["control"])[4:7] == ["", "", synthetic.BATCHNORM]
    assert list(hypotheses["adjusted_high"]) == [entry.effect.adjusted_high for entry in small.hypotheses]
    assert list(runs["key"]) == [run.key for run in small.runs]
    assert json.loads(runs["recipe"][0]) == small.runs[0].recipe
    assert json.loads(measurements["values"][3]) == small.measurements[3].values  # noqa: PD011 - no frame
    assert list(hypotheses["verdict"]) == [entry.effect.verdict for entry in small.hypotheses]
    values = small.hypotheses[1].sides[0].values  # noqa: PD011 - no frame
    assert [None if math.isnan(value) else value for value in hypotheses["a_values"][1]] == list(values)
    assert hypotheses["constant"][1] == 20.0
    assert json.loads(hypotheses["sides"][0])[1]["arm"] == hypotheses["b_arm"][0]
    assert json.loads(hypotheses["penalty"][0]) == [2.0, 3.0]
    assert hypotheses["reason"][0] == words.reason(small.hypotheses[0])


def test_what_is_unknown_is_null_and_no_rows_are_an_empty_table(small):
    """Effects without numbers, and a session that measured nothing."""
    *_, hypotheses = frames(synthetic.hypothesis_of(small, effect={"low": -math.inf, "p": math.nan}))
    assert math.isnan(hypotheses["low"][0])
    assert math.isnan(hypotheses["p"][0])
    empty = frames(replace(small, claims=(), runs=(), measurements=(), hypotheses=()))
    assert [len(frame) for frame in empty] == [0, 0, 0, 0]
