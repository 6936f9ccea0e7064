"""Notes on data that had been seen, beside the files of claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitwork.errors import VitworkError
from vitwork.profiles import find
from vitwork.session.collecting import collect, read_claims
from vitwork.session.examined import examined

TEST = """
from vitwork.language.claim import Paper, claim
@claim("mine", "A statement.", paper=Paper("", ""))
def test_it(): pass
"""


def test_a_claim_has_the_notes_that_stand_beside_its_file(tmp_path: Path) -> None:
    """Each by its profile, on one line however it is wrapped; they are no part of what the claim declares."""
    (tmp_path / "test_mine.py").write_text(TEST)
    (tmp_path / "examined.toml").write_text('[mine]\nsmoke = """\nit fits\nas well"""\nours = "not"\n')
    (case,) = read_claims(collect([tmp_path]), find("smoke"))
    assert case.claim.examined == {"smoke": "it fits as well", "ours": "not"}


def test_a_folder_without_notes_has_none(tmp_path: Path) -> None:
    """Most projects have looked into nothing."""
    assert examined(tmp_path) == {}


@pytest.mark.parametrize("content", ["[mine", "mine = 'text'", "[mine]\nsmoke = 3", "\xff"])
def test_a_file_of_something_else_is_named(tmp_path: Path, content: str) -> None:
    """A note that cannot be read would be missing from the report, in silence."""
    (tmp_path / "examined.toml").write_text(content, encoding="latin-1")
    with pytest.raises(VitworkError, match=r"examined\.toml cannot be read: "):
        examined(tmp_path)
