from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vitwork.session.seeding import agreed


def test_first_answer_holds_for_all(tmp_path: Path) -> None:
    """Workers that ask the same question get the answer of the first, whatever they would have said."""
    path = tmp_path / "rounds" / "session" / "0"
    assert agreed(path, stop=True) is True
    assert agreed(path, stop=False) is True


def test_concurrent_answers_agree(tmp_path: Path) -> None:
    """Workers that ask at the same moment agree, and leave one file."""
    path = tmp_path / "0"
    with ThreadPoolExecutor(1) as pool:
        answers = list(pool.map(lambda stop: agreed(path, stop=stop), [False, True, True, False]))
    assert answers == [False] * 4
    assert [file.name for file in tmp_path.iterdir()] == ["0"]
