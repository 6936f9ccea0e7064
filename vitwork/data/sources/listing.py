"""Listing of a folder's files, without those that tools leave there and those whose reading may never end."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Container, Iterator
from pathlib import Path, PurePath

from vitwork.errors import VitworkError

LEFT_BY_TOOLS = frozenset(
    {
        "__macosx",
        "__pycache__",
        "_svn",
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "@tmp",
        "@transcode",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "~snapshot",
        "cvs",
        "desktop db",
        "desktop df",
        "desktop.ini",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "found.000",
        "icon\r",
        "lost+found",
        "network trash folder",
        "picasa.ini",
        "recycled",
        "recycler",
        "system volume information",
        "temporary items",
        "thefindbycontentfolder",
        "thevolumesettingsfolder",
        "thumbs.db",
    }
)
"""Names, in lower case, of files and folders that file systems, archivers, viewers and version control create."""

HIDDEN = (".", "_vti_")
"""Beginnings of names of hidden files on Unix, and of FrontPage's folders."""


def is_hidden(path: PurePath) -> bool:
    """Return whether a part of a relative path is hidden or left by a tool; such files belong to no data set."""
    names = (part.lower() for part in path.parts if part != "..")
    return any(name in LEFT_BY_TOOLS or name.startswith(HIDDEN) for name in names)


def visible(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, sorted by name, without hidden ones.

    Raises:
        VitworkError: the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not is_hidden(PurePath(each.name))), key=lambda each: each.name)
    except OSError as error:
        raise VitworkError(f"Cannot read {folder}: {error.strerror or error}.") from error


def folders_in(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted by name, without hidden ones.

    Raises:
        VitworkError: the folder cannot be listed, or contains a link to itself.
    """
    return [Path(entry) for entry in visible(folder) if _is_folder(entry)]


def files_below(root: Path, suffixes: Container[str] | None, depth: int | None = None) -> list[Path]:
    """Return the visible files with one of `suffixes`, in lower case with their dots, in a folder and below it.

    Args:
        root: the folder.
        suffixes: suffixes of the files; None for all files.
        depth: number of levels to go down; None for all levels, including folders behind links.

    Raises:
        VitworkError: a folder cannot be listed or is a link to one above it, or a file with such a name is not a
            regular file: a FIFO or a device might never end.
    """
    return sorted(_files(root, suffixes, depth, ()))


def _files(
    folder: Path, suffixes: Container[str] | None, depth: int | None, above: tuple[tuple[int, int], ...]
) -> Iterator[Path]:
    entries, status = visible(folder), folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise VitworkError(f"{folder} is a link to a folder that it lies in.")
    for entry in entries:
        path = Path(entry)
        if _is_folder(entry):
            if depth != 0:
                yield from _files(path, suffixes, None if depth is None else depth - 1, (*above, here))
        elif suffixes is None or path.suffix.lower() in suffixes:
            if not entry.is_file():
                check_regular(path)
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link to itself
        raise VitworkError(f"Cannot read {entry.path}: {error.strerror or error}.") from error


def lines_of(path: Path, errors: str = "strict") -> list[str]:
    """Return the lines of a text file, without surrounding blanks and without empty lines at the end.

    Lines end only at line feeds and carriage returns, not at other Unicode line separators, which names may contain.

    Args:
        path: path of a regular file in UTF-8, with or without a byte order mark.
        errors: treatment of invalid bytes, as for `open`.

    Raises:
        VitworkError: it is not a regular file.
        OSError, UnicodeDecodeError: it cannot be read, or is not text.
    """
    text = check_regular(path).read_text(encoding="utf-8-sig", errors=errors)
    return [line.strip() for line in io.StringIO(text.rstrip())]


def check_regular(path: Path) -> Path:
    """Return a path after a check that it is a regular file.

    Raises:
        VitworkError: there is no file, or it is something that might never end when read.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise VitworkError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error
    if not regular:
        raise VitworkError(f"Cannot read {path}: it is no regular file.")
    return path
