from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitwork.errors import VitworkError
from vitwork.store.store import CorruptFileError, Store, read_sealed, write_atomically, write_sealed


@given(st.binary(max_size=200))
def test_sealed_content_comes_back(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any content is read as it was written."""
    path = tmp_path_factory.mktemp("sealed") / "file"
    write_sealed(path, content)
    assert read_sealed(path) == content


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied", "unsealed"])
def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    """A file that is not what was written is named and not read."""
    path = tmp_path / "weights.pt"
    write_sealed(path, b"some content of a file")
    data = path.read_bytes()
    path.write_bytes(
        {"truncated": data[:-7], "altered": b"S" + data[1:], "emptied": b"", "unsealed": b"some content"}[damage]
    )
    with pytest.raises(CorruptFileError, match=r"weights\.pt is truncated or was altered"):
        read_sealed(path)


def test_records_survive_exactly(tmp_path: Path) -> None:
    """Numbers come back to the last digit, not-a-number and infinities included."""
    store = Store(tmp_path)
    record = {"values": [0.1 + 0.2, math.inf, math.nan, 1e-300], "name": "π"}
    store.write("key", record)
    found = store.read("key")
    assert found is not None
    assert json.dumps(found) == json.dumps(record)


def test_damaged_record_is_set_aside(tmp_path: Path) -> None:
    """A damaged record counts as missing, is kept for inspection, and can be written anew."""
    store = Store(tmp_path)
    store.write("key", {"a": 1})
    (path,) = tmp_path.glob("records/*/key.json")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="set aside"):
        assert store.read("key") is None
    assert len(list(path.parent.glob("key.json.damaged-*"))) == 1
    store.write("key", {"a": 2})
    assert store.read("key") == {"a": 2}


def test_a_record_under_the_name_of_another_is_set_aside(tmp_path: Path) -> None:
    """A copy that mixes two records up leaves both of them sound; a seal is of a name, too."""
    store = Store(tmp_path)
    for key, value in (("ab1", 1), ("ab2", 2)):
        store.write(key, {"value": value})
    shutil.copy(tmp_path / "records" / "ab" / "ab1.json", tmp_path / "records" / "ab" / "ab2.json")
    with pytest.warns(UserWarning, match="ab2.json is truncated or was altered"):
        store.check("ab2")
    assert (store.read("ab1"), store.read("ab2")) == ({"value": 1}, None)


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while a record is written loses neither the old record nor leaves rubbish."""
    store = Store(tmp_path)
    store.write("key", {"a": 1})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(VitworkError, match="No space left on device"):
        store.write("key", {"a": 2})
    assert store.read("key") == {"a": 1}
    assert [path.name for path in tmp_path.glob("records/*/*")] == ["key.json"]


def test_unwritable_store_is_one_sentence(tmp_path: Path) -> None:
    """A store that cannot be made is refused when it is opened."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(VitworkError, match="Cannot write"):
        Store(tmp_path / "file" / "store")


HOLDER = """
import sys, time
from collections.abc import Callable
from pathlib import Path
from vitwork.store.store import Store
with Store(Path(sys.argv[1])).lease("run") as free:
    print(free, flush=True)
    time.sleep(60)
"""


def test_lease_is_exclusive_and_ends_with_its_process(tmp_path: Path) -> None:
    """Two processes never hold one lease, and that of a killed process can be taken at once."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        store = Store(tmp_path)
        with store.lease("run") as free:
            assert not free
        with store.lease("another") as free:
            assert free
        holder.kill()
        holder.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with store.lease("run") as free:
            if free:
                return
    pytest.fail("the lease of a killed process was not released")


def test_files_are_as_readable_as_the_user_wants(tmp_path: Path) -> None:
    """A store may be shared: files have the permissions of the umask, not those of a temporary file."""
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.read("ab"),
        lambda store: store.check("ab"),
        lambda store: store.write("ab", {}),
        lambda store: store.lease("ab").__enter__(),
    ],
)
def test_what_the_system_refuses_is_one_sentence(tmp_path: Path, use: Callable[[Store], object]) -> None:
    """A store whose folders are no folders: reading, checking, writing and leasing each say so."""
    store = Store(tmp_path)
    for name in ("records", "leases"):
        (tmp_path / name).write_text("a file")
    with pytest.raises(VitworkError, match=r"^Cannot (read|write|lock) .*"):
        use(store)


def test_paths_with_a_nul_are_refused(tmp_path: Path) -> None:
    """No file can have such a name, and the sentence shows where it stands."""
    with pytest.raises(VitworkError, match=r"x00b' is no path: it holds a NUL character"):
        Store(tmp_path / "a\0b")


def test_what_killed_processes_left_is_swept_away_after_a_day(tmp_path: Path) -> None:
    """Unfinished files and sessions' folders of yesterday go; today's, and what is finished, stays."""
    store = Store(tmp_path)
    store.write("key", {"a": 1})
    folder = store.run_folder("run")
    old, new = folder / ".end.pt.0123abcd", folder / ".end.pt.4567abcd"
    write_atomically(folder / "end.pt", b"")
    for path in (old, new):
        path.write_bytes(b"half")
    session = tmp_path / "sessions" / "old"
    (session / "troubles").mkdir(parents=True)
    for path in (old, folder / "end.pt", session):
        os.utime(path, (0, 0))
    store.sweep()
    assert sorted(path.name for path in folder.iterdir()) == [".end.pt.4567abcd", "end.pt"]
    assert not session.exists()
    assert store.read("key") == {"a": 1}


def linked(path: Path) -> None:
    """Make a link to itself."""
    path.symlink_to(path.name)


@pytest.mark.skipif(sys.platform == "win32", reason="has no FIFOs")
@pytest.mark.parametrize("put", [os.mkfifo, linked, Path.mkdir], ids=["fifo", "loop", "folder"])
def test_what_is_no_regular_file_is_set_aside(tmp_path: Path, put: Callable[[Path], object]) -> None:
    """It is neither waited for nor believed, and the record is made anew in its place."""
    store = Store(tmp_path)
    store.write("run", {"value": 1})
    path = store._record_path("run")
    path.unlink()
    put(path)
    assert store.seal("run") == ""
    with pytest.warns(UserWarning, match="made anew"):
        store.check("run")
    assert not store.has("run")
    store.write("run", {"value": 2})
    assert store.read("run") == {"value": 2}
