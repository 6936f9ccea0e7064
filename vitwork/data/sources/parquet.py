"""Parquet files in the layout of the Hugging Face hub: `image` {bytes, path} and `label`. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vitwork.data.sources.collection import Collection, Example, files_below, split_of, train_and_test
from vitwork.errors import VitworkError

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("fine_label", "label")  # CIFAR-100 has coarse labels too
ROWS_AT_ONCE = 1024
HIDDEN = -1  # the label of an image whose class is not given


def open_parquet(root: Path) -> Collection:
    """Open a folder of Parquet files whose names, or whose folders' names, name the split.

    Test images whose labels are kept back (-1, as ImageNet's on the hub) are left out: then validation serves.

    Raises:
        VitworkError: a split is missing. Reading raises it for a file that is no Parquet file or has no image or
            label column, and for a row without image or class number.
    """
    groups = train_and_test(root, (path for path in files_below(root, "*.parquet") if _labelled(root, path)))
    splits = {split: [partial(_read, path) for path in group] for split, group in groups.items()}
    files = tuple(path for group in groups.values() for path in group)
    return Collection(str(root), files, partial(_class_names, groups["train"][0]), splits)


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise VitworkError(f"{path} cannot be read as a Parquet file: {_first_line(error)}.") from error


def _columns(path: Path) -> tuple[str, str]:
    names = _open(path).schema_arrow.names
    image = next((name for name in IMAGE_COLUMNS if name in names), None)
    label = next((name for name in LABEL_COLUMNS if name in names), None)
    if image is None or label is None:
        raise VitworkError(f"{path} needs the columns image and label; it has {', '.join(names) or 'none'}.")
    return image, label


def _labelled(root: Path, path: Path) -> bool:
    if split_of(path.relative_to(root)) != "test":
        return True
    _, label = _columns(path)
    first = next(_open(path).iter_batches(batch_size=1, columns=[label]), None)
    return first is None or not len(first) or first.column(0)[0].as_py() != HIDDEN


def _class_names(path: Path) -> tuple[str, ...]:
    metadata = _open(path).schema_arrow.metadata or {}
    _, label = _columns(path)
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][label]
        return tuple(str(name) for name in feature["names"])
    except (KeyError, TypeError, ValueError):
        return ()


def _read(path: Path) -> Iterator[Example]:
    import pyarrow as pa

    image, label = _columns(path)
    row = 0
    try:
        for batch in _open(path).iter_batches(batch_size=ROWS_AT_ONCE, columns=[image, label]):
            for content, number in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
                where = f"{path}, row {row}"
                yield Example(_content(content, where), _label(number, where), where)
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise VitworkError(f"{path} cannot be read after row {row}: {_first_line(error)}.") from error


def _content(value: Any, where: str) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise VitworkError(f"{where} holds no image bytes.")
    return content


def _label(value: Any, where: str) -> int:
    if not isinstance(value, int):
        raise VitworkError(f"{where} has the label {value!r}, which is not a class number.")
    return value


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
