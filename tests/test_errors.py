"""Checks of options that a user may misspell."""

from __future__ import annotations

from typing import Literal

import pytest

from vitwork.errors import DamagedError, VitworkError, at_least, choice, told

Colour = Literal["red", "green", "blue"]


def test_a_misspelt_word_is_answered_by_the_words_that_there_are():
    """Words of the type pass; any other value raises one sentence that names the option and its words."""
    for word in ("red", "green", "blue"):
        choice("colour", word, Colour)
    for wrong in ("gren", None, 1):
        with pytest.raises(VitworkError, match=f"colour is 'red' or 'green' or 'blue', not {wrong!r}"):
            choice("colour", wrong, Colour)


def test_a_number_that_is_too_small_is_named():
    """Whole numbers from the least on and defaults pass; the first that is smaller, or not whole, is named."""
    at_least(1, parts=1, seeds=7, probes=None)
    with pytest.raises(VitworkError, match="seeds is 1 or more, not 0"):
        at_least(1, parts=1, seeds=0)
    with pytest.raises(VitworkError, match=r"seeds is a whole number, 1 or more, not 2\.5"):
        at_least(1, parts=1, seeds=2.5)


def test_an_error_of_others_is_told_in_one_line():
    """The first line of what an error says is told with its kind, and the kind alone where it says nothing."""
    assert told(ValueError("no such size\nmore of it")) == "ValueError: no such size"
    assert told(AssertionError()) == "AssertionError"


def test_a_message_holds_no_sign_that_a_terminal_obeys():
    """Names of files and samples may hold any sign; those of control are written out, and a line stays one."""
    name = "a\x1b[31m\r\x9bé\nb"
    for error in (VitworkError(name), DamagedError(name, "cut")):
        assert str(error).startswith(r"a\x1b[31m\r\x9bé\nb")
