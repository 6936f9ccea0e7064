"""Lets a package import its public names from its modules when they are first used, so that importing it is cheap."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``.

    Args:
        package: its name.
        homes: for each name, the module inside the package that defines it.
    """

    def fetch(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return fetch


def names(package: str) -> Callable[[], list[str]]:
    """Return a package's ``__dir__``, which notebooks complete names with: those already imported, and ``__all__``.

    Args:
        package: its name; it lists its public names in ``__all__``.
    """
    module = sys.modules[package]
    return lambda: sorted({*vars(module), *module.__all__})
