"""Where a number comes from: keys, source hashes, the git commit. Imports no torch."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import subprocess
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """Return `value` as JSON has it: dataclasses and mappings as objects, sequences as arrays, paths as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def digest(value: Any) -> str:
    """Return 20 hexadecimal digits that identify `value`; the same for equal values in any process."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@cache
def source_hash(module: str) -> str:
    """Return a digest of the code that `module` runs: its own and that of every module of this project it imports.

    Comments, docstrings and layout do not count, so that only a change of behaviour makes stored results void.
    Modules of users (``mypkg.net``) are hashed in the same way together with what they import of their own package.
    """
    closure: dict[str, str] = {}
    pending = [module]
    package = module.partition(".")[0]
    while pending:
        name = pending.pop()
        if name not in closure and (path := _source_path(name)):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            closure[name] = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()
            pending += [found for found in _imports(tree) if found.partition(".")[0] in {package, "vitwork"}]
    return digest(sorted(closure.items()))


def _source_path(module: str) -> Path | None:
    """Return the file of `module` without importing it; None for a name that is not a module."""
    root, *rest = module.split(".")
    spec = importlib.util.find_spec(root)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    if not rest:
        return Path(spec.origin)
    path = folder.joinpath(*rest)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _imports(tree: ast.AST) -> list[str]:
    """Return the modules that `tree` imports, inside functions too.

    A name taken from a package that is not one of its modules may be exported lazily: then the whole package counts.
    """
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
            for alias in node.names:
                found += _named(node.module, alias.name)
    return found


def _named(module: str, name: str) -> list[str]:
    if not module.startswith("vitwork"):
        return [f"{module}.{name}"]
    if _source_path(f"{module}.{name}"):
        return [f"{module}.{name}"]
    path = _source_path(module)
    if path is None or path.name != "__init__.py":
        return []
    return [f"{module}.{file.stem}" for file in sorted(path.parent.glob("*.py")) if file.stem != "__init__"]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def commit(folder: Path) -> tuple[str, bool]:
    """Return the git commit of `folder` and whether its tree has changes; an empty string outside git."""

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
