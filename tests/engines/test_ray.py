"""A Ray cluster of two nodes on this machine: results travel through it, and a node that is lost costs nothing."""

from __future__ import annotations

import importlib.util
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.engines.small import RESNET, Weight, assert_same, lengthy, local, plan
from tests.event_files import scalars
from vitwork.design.dataset import DataSpec
from vitwork.engines import on_ray
from vitwork.engines.packed_images import shipped, unloaded
from vitwork.profiles import SMOKE
from vitwork.session.bookings import booked
from vitwork.session.engine import Choice
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.store.store import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]
SMALL = 80 * 2**20  # bytes of each node's object store


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head that does no tasks, and a node that does one at a time."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": SMALL, "include_dashboard": False})  # fmt: skip
    made.add_node(num_cpus=1, object_store_memory=SMALL)
    yield made
    ray.shutdown()
    made.shutdown()


def session(folder: Path, cluster: Any, events: Path | None = None) -> Worker:
    return Worker(Store(folder), device="cpu", events=events, engine=Choice("ray", {"address": cluster.address}))


def test_a_cluster_does_what_the_session_does(cluster: Any, tmp_path: Path) -> None:
    """Records and weights come back through the cluster as a local session would have them, to the last bit."""
    planned = plan(RESNET)
    worker = session(tmp_path / "ray", cluster)
    worker.drain(planned)
    assert worker.troubles.known == {}
    assert_same(worker.store, local(tmp_path / "local", planned), planned)
    assert booked(worker.store.root) == []


def test_a_node_that_is_killed_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    """A node dies in the middle of a training: another goes on from the last checkpoint, to the same bits."""
    planned = plan(lengthy(RESNET, 600, 400), seeds=1)  # a checkpoint is written after 30 seconds
    worker = session(tmp_path / "ray", cluster, tmp_path / "events")
    thread = threading.Thread(target=worker.drain, args=(planned,), daemon=True)
    (first,) = cluster.worker_nodes
    thread.start()
    (key,) = planned.runs
    end = time.monotonic() + 400
    while not (worker.store.run_folder(key) / "checkpoint.pt").exists():
        assert thread.is_alive(), "the training ended before its first checkpoint"
        assert time.monotonic() < end
        time.sleep(0.2)
    cluster.remove_node(first, allow_graceful=False)
    cluster.add_node(num_cpus=1, object_store_memory=SMALL)
    thread.join(600)
    assert worker.troubles.known == {}
    assert_same(worker.store, local(tmp_path / "local", planned), planned)
    before, after = (steps(path) for path in sorted((tmp_path / "events" / "resnet-seed-0").iterdir()))
    assert min(after) > 0.5 * max(before), "the training began anew"


def test_images_are_sent_along(cluster: Any, tmp_path: Path) -> None:
    """A folder of images reaches a node that does not have it, and is unpacked there once."""
    import ray

    folder = tmp_path / "images"
    (folder / "class").mkdir(parents=True)
    (folder / "class" / "one.png").write_bytes(b"picture")
    ray.init(address=cluster.address, log_to_driver=False)
    shipment = shipped(folder, ray.put)
    call = ray.remote(unloaded).options(runtime_env={"env_vars": {"VITWORK_CACHE": str(tmp_path / "cache")}})
    first, second = ray.get([call.remote(shipment), call.remote(shipment)])
    assert first == second
    assert first.is_relative_to(tmp_path / "cache")
    assert (first / "class" / "one.png").read_bytes() == b"picture"


def test_a_session_trains_on_images_that_it_sent(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `data=send` the nodes need no folder of images: it is gone once it was sent, and the bits are those of a local session."""
    images = tmp_path / "images"
    class_folders(images)
    arm = replace(RESNET, data=DataSpec("cifar10", size=8, train=20, test=20))
    planned = Plan(SMOKE, data=images)
    planned.want(arm, 0, Weight())
    alone = Worker(Store(tmp_path / "local"), data=images, device="cpu")
    alone.drain(planned)

    def sent(folder: Path, put: Any) -> Any:
        shipment = shipped(folder, put)
        shutil.rmtree(folder)
        return shipment

    monkeypatch.setattr(on_ray, "shipped", sent)
    settings = {"address": cluster.address, "data": "send"}
    worker = Worker(Store(tmp_path / "ray"), data=images, device="cpu", engine=Choice("ray", settings))
    worker.drain(planned)
    assert not images.exists()
    assert worker.troubles.known == {}
    assert_same(worker.store, alone.store, planned)


def class_folders(root: Path) -> None:
    """Write ten classes of two pictures for training and for testing."""
    dice = np.random.default_rng(0)
    for split in ("train", "test"):
        for kind in range(10):
            folder = root / split / f"class{kind}"
            folder.mkdir(parents=True)
            for number in range(2):
                Image.fromarray(dice.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number}.png")


def steps(path: Path) -> list[int]:
    """Return the steps that an event file tells of."""
    return [event.step for event in scalars(path)("train/loss")]
