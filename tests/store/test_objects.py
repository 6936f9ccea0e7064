"""A store on an object store: a service of S3 on loopback, and folders in memory."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitwork.errors import VitworkError
from vitwork.store.objects import ObjectStore, opened, where, working_folder
from vitwork.store.store import SEAL_SIZE, Store, write_sealed

KEY, OTHER = "0" * 20, "1" * 20


@pytest.fixture(scope="module")
def service() -> Iterator[Any]:
    """S3 on loopback, by moto's server."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    if importlib.util.find_spec("moto") is None:
        pytest.skip("needs moto")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(service: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """An empty bucket, as a file system."""
    import s3fs

    host, port = service.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    name = request.node.name.replace("_", "-").lower()[:60]
    system.mkdir(name)
    return system, f"s3://{name}/runs-of-ours"


def trained(store: Store, key: str, weights: bytes = b"weights", **record: Any) -> None:
    """Write what a training leaves."""
    folder = store.root / "runs" / key
    for name, content in (("end.pt", weights), ("outcome.json", b"{}"), ("checkpoint.pt", b"half")):
        write_sealed(folder / name, content)
    store.write(key, {"status": "finished", **record})


def test_records_and_final_snapshots_are_shared(bucket: Any, tmp_path: Path) -> None:
    """What one machine writes, another reads: records, snapshots and outcome, but no checkpoint."""
    system, url = bucket
    one, two = ObjectStore(url, tmp_path / "one"), ObjectStore(url, tmp_path / "two")
    trained(one, KEY, accuracy=float("nan"))
    two.listed = 0.0
    assert two.has(KEY)
    assert str(two.read(KEY)) == str(one.read(KEY))
    assert two.seal(KEY) == one.seal(KEY)
    assert {path.name for path in two.run_folder(KEY).iterdir()} == {"end.pt", "outcome.json"}
    assert {Path(name).name for name in system.find(url)} == {"end.pt", "outcome.json", f"{KEY}.json"}
    assert not two.has(OTHER)
    assert two.read(OTHER) is None


def test_the_first_record_stays(bucket: Any, tmp_path: Path) -> None:
    """Two machines that did the same end with one record: a conditional write lets the first stand, and the other takes it."""
    _, url = bucket
    one, two = ObjectStore(url, tmp_path / "one"), ObjectStore(url, tmp_path / "two")
    trained(one, KEY, by="one")
    trained(two, KEY, by="two")
    three = ObjectStore(url, tmp_path / "three")
    assert [store.read(KEY) for store in (one, two, three)] == [{"status": "finished", "by": "one"}] * 3


def test_a_damaged_record_there_is_made_anew(bucket: Any, tmp_path: Path) -> None:
    """A record that was cut in the bucket is not believed, and the next one written takes its place."""
    system, url = bucket
    trained(ObjectStore(url, tmp_path / "one"), KEY, by="one")
    (name,) = (name for name in system.find(url) if name.endswith(f"{KEY}.json"))
    system.pipe_file(name, system.cat_file(name)[:-SEAL_SIZE])
    two = ObjectStore(url, tmp_path / "two")
    assert two.read(KEY) is None
    trained(two, KEY, by="two")
    assert json.loads(system.cat_file(name)[:-SEAL_SIZE])["by"] == "two"


def test_snapshots_that_are_gone_are_made_anew(bucket: Any, tmp_path: Path) -> None:
    """A run whose folder was deleted there has none here: which is noticed as in a folder, and no error of the service."""
    system, url = bucket
    trained(ObjectStore(url, tmp_path / "one"), KEY)
    system.rm(f"{url}/runs", recursive=True)
    other = ObjectStore(url, tmp_path / "other")
    assert other.has(KEY)
    assert not other.run_folder(KEY).exists()


def test_a_service_that_cannot_be_used_is_one_sentence(bucket: Any, tmp_path: Path) -> None:
    """A bucket that does not exist, and a kind of URL that nobody knows, are told in one sentence."""
    with pytest.raises(VitworkError, match=r"^The store nope://x cannot be opened \(.*\)\.$"):
        ObjectStore("nope://x", tmp_path)
    with pytest.raises(VitworkError, match=r"^The store s3://there-is-none/at-all cannot be used \(.*bucket.*\)\.$"):
        ObjectStore("s3://there-is-none/at-all", tmp_path)


def test_a_store_is_a_folder_or_a_url(tmp_path: Path) -> None:
    """A path opens a folder; a URL works in a folder of its own within the project's, one for each URL."""
    folder = opened(where(str(tmp_path / "here")), tmp_path)
    assert (type(folder), folder.root) == (Store, tmp_path / "here")
    memory = opened(where("memory://runs"), tmp_path)
    assert isinstance(memory, ObjectStore)
    assert memory.root == working_folder("memory://runs", tmp_path)
    assert memory.root.parent == tmp_path
    assert working_folder("memory://others", tmp_path) != memory.root


def test_a_folder_is_a_place_by_its_url(tmp_path: Path) -> None:
    """Files need their folders, which services of objects do not have."""
    there = tmp_path / "there"
    there.mkdir()
    store = opened(where(there.as_uri()), tmp_path / "one")
    trained(store, KEY, by="one")
    other = opened(where(there.as_uri()), tmp_path / "two")
    record = other.read(KEY)
    assert record is not None
    assert record["by"] == "one"
    assert (other.run_folder(KEY) / "end.pt").is_file()
