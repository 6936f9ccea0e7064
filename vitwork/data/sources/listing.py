"""What a folder holds: without what tools leave there, and without what could be read for ever."""

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
"""Names, in lower case, of what file systems, archivers, viewers and tools of versions put beside people's files."""

HIDDEN = (".", "_vti_")
"""How names begin that hide a file on Unix, and those of FrontPage's folders."""


def is_hidden(path: PurePath) -> bool:
    """Tell whether a part of a relative path is hidden or left by a tool; such files belong to no data set."""
    names = (part.lower() for part in path.parts if part != "..")
    return any(name in LEFT_BY_TOOLS or name.startswith(HIDDEN) for name in names)


def visible(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder holds, sorted by name, without what is hidden.

    Raises:
        VitworkError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not is_hidden(PurePath(each.name))), key=lambda each: each.name)
    except OSError as error:
        raise VitworkError(f"Cannot read {folder}: {error.strerror or error}.") from error


def folders_in(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted by name, without hidden ones.

    Raises:
        VitworkError: it cannot be listed, or holds a link to itself.
    """
    return [Path(entry) for entry in visible(folder) if _is_folder(entry)]


def files_below(root: Path, suffixes: Container[str] | None, depth: int | None = None) -> list[Path]:
    """Return the visible files with one of `suffixes`, in lower case with their dots, in a folder and those below it.

    Args:
        root: where to begin.
        suffixes: which files are asked for; None for all.
        depth: how far to go down; None for as far as there are folders, those that links lead to among them.

    Raises:
        VitworkError: a folder cannot be listed or is a link to one above it, or what bears such a name is no regular
            file: a FIFO or a device might never end.
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
    """Return the lines of a text file, without blanks around them and without empty ones at the end.

    They end as files' lines do, not at further signs of Unicode, which a name may have.

    Args:
        path: of a regular file in UTF-8, with or without the mark that editors put first.
        errors: what is done with other bytes, as for `open`.

    Raises:
        VitworkError: it is no regular file.
        OSError, UnicodeDecodeError: it cannot be read, or is no text.
    """
    text = check_regular(path).read_text(encoding="utf-8-sig", errors=errors)
    return [line.strip() for line in io.StringIO(text.rstrip())]


def check_regular(path: Path) -> Path:
    """Return a path that is sure to be a regular file's.

    Raises:
        VitworkError: there is nothing, or something that might never end when it is read.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise VitworkError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error
    if not regular:
        raise VitworkError(f"Cannot read {path}: it is no regular file.")
    return path
