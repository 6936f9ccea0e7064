"""Sealed files on their way between nodes and a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitwork.engines.file_exchange import MOST_TRIES, FileExchange, Files, Pusher, arrived, packed
from vitwork.errors import VitworkError
from vitwork.store.store import Store, read_sealed, write_sealed

KEY = "0123456789abcdef0123"


def store(folder: Path) -> Store:
    """A node's store with a checkpoint and a record."""
    made = Store(folder)
    write_sealed(made.run_folder(KEY) / "checkpoint.pt", b"half")
    made.write(KEY, {"status": "finished"})
    return made


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def test_what_a_node_writes_arrives_in_the_session(tmp_path: Path) -> None:
    """A record and a checkpoint travel through the exchange, once, and are the same there; other runs' files stay."""
    node, session, exchange = store(tmp_path / "node"), Store(tmp_path / "session"), FileExchange()
    node.write("f" * 20, {"status": "another"})
    Pusher(node, [KEY], exchange.put).push()
    exchange.confirm(arrived(session, exchange.take()))
    assert session.read(KEY) == {"status": "finished"}
    assert not session.has("f" * 20)
    assert read_sealed(session.run_folder(KEY) / "checkpoint.pt") == b"half"
    assert exchange.take() == {}
    assert set(exchange.get([KEY])) == set(packed(node, [KEY]))
    exchange.forget([KEY])
    assert exchange.get([KEY]) == {}


def test_what_arrives_damaged_is_sent_again(tmp_path: Path) -> None:
    """Neither the exchange nor the session takes a damaged file; the next try brings it whole."""
    node, session, exchange = store(tmp_path / "node"), Store(tmp_path / "session"), FileExchange()
    way = iter([True])

    def put(files: Files) -> list[str]:
        damage = next(way, False)
        return exchange.put({name: flipped(content) if damage else content for name, content in files.items()})

    pusher = Pusher(node, [KEY], put)
    assert not pusher.push()
    assert exchange.take() == {}
    pusher.finish()
    files = exchange.take()
    exchange.confirm(arrived(session, {name: flipped(content) for name, content in files.items()}))
    assert not session.has(KEY)
    exchange.confirm(arrived(session, exchange.take()))
    assert session.read(KEY) == {"status": "finished"}


def test_a_way_that_damages_everything_is_named(tmp_path: Path) -> None:
    """A node whose files never arrive whole says so, and does not end as if it had done its work."""
    tries: list[int] = []

    def put(files: Files) -> list[str]:
        tries.append(len(files))
        return list(files)

    with pytest.raises(VitworkError, match="arrive damaged"):
        Pusher(store(tmp_path), [KEY], put).finish()
    assert tries == [2] * MOST_TRIES


def test_the_end_of_a_training_replaces_its_checkpoint(tmp_path: Path) -> None:
    """Once the outcome is there, no checkpoint is kept, neither in the exchange nor in the session."""
    node, session, exchange = store(tmp_path / "node"), Store(tmp_path / "session"), FileExchange()
    exchange.put(packed(node, [KEY]))
    arrived(session, exchange.take())
    (node.run_folder(KEY) / "checkpoint.pt").unlink()
    write_sealed(node.run_folder(KEY) / "outcome.json", b"{}")
    exchange.put(packed(node, [KEY]))
    arrived(session, exchange.take())
    assert [path.name for path in session.run_folder(KEY).iterdir()] == ["outcome.json"]
    assert not [name for name in exchange.files if "checkpoint" in name]
