"""Runs all analyses on models, a user's, ours or timm's: ``vitwork analyse`` and `vitwork.analyse`.

The package itself can be called, because an attribute and a submodule with the same name are one object:
``vitwork.analyse(model)`` is ``vitwork.analyse.analyse(model)``. Imports torch only to compute.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from vitwork.analyse.analysing import analyse
from vitwork.analyse.outcome import AnalysisOutcome

__all__ = ["AnalysisOutcome", "analyse"]


class _Room(ModuleType):
    """A module that can be called like its main function."""

    def __call__(self, *arguments: Any, **named: Any) -> AnalysisOutcome:
        return analyse(*arguments, **named)


sys.modules[__name__].__class__ = _Room
