"""Results in notebooks."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from msgspec import structs

import vitwork
from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.notebook import Loaded, frames
from vitwork.report.document import dump

FRAMES = ("claims", "hypotheses", "values", "runs", "history", "measurements")
SPREAD = ("parameter.", "options.", "recipe.")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """Results with everything that results can hold."""
    return Loaded(synthetic.results(seeds=3, claims=12, grid=5))


@pytest.fixture
def folder(tmp_path: Path, loaded: Loaded) -> Path:
    (tmp_path / "results.json").write_bytes(dump(loaded.results))
    return tmp_path


def test_importing_the_package_imports_nothing_else() -> None:
    """A session that names the package does not pay for pandas; the functions come when they are asked for."""
    code = (
        "import sys, vitwork; assert not {'pandas', 'torch', 'numpy', 'rich', 'msgspec'} & set(sys.modules);"
        "vitwork.load; assert 'pandas' in sys.modules and not {'torch', 'matplotlib'} & set(sys.modules);"
        "print(vitwork.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == vitwork.__version__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vitwork.nothing


def test_results_are_read_from_a_file_a_folder_and_an_address(folder: Path) -> None:
    """A report's own address leads to the results beside it."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        places = [
            folder,
            str(folder / "results.json"),
            f"{address}/results.json",
            f"{address}/report.html",
            f"{address}/report.html?q=flat#claim-msa-lowpass",
            f"{address}/",
            str(folder / "report.html"),
        ]
        found = [vitwork.load(place).claims for place in places]
        with pytest.raises(VitworkError, match=r"nowhere/results.json cannot be fetched: .*404"):
            vitwork.load(f"{address}/nowhere")
        server.shutdown()
    assert all(frame.equals(found[0]) for frame in found)


@pytest.mark.parametrize("place", [3, None, ""])
def test_what_is_no_place_is_refused(place: object) -> None:
    """Neither a number nor an empty name reads a file of the current folder."""
    with pytest.raises(VitworkError, match=r"Name a results\.json, .*, not"):
        vitwork.load(place)


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_tidy(loaded: Loaded, name: str) -> None:
    """Columns are those that are documented, or spread; no cell holds a list or JSON; there is a row for each thing."""
    frame = getattr(loaded, name).reset_index()
    assert len(frame)
    known = set(frames.COLUMNS[name])
    assert known <= set(frame.columns)
    assert all(column in known | {"index"} or column.startswith(SPREAD) for column in frame.columns)
    cells = [cell for column in frame.columns for cell in frame[column].dropna()]
    assert not [cell for cell in cells if isinstance(cell, (list, tuple, dict))]
    assert not [cell for cell in cells if isinstance(cell, str) and cell.startswith(("{", "["))]


def test_numbers_are_those_of_the_document(loaded: Loaded) -> None:
    """Effects, values per seed and measured arrays come through unchanged, in columns of numbers."""
    results = loaded.results
    first = results.hypotheses[0]
    row = loaded.hypotheses.loc[first.id]
    assert (row["estimate"], row["p"], row["n_a"]) == (first.effect.estimate, first.effect.p, first.effect.n_a)
    assert (row["deciding_low"], row["deciding_high"]) == first.effect.deciding
    claim = loaded.claim(first.claim)
    one = claim.values[(claim.values["hypothesis"] == first.id) & (claim.values["side"] == 0)]
    wanted = [math.nan if value is None else value for value in first.sides[0].values]
    np.testing.assert_array_equal(one["value"], wanted)
    surface = next(entry for entry in results.measurements if entry.name == "surface")
    own = loaded.measurements
    grid = own[(own["key"] == surface.key) & (own["quantity"] == "nll")].pivot(index="i", columns="j", values="value")
    np.testing.assert_array_equal(grid.to_numpy(), np.array(surface.values["nll"], float))
    run = results.runs[0]
    assert loaded.runs.loc[run.key, "recipe.lr"] == run.recipe["lr"]


def test_records_of_one_name_are_told_apart(loaded: Loaded) -> None:
    """What measurements were made with is in columns, so that no two numbers share everything but their value."""
    spectrum = next(entry for entry in loaded.results.measurements if entry.name == "spectrum")
    other = structs.replace(spectrum, key="other", parameters={**spectrum.parameters, "solver": "pyhessian"})
    found = Loaded(structs.replace(loaded.results, measurements=(spectrum, other))).measurements
    assert not found.drop(columns=["key", "value", "text"]).duplicated().any()
    assert (found.loc[found["key"] == "other", "parameter.solver"] == "pyhessian").all()


