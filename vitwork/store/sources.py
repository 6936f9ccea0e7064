"""Digests of source code, so that stored results become invalid when their code changes.

Parsing about ninety files takes seconds, so the result for each file is kept on disk under the digest of its content.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path

from vitwork.errors import VitworkError
from vitwork.store.cache import cache_folder
from vitwork.store.keys import digest
from vitwork.store.store import write_atomically

MOST_KEPT = 4096
"""Number of files whose digests are kept on disk; unused ones are dropped once there are more."""

LIBRARIES = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
"""Folders of installed packages and of Python, whose modules belong neither to this project nor to a user."""

Parsed = tuple[str, list[str]]
"""Digest of a file's code, and the names that the file imports: ``package.module``, or ``package.module:name``."""


@cache
def source_hash(module: str) -> str:
    """Return a digest of the code that `module` runs: its own and that of every module of this project it imports.

    Comments, docstrings and layout do not count, so that only a change of behaviour makes stored results invalid.
    Modules of users (``mypkg.net``) are hashed in the same way, together with the packages they lie in, and with
    everything they import from their own package, from their folder and from this project.
    """
    closure: dict[str, str] = {}
    pending = [module]
    root = module.partition(".")[0]
    while pending:
        name = pending.pop()
        if name not in closure and _belongs(name.partition(".")[0], root) and (path := _source_path(name)):
            closure[name] = _parsed(path)[0]
            pending += _reached(name, path)
    _Kept.write()
    return digest(sorted(closure.items()))


def _belongs(root: str, first: str) -> bool:
    """Return whether the top-level module `root` belongs to this project, or to the user whose module is `first`."""
    if root in (first, "vitwork"):
        return True
    if first == "vitwork":  # its neighbours do not belong to it, and finding packages takes time
        return False
    folder = _folder(root)
    return folder is not None and folder == _folder(first) and folder not in LIBRARIES


@cache
def _folder(root: str) -> Path | None:
    """Return the folder that a top-level module or package lies in."""
    path = _source_path(root)
    return path and (path.parent.parent if path.name == "__init__.py" else path.parent)


@cache  # most modules are reached from several
def _reached(module: str, path: Path) -> tuple[str, ...]:
    """Return the modules that `module`, with the file `path`, may run; for user modules also their package."""
    found = [found for entry in _parsed(path)[1] for found in _modules(_absolute(entry, module, path))]
    outside = "." in module and not module.startswith("vitwork.")
    return (*found, *([module.rpartition(".")[0]] if outside else []))


def forget() -> None:
    """Drop what is cached in this process, so that changed sources are read again."""
    for function in (source_hash, _parsed, _reached, _source_path, _folder):
        function.cache_clear()


@cache
def _source_path(module: str) -> Path | None:
    """Return the file of `module` without importing it; None for a name that is not a module."""
    root, *rest = module.split(".")
    if rest:
        parent = _source_path(root)
        path = parent.parent.joinpath(*rest) if parent else None
        files = (path / "__init__.py", path.with_suffix(".py")) if path else ()
        return next((file for file in files if file.is_file()), None)
    spec = importlib.util.find_spec(root)
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@cache
def _parsed(path: Path) -> Parsed:
    content = path.read_bytes()
    key = hashlib.sha256(content).hexdigest()
    if (kept := _Kept.read().get(key)) is None:
        tree = ast.parse(content)
        imported = _imports(tree)
        kept = _Kept.add(key, (hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest(), imported))
    return kept


class _Kept:
    """Parsing results on disk: one file for each version of Python, since syntax trees differ between versions."""

    entries: dict[str, Parsed] | None = None
    new = False

    @staticmethod
    def path() -> Path:
        return cache_folder() / f"sources-{sys.version_info.major}.{sys.version_info.minor}.json"

    @classmethod
    def read(cls) -> dict[str, Parsed]:
        if cls.entries is None:
            cls.entries = {}
            with suppress(
                OSError, ValueError, TypeError, AttributeError
            ):  # missing or damaged: the stored results only save time
                found = json.loads(cls.path().read_text(encoding="utf-8"))
                cls.entries = {str(key): (str(code), list(map(str, names))) for key, (code, names) in found.items()}
        return cls.entries

    @classmethod
    def add(cls, key: str, parsed: Parsed) -> Parsed:
        cls.read()[key] = parsed
        cls.new = True
        return parsed

    @classmethod
    def write(cls) -> None:
        if cls.new:
            newest = dict(list(cls.read().items())[-MOST_KEPT:])
            with suppress(VitworkError):  # a full or protected disk costs time, not the session
                write_atomically(cls.path(), json.dumps(newest).encode())
            cls.new = False


def _imports(tree: ast.AST) -> list[str]:
    """Return all imports in `tree`, also those inside functions; a relative import begins with its dots."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [module, *(f"{module}:{alias.name}" for alias in node.names)]
    return found


def _absolute(entry: str, importer: str, path: Path) -> str:
    """Return an import of the module `importer`, whose file is `path`, without leading dots."""
    name = entry.lstrip(".")
    if not (dots := len(entry) - len(name)):
        return entry
    parts = importer.split(".")
    up = dots - (path.name == "__init__.py")  # the first dot is the package itself
    package = ".".join(parts[: len(parts) - up])
    return package + ("." if name and not name.startswith(":") else "") + name


def _modules(entry: str) -> list[str]:
    """Return the modules that an import may run.

    A name taken from a package that is not one of its modules may be exported lazily: then the whole package counts.
    """
    module, sign, name = entry.partition(":")
    if not sign:
        return [module]
    if not module.startswith("vitwork") or _source_path(f"{module}.{name}"):
        return [f"{module}.{name}"]
    path = _source_path(module)
    if path is None or path.name != "__init__.py":
        return []
    return [f"{module}.{file.stem}" for file in sorted(path.parent.glob("*.py")) if file.stem != "__init__"]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Return a tree without statements that are bare strings: docstrings, and descriptions that follow constants."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [statement for statement in node.body if not _is_text(statement)] or [ast.Pass()]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
