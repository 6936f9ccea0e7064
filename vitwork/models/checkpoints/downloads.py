"""Downloads kept in a cache that records and re-checks their SHA-256."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from vitwork.errors import VitworkError, told
from vitwork.store.cache import cache_folder
from vitwork.store.store import write_atomically

RELEASE = "https://github.com/xxxnell/how-do-vits-work-storage/releases/download/v0.1/"
PUBLISHED: Mapping[str, str] = {  # the paper's CIFAR-100 files
    "resnet_50": f"{RELEASE}resnet_50_cifar100_691cc9a9e4.pth.tar",
    "vit_ti": f"{RELEASE}vit_ti_cifar100_9857b21357.pth.tar",
    "pit_ti": f"{RELEASE}pit_ti_cifar100_0645889efb.pth.tar",
    "swin_t": f"{RELEASE}swin_ti_cifar100_ec2894492b.pth.tar",
}


def place(address: str, folder: Path | None = None) -> Path:
    """Return the path of a file's local copy, downloaded or not; the arguments are those of `fetch`."""
    name = re.sub(r"[^\w.-]", "_", address.rsplit("/", maxsplit=1)[-1])[-128:]
    digest = hashlib.sha256(address.encode(errors="replace")).hexdigest()[:12]
    return (folder or cache_folder() / "checkpoints") / digest / name


def record_of(path: Path) -> Path:
    """Return the path of the record that holds the SHA-256 of a copy's first download."""
    return path.with_name(path.name + ".sha256")


def recorded(path: Path) -> str | None:
    """Return the recorded SHA-256 of a copy; None where none was recorded."""
    record = record_of(path)
    return record.read_text(errors="replace").strip() if record.is_file() else None


def fetch(address: str, folder: Path | None = None) -> Path:
    """Return the local copy of a file, downloaded once.

    The SHA-256 of the first download is kept beside the copy and checked every time. A copy that has changed is set
    aside and downloaded again. If the address then returns another file than at first, it is refused.

    Args:
        address: ``https://…``.
        folder: folder of the copies; ``checkpoints`` in the cache folder by default.

    Raises:
        VitworkError: the address is not https, the file cannot be downloaded completely, or it has changed at its
            address.
    """
    if not address.startswith("https://"):
        raise VitworkError(f"{address} is not downloaded: only https:// keeps others from altering what is on its way.")
    path = place(address, folder)
    try:
        known = recorded(path)
        if path.is_file():
            if _digest(path.read_bytes()) == known:
                return path
            path.replace(path.with_name(path.name + ".altered"))
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
    content = _download(address)
    if known not in (None, _digest(content)):
        raise VitworkError(
            f"{address} holds another file than when it was first downloaded (SHA-256 {_digest(content)}, then {known}); "
            f"remove {record_of(path)} if that is right."
        )
    write_atomically(path, content)
    write_atomically(record_of(path), _digest(content).encode())
    return path


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Encrypted(HTTPRedirectHandler):
    """Refuses redirections to addresses that are not https."""

    def redirect_request(  # noqa: PLR0917 - as `urllib` calls it
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """Return the request for the next address, as `urllib` expects it."""
        if not newurl.startswith("https://"):
            fp.close()
            raise URLError(f"it leads on to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(address: str) -> bytes:
    try:
        with build_opener(_Encrypted).open(address, timeout=60) as answer:
            content: bytes = answer.read()
            stated = answer.headers.get("Content-Length"), answer.headers.get("Transfer-Encoding")
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise VitworkError(f"{address} could not be downloaded: {told(error)}.") from error
    if stated == (None, None):  # otherwise `urllib` notices it
        raise VitworkError(
            f"{address} does not say how long its file is: a part of it could not be told from the whole."
        )
    return content
