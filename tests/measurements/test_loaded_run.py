"""What the record of a published network's run says."""

from __future__ import annotations

import json

import torch

from tests.published_networks import class_folders, save
from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT, DataSpec
from vitwork.design.published import LOADED
from vitwork.measurements.loaded_run import described, loaded_run
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


def test_networks_have_the_sample_in_common_and_draw_their_own_mini_batches(tmp_path, monkeypatch):
    """Test images are the same for two networks; what is drawn for curvature follows a network's weights, not its place."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    images = class_folders(tmp_path / "val", (0, 7), each=4)
    arm = Arm("vit", "", recipe=LOADED, data=DataSpec(HELD_OUT, test=8))
    runs = []
    for seed, name in enumerate(("a", "b")):
        save(tmp_path / f"test_vit.{name}.safetensors", "test_vit", seed)
        network = found(published(f"test_vit.{name}"), tmp_path)
        runs += [loaded_run(arm, network, images, "cpu"), loaded_run(arm, network, images, "cpu")]
    seen = [torch.cat([batch for batch, _ in run.test_batches(limit=5)]) for run in runs]
    drawn = [torch.cat([batch for batch, _ in run.training_batches(1, 4)]) for run in runs]
    assert all(torch.equal(seen[0], one) for one in seen)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[2], drawn[3])
    assert not torch.equal(drawn[0], drawn[2])
