"""What is done as a session ends."""

from __future__ import annotations

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation
from vitwork.report import earlier
from vitwork.report.build import build
from vitwork.session import closing


def test_a_report_of_a_part_reads_what_stands_in_its_place_once(tmp_path, monkeypatch):
    """Reports are large; where a whole one stands under the part's own name as well, it goes beside both."""
    whole = synthetic.results(seeds=2, claims=2, grid=5)
    part = synthetic.profile_of(whole, deviations=(*whole.profile.deviations, Deviation(Change.CHOSEN)))
    asked: list[object] = []
    read = earlier.read
    monkeypatch.setattr(earlier, "read", lambda folder: (asked.append(folder), read(folder))[1])
    monkeypatch.setattr(closing.options, "store_of", lambda config: tmp_path)
    monkeypatch.setattr(
        closing.options, "report_of", lambda config, store, *, part: tmp_path / f"report{'-part' * part}"
    )

    def written() -> list[object]:
        asked.clear()
        return [closing.write(None, part).parent.name, *(folder.name for folder in asked)]

    build(part, tmp_path / "report-part")
    assert written() == ["report-part", "report-part"]
    build(whole, tmp_path / "report-part")
    assert written() == ["report-part-part", "report-part"]
    assert written() == ["report-part-part", "report-part", "report-part-part"]
