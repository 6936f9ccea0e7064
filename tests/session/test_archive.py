"""A report's records as a second store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from tests.evidence.published import planned, published, report, work
from vitwork.facts.document import Results
from vitwork.report.document import dump, read
from vitwork.session.archive import Archive, ArchivedStore
from vitwork.store.store import Store


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Return a report as it is read from disk."""
    path = tmp_path / "results.json"
    path.write_bytes(dump(published(tmp_path / "store")))
    return read(path)


def test_records_are_those_that_were_measured(results: Results, tmp_path: Path) -> None:
    """Values come back to the bit, NaN, infinities and null included, and a run's record with all that sessions ask of it."""
    own, archive = Store(tmp_path / "store"), Archive([results])
    for want in planned().wanted.values():
        before, after = own.read(want.key) or {}, archive.read(want.key) or {}
        assert json.dumps(before["values"]) == json.dumps(after["values"])
        run, again = own.read(want.run.key) or {}, archive.read(want.run.key) or {}
        told = ("seed", "status", "finished", "origin", "seconds", "mode")
        assert {name: run[name] for name in told} == {name: again[name] for name in told}
        assert run["arm"].items() >= again["arm"].items()  # a report tells what trains; a trained arm loads nothing
        assert run["history"] == list(again["history"])


def test_what_a_report_holds_counts_as_measured(results: Results, tmp_path: Path) -> None:
    """With a report beside it an empty store lacks nothing, and its own report is the same."""
    store = ArchivedStore(tmp_path / "empty", Archive([results]))
    plan = planned()
    assert plan.missing(store) == []
    assert len(plan.missing(Store(tmp_path / "empty"))) == 27
    found = report(plan, store)
    for part in ("claims", "hypotheses", "measurements", "runs", "origins"):
        assert dump(getattr(found, part)) == dump(getattr(results, part))


def test_a_run_that_is_trained_here_takes_nothing_from_a_report(results: Results, tmp_path: Path) -> None:
    """Once a run is this store's own, the report's measurements of it are another training's, and are made anew."""
    store, plan = ArchivedStore(tmp_path / "own", Archive([results])), planned()
    run = next(iter(plan.runs.values()))
    store.write(run.key, {"status": "finished"})
    assert plan.missing(store) == [run]
    assert store.read(run.key) == {"status": "finished"}
    assert all(store.read(want.key) is None and not store.seal(want.key) for want in plan.measurements(run))


def test_alone_nothing_but_the_report_counts(results: Results, tmp_path: Path) -> None:
    """Where a report is judged again, records of the store's own are not looked at."""
    gone = structs.replace(results, measurements=results.measurements[1:])
    key = results.measurements[0].key
    store = ArchivedStore(tmp_path / "store", Archive([gone]), alone=True)
    assert Store(tmp_path / "store").has(key)
    assert not store.has(key)
    assert store.read(key) is None
    assert not store.seal(key)


def test_what_was_planned_and_not_measured_is_no_record(tmp_path: Path) -> None:
    """Runs and measurements that a partial report names without numbers are missing."""
    plan, store = planned(), Store(tmp_path / "part")
    work(plan, store)
    for want in list(plan.wanted.values())[::2]:
        store._record_path(want.key).unlink()
    store._record_path(next(iter(plan.runs))).unlink()
    again = ArchivedStore(tmp_path / "other", Archive([report(plan, store)]))
    assert {run.key for run in plan.missing(again)} == {run.key for run in plan.missing(store)}
