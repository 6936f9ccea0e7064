from __future__ import annotations

from pathlib import Path

from vitwork.design.deviation import Lack, Missing
from vitwork.session.troubles import Troubles


def test_processes_of_a_session_tell_each_other(tmp_path: Path) -> None:
    """What one process could not do, no other tries again."""
    one, other = Troubles(tmp_path / "troubles"), Troubles(tmp_path / "troubles")
    other.refresh()
    assert not other.known
    one.add("key", Lack(Missing.FAULT, "vit", "the disk is full – really"))
    one.add("other", Lack(Missing.UNFIT, "resnet", "no attention"))
    other.refresh()
    assert other.known == one.known
    assert [lack.arm for lack in other.faults] == ["vit"]
