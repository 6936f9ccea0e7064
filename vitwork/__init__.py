"""A suite that tests whether the claims of "How Do Vision Transformers Work?" hold, and its parts as a library.

Importing this package imports nothing else; its functions are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitwork.analyse import analyse
    from vitwork.notebook import compare, load

    __version__: str

__all__ = ["__version__", "analyse", "compare", "load"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in {"load", "compare"}:
        return getattr(import_module("vitwork.notebook"), name)
    if name == "analyse":  # a package that can be called
        return import_module("vitwork.analyse")
    if name == "__version__":
        from importlib.metadata import version

        return version("vitwork")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
