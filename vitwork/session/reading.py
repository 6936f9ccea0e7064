"""Reads a claim's test: runs its body once, when it is collected, and keeps the sentences that it asserts."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeGuard

from vitwork.errors import said
from vitwork.language.claim import Claim
from vitwork.language.measure import Measure
from vitwork.language.sentence import Sentence, Sheet
from vitwork.report.document import encodable

CHOOSING = {"any", "max", "min", "sorted"}
"""Functions that compare, or choose among comparisons, without an assert."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a claim, read.

    Attributes:
        name: pytest's name of the test.
        claim: the claim that it decides.
        chapter: the part of the paper.
        parameters: the test's parameters.
        sentences: the sentences that it asserts, in order.
        statistical: whether it measures; a test without `measure` is run by pytest, and its outcome is its verdict.
        fault: the error while it was read; empty if there was none.
        label: distinguishes it from tests of the same claim with the same parameters; empty if there are none.
        empty: whether it is parametrised by an empty list; pytest shows such a test and never runs it.
    """

    name: str
    claim: Claim
    chapter: str
    parameters: Mapping[str, Any]
    sentences: tuple[Sentence, ...] = ()
    statistical: bool = True
    fault: str = ""
    label: str = ""
    empty: bool = False

    @property
    def shown(self) -> dict[str, str | int | float]:
        """The parameters as ids and reports show them: quantities by name, numbers that JSON cannot hold as text."""
        return {name: _shown(value) for name, value in self.parameters.items()}

    @property
    def qualifies(self) -> bool:
        """Whether the test states controls only, which never decide."""
        return bool(self.sentences) and all(sentence.control for sentence in self.sentences)

    def hypothesis(self, place: int) -> str:
        """Return the id of the hypothesis at a place, counted from 1."""
        given = self.label or ",".join(f"{name}={value}" for name, value in self.shown.items())
        return f"{self.claim.id}[{given}]:{place}" if given else f"{self.claim.id}:{place}"

    def settings(self, place: int) -> dict[str, str | int | float]:
        """Return the parameters of the hypothesis at a place, counted from 1.

        These are the test's own, and those of the measurement that tell the hypothesis from others of the test, which compare
        the same quantity of the same arms.
        """
        sentence = self.sentences[place - 1]
        own = sentence.first.parameters
        others = [
            other.first.parameters
            for other in self.sentences
            if other.first.quantity is sentence.first.quantity and other.conditions == sentence.conditions
        ]
        apart = {
            name: _shown(value) for name, value in own.items() if any(other.get(name) != value for other in others)
        }
        return self.shown | apart


def _shown(value: Any) -> str | int | float:
    return value if _written(value) else str(getattr(value, "name", value))


def read_test(case: Case, body: Callable[..., object], measure: Measure) -> Case:
    """Return the case with the sentences that its test asserts.

    Args:
        case: the test, not read yet.
        body: the test's function; called once, with `measure` and the test's parameters.
        measure: collects the sentences.
    """
    if chosen := _choice(body, case.parameters):
        return replace(case, fault=chosen)
    try:
        body(measure=measure, **case.parameters)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # noqa: BLE001 - sys.exit and pytest.skip too: one faulty test must not end the session; it fails by itself
        return replace(case, fault=encodable(f"{type(fault).__name__} in the test: {said(fault)}"))
    if unclear := _unclear(measure.sheet):
        return replace(case, fault=unclear)
    return replace(case, sentences=tuple(measure.sheet.asserted))


def _choice(body: Callable[..., object], given: Collection[str]) -> str:
    """Return a message if a test chooses between values that may be measured; otherwise empty."""
    if called := _choosing(body, given):
        return f"the test calls {called}(), which compares by itself: state each comparison with assert"
    if _branches(body, given):
        return "the test branches on a comparison, which has no answer yet: state it with assert"
    return ""


def _unclear(sheet: Sheet) -> str:
    """Return a message if a test asserts something else than the sentences that it states; otherwise empty."""
    if sheet.silent:
        return f"the test states {sheet.silent[0].statement} without an assert of its own"
    if not sheet.asserted:
        return "the test asserts nothing"
    if len(set(map(id, sheet.asserted))) < len(sheet.asserted):
        return "the test asserts one sentence `or` another: state each that has to hold by itself"
    return ""


def _written(value: object) -> TypeGuard[str | int | float]:
    """Return whether a report can hold a value unchanged: a text, or a finite number of at most 64 bits."""
    return isinstance(value, str) or (isinstance(value, (int, float)) and abs(value) < 1 << 63)


def _branches(body: Callable[..., object], given: Collection[str]) -> bool:
    """Return whether a test branches on a comparison; False if its source is not available.

    Constants and the test's own parameters are not measurements, so a test may branch on them.
    """
    return not all(_plain(side, given) for part in _compared(body) for side in (part.left, *part.comparators))


def _choosing(body: Callable[..., object], given: Collection[str]) -> str:
    """Return the name of a function of `CHOOSING` that a test calls on values that may be measured; empty for none."""
    for part in ast.walk(_tree(body)):
        match part:
            case ast.Call(func=ast.Name(id=name), args=sides) if name in CHOOSING and not all(
                _plain(side, given) for side in sides
            ):
                return name
    return ""


def _compared(body: Callable[..., object]) -> list[ast.Compare]:
    """Return the comparisons on which a test branches."""
    choices = (node.test for node in ast.walk(_tree(body)) if isinstance(node, (ast.If, ast.IfExp, ast.While)))
    return [part for choice in choices for part in ast.walk(choice) if isinstance(part, ast.Compare)]


@cache  # a test is read once for each of its parameters' values
def _tree(body: Callable[..., object]) -> ast.AST:
    """Return the syntax tree of a test; an empty one if its source is not available."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(body)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def _plain(node: ast.expr, given: Collection[str]) -> bool:
    """Return whether an expression uses only constants and the given names, and calls nothing."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names <= set(given) and not any(isinstance(part, ast.Call) for part in ast.walk(node))