def test_what_was_never_trained_is_no_training(loaded: Loaded) -> None:
    """A run that was planned and not made has no row, so that the columns of those that were keep their types."""
    planned = dict.fromkeys(("model", "parameters", "status", "seconds", "joules", "images_per_second", "mode"))
    run = structs.replace(loaded.results.runs[0], key="planned", options={}, recipe={}, history=(), **planned)
    found = Loaded(structs.replace(loaded.results, runs=(*loaded.results.runs, run))).runs
    assert "planned" not in found.index
    assert (found.dtypes == loaded.runs.dtypes).all()


def test_frames_are_saved_as_parquet(loaded: Loaded, tmp_path: Path) -> None:
    """Every column has one type, also where a recipe's list holds numbers and names."""
    run = loaded.results.runs[0]
    mixed = structs.replace(run, recipe={**run.recipe, "snapshots": ["init", 1]})
    other = structs.replace(run, key="other", recipe={**run.recipe, "snapshots": [2, "end"]})
    found = Loaded(structs.replace(loaded.results, runs=(mixed, other)))
    for name in FRAMES:
        path = tmp_path / f"{name}.parquet"
        getattr(found, name).to_parquet(path)
        assert pq.read_metadata(path).num_rows == len(getattr(found, name))
    assert found.runs["recipe.snapshots.0"].tolist() == ["init", "2"]


def test_results_print_in_a_notebook(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table goes to where it is printed, not to the notebook's own display."""
    before = repr(loaded)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert repr(loaded) == before


def test_results_and_claims_show_themselves(loaded: Loaded) -> None:
    """Printed they are the session's words; in a notebook they are tables, with what came from outside escaped."""
    assert "of the paper decided at profile synthetic" in repr(loaded)
    assert "<table" in loaded._repr_html_()
    id = loaded.results.claims[0].id
    claim = loaded.claim(id)
    assert claim.verdict in repr(claim)
    assert repr(claim).startswith(f"{id}: {claim.sentence}")
    assert "<table" in claim._repr_html_()
    with pytest.raises(VitworkError, match=f"There is no claim '{id}s' in these results; did you mean '{id}'"):
        loaded.claim(f"{id}s")
    with pytest.raises(VitworkError, match="There is no claim None in these results"):
        loaded.claim(None)  # type: ignore[arg-type]


def test_figures_show_every_claim_and_every_network(loaded: Loaded) -> None:
    """The overview has a point per claim that has a p, a claim's figure a point per network."""
    axes = loaded.plot().axes[0]
    assert (
        sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o")
        == loaded.claims["p"].notna().sum()
    )
    claim = loaded.claim(loaded.results.hypotheses[0].claim)
    figure = claim.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")  # a notebook shows it
    points = sum(len(line.get_ydata()) for axes in figure.axes for line in axes.lines if line.get_marker() == "o")
    assert points == len(claim.values)
    lacking = next(found for found in loaded.results.claims if not found.hypotheses)
    with pytest.raises(VitworkError, match="has no hypotheses to draw"):
        loaded.claim(lacking.id).plot()


def test_two_results_are_compared(loaded: Loaded, folder: Path) -> None:
    """Nothing changed between results and themselves; a verdict that flipped is named, and it does not hold any more."""
    same = vitwork.compare(folder, loaded)
    assert same.holds
    assert same.events.empty
    assert "Nothing changed" in repr(same)
    turned = vitwork.compare(loaded, Loaded(synthetic.changed(loaded.results)))
    assert not turned.holds
    assert "flipped" in set(turned.events["kind"])
    assert len(turned.claims) >= len(loaded.claims)
    assert "! flipped: " in repr(turned)
    assert not set(repr(turned)) & set("|*\\")
    assert "<table" in turned._repr_html_()
    assert turned.plot().axes[0].get_xlabel().startswith("effect before")


def test_seconds_of_what_became_slower_are_numbers(loaded: Loaded) -> None:
    """They stand in columns of their own, beside which the columns of verdicts and names are empty."""
    longer = [structs.replace(claim, cost_seconds=5 * (claim.cost_seconds or 0.0)) for claim in loaded.results.claims]
    events = vitwork.compare(loaded, Loaded(structs.replace(loaded.results, claims=tuple(longer)))).events
    assert set(events["kind"]) == {"slower"}
    assert (events["seconds_now"] / events["seconds_before"]).to_numpy() == pytest.approx(5.0)
    assert events[["before", "now"]].isna().all(axis=None)
