"""Downloads of data sets from the Hugging Face hub, into the hub's own cache."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from glob import escape
from itertools import takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from vitwork.data.sources.collection import OF_ALL, Grouping, split_of
from vitwork.data.sources.folder import ARCHIVES
from vitwork.data.sources.listing import files_below, is_hidden
from vitwork.data.sources.tar import CLASS_FILES
from vitwork.errors import VitworkError
from vitwork.store.cache import cache_folder
from vitwork.store.hub import clear, downloaded, intact, reason
from vitwork.store.keys import digest
from vitwork.store.store import write_atomically

SCHEME = "hf:"


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address ``hf://owner/name@revision/folder``.

    Attributes:
        name: ``owner/name``.
        revision: branch, tag or commit.
        folder: folder of the data set, if the repository has several.
    """

    name: str
    revision: str
    folder: str

    @classmethod
    def of(cls, root: Path) -> Address:
        """Return the parsed address; ``hf://datasets/…``, as the hub itself writes it, means the same.

        Raises:
            VitworkError: it does not contain a repository.
        """
        parts = root.parts[1:]
        owner, name, *folders = parts[parts[:1] == ("datasets",) :] + ("",) * 3
        name, _, revision = name.partition("@")
        if not owner or not name:
            raise VitworkError(
                f"{root} names no data set of the hub: write hf://owner/name, hf://owner/name@revision or "
                "hf://owner/name/folder."
            )
        return cls(f"{owner}/{name}", unquote(revision) or "main", "/".join(filter(None, folders)))


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a data set at one commit of its repository.

    Attributes:
        commit: commit of the repository.
        paths: paths of the files in it.
        unasked: why the hub's list of files was not available, so that these are the files in the cache; empty if the
            list comes from the hub.
    """

    commit: str
    paths: tuple[str, ...]
    unasked: str = ""


def is_address(root: Path) -> bool:
    """Return whether a path names a data set of the hub."""
    return root.parts[:1] == (SCHEME,)


def hub_folder(root: Path, grouping: Grouping | None = None) -> Path:
    """Return the folder of a data set of the Hugging Face hub, downloaded once.

    The hub's list of files is read the first time; from then on the same commit is used. Each file is compared with the
    SHA-256 that the hub states, and downloaded again if it differs. If the hub cannot be reached, files in the hub's
    cache are used, however they got there, provided that their names tell the number of files.

    Args:
        root: ``hf://owner/name``, with the optional parts of `Address`.
        grouping: selects the files; None for all files of the data set.

    Raises:
        VitworkError: huggingface_hub is not installed, or the hub or the data set cannot be reached. Or the data set
            does not consist of Parquet files or tar shards in one folder, may be incomplete, or is refused by
            `grouping`.
    """
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise VitworkError("Data sets of the hub need huggingface_hub: install vitwork[hub].") from error
    address = Address.of(root)
    note = cache_folder() / "downloads" / "hub" / f"{digest([address, grouping and grouping.__name__])}.json"
    known = _noted(note)
    files = known or _chosen(address, _listed(address), grouping)
    new = known is None and not files.unasked
    if new:
        files = _downloaded(address, files)
    first, *_ = [_here(address, files.commit, path) for path in files.paths]
    if new:
        write_atomically(note, json.dumps([files.commit, files.paths]).encode())
    path = PurePosixPath(files.paths[0])
    return first.parents[len(path.relative_to(_home(path)).parts) - 1]


def _noted(note: Path) -> Files | None:
    """Return the recorded files of a complete download; None if there is no valid record."""
    with suppress(OSError, ValueError):
        match json.loads(note.read_text(encoding="utf-8")):
            case [str(commit), [str(), *_] as paths] if all(isinstance(path, str) for path in paths):
                return Files(commit, tuple(paths))
    return None


def _listed(address: Address) -> Files:
    """Return all files of a repository, or of its copy in the cache if the hub cannot be reached.

    Raises:
        VitworkError: neither is available.
    """
    from huggingface_hub import HfApi, snapshot_download

    try:
        found = HfApi().dataset_info(address.name, revision=address.revision)
        return Files(str(found.sha), tuple(file.rfilename for file in found.siblings or ()))
    except Exception as error:
        with suppress(Exception):
            copy = snapshot_download(
                address.name, repo_type="dataset", revision=address.revision, allow_patterns=[], local_files_only=True
            )
            paths = (path.relative_to(copy).as_posix() for path in files_below(Path(copy), None))
            return Files(Path(copy).name, tuple(paths), reason(error))
        raise VitworkError(f"The hub's data set {address.name} cannot be had: {reason(error)}") from error


def _chosen(address: Address, files: Files, grouping: Grouping | None) -> Files:
    """Return the files of the data set, from one folder and of the first type in `ARCHIVES` that exists.

    Files with class names in that folder follow them.

    Raises:
        VitworkError: there are none, they lie in several folders, `grouping` refuses them, or neither the hub nor their
            names tell their number.
    """
    below = [path for path in map(PurePosixPath, sorted(files.paths)) if path.is_relative_to(address.folder)]
    kinds = ([path for path in below if path.suffix.lower() == kind and not is_hidden(path)] for kind in ARCHIVES)
    found = next(filter(None, kinds), [])
    where = f"The hub's data set {address.name}{' in ' * bool(address.folder)}{address.folder}"
    if not found:
        raise VitworkError(f"{where} has neither {' nor '.join(ARCHIVES.values())}.")
    homes = sorted({str(_home(path)) for path in found})
    if len(homes) > 1:
        raise VitworkError(
            f"{where} has {ARCHIVES[found[0].suffix.lower()]} in {len(homes)} folders, {', '.join(homes)}: name one, as in "
            f"hf://{address.name}/{homes[0]}."
        )
    if grouping is not None:
        root = Path(address.name)
        try:
            groups = grouping(root / homes[0], (root / path for path in found))
        except VitworkError as why:
            raise VitworkError(f"The hub's data set {why}") from why
        found = [PurePosixPath(path.relative_to(root)) for group in groups.values() for path in group]
    if files.unasked and not all(OF_ALL.search(path.name.lower()) for path in found):
        raise VitworkError(
            f"{where} is in the hub's cache with {len(found)} {ARCHIVES[found[0].suffix.lower()]}, and whether there are more "
            f"the hub does not say: {files.unasked}"
        )
    naming = {str(PurePosixPath(homes[0], name)) for name in CLASS_FILES} & set(files.paths)
    return replace(files, paths=(*map(str, found), *sorted(naming)))


def _home(path: PurePosixPath) -> PurePosixPath:
    """Return the folder of the data set that a file belongs to, above folders that are named after its splits."""
    return PurePosixPath(*takewhile(lambda part: split_of(Path(part)) is None, path.parent.parts))


def _downloaded(address: Address, files: Files) -> Files:
    """Download missing files, and return the files with the commit of the revision.

    Raises:
        VitworkError: the files cannot be obtained.
    """
    from huggingface_hub import snapshot_download

    clear(address.name, "dataset")
    wanted = list(map(escape, files.paths))
    try:
        copy = snapshot_download(address.name, repo_type="dataset", revision=address.revision, allow_patterns=wanted)
    except Exception as error:  # the hub client's, and those of its network libraries
        raise VitworkError(f"The hub's data set {address.name} cannot be had: {reason(error)}") from error
    return replace(files, commit=Path(copy).name)


def _here(address: Address, commit: str, path: str) -> Path:
    """Return the path of a file in the cache, downloaded if it is missing or differs from the hub's.

    Raises:
        VitworkError: the file cannot be obtained, or differs from what the hub states.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(address.name, path, revision=commit, repo_type="dataset")
    damaged = isinstance(found, str) and not intact(Path(found))
    if isinstance(found, str) and not damaged:
        return Path(found)
    try:
        whole = downloaded(address.name, path, kind="dataset", revision=commit, anew=damaged)
    except VitworkError as why:
        state = f"{found} is damaged, and " if damaged else f"{path} of the hub's data set {address.name} "
        raise VitworkError(f"{state}cannot be downloaded: {why}") from why
    if not intact(whole):
        raise VitworkError(f"{whole} is damaged: it has not the SHA-256 that the hub states of it.")
    return whole
