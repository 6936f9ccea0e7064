"""Reports by folder, file and address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.report import source
from vitwork.report.document import dump
from vitwork.report.source import open_report


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a report on loopback."""
    (tmp_path / "smoke").mkdir()
    (tmp_path / "smoke" / "results.json").write_bytes(dump(synthetic.results(seeds=2, claims=2, grid=5)))
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_report_is_the_same_by_any_of_its_names(address: str, tmp_path: Path) -> None:
    """Folder, file, and the addresses of folder, file and page give the same results."""
    places = [
        str(tmp_path / "smoke"),
        str(tmp_path / "smoke" / "results.json"),
        *(f"{address}/smoke{end}" for end in ("", "/", "/results.json", "/report.html")),
    ]
    assert len({dump(open_report(place)) for place in places}) == 1


def test_what_cannot_be_fetched_or_read_is_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a report, one with something else, and an endless file are refused by their address."""
    with pytest.raises(VitworkError, match=f"^{address}/nothing/results.json cannot be fetched: 404 File not found"):
        open_report(f"{address}/nothing")
    with pytest.raises(VitworkError, match=f"^{address}/other.json has the schema None"):
        open_report(f"{address}/other.json")
    monkeypatch.setattr(source, "MOST_BYTES", 1 << 10)
    with pytest.raises(VitworkError, match="is larger than 0 MiB"):
        open_report(f"{address}/smoke")


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    """A refused connection is told as such."""
    with pytest.raises(VitworkError, match=r"cannot be fetched: .*refused"):
        open_report("http://127.0.0.1:9/report")
