"""What the record of a published network's run says."""

from __future__ import annotations

import json

from tests.published_networks import save
from vitwork.measurements.loaded_run import described
from vitwork.models.published.content import found
from vitwork.models.published.membership import published


def test_what_was_loaded_is_recorded(tmp_path, monkeypatch):
    """A record, which is JSON, names the network and its file's content, and neither its place nor its weights."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    save(tmp_path / "test_vit.mine.safetensors", "test_vit", 0)
    network = found(published("test_vit.mine"), tmp_path)
    record = json.loads(json.dumps(described(network, "cpu")))
    assert (record["status"], record["network"]["name"], record["network"]["sha256"]) == (
        "finished", "test_vit.mine", network.sha256,
    )  # fmt: skip
    assert {"path", "weights"}.isdisjoint(record["network"])
