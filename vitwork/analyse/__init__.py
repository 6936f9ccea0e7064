"""Every analysis on one model or several, of the user's, ours or timm's: ``vitwork analyse`` and `vitwork.analyse`.

The room may be called itself, because a package's attribute and its submodule of the same name are one: ``vitwork.analyse(model)``
is ``vitwork.analyse.analyse(model)``. Imports torch only to compute.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from vitwork.analyse.analysing import analyse
from vitwork.analyse.outcome import AnalysisOutcome

__all__ = ["AnalysisOutcome", "analyse"]


class _Room(ModuleType):
    """A module that is called as its main function is."""

    def __call__(self, *arguments: Any, **named: Any) -> AnalysisOutcome:
        return analyse(*arguments, **named)


sys.modules[__name__].__class__ = _Room
