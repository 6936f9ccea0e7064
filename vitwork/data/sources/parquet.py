"""Reading of Parquet files in the layout of the Hugging Face hub: `image` {bytes, path} and `label`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from vitwork.data.sources.collection import Collection, Example, Grouping, class_number, split_of, train_and_test
from vitwork.data.sources.folder import files_of
from vitwork.data.sources.listing import check_regular
from vitwork.errors import VitworkError

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("fine_label", "label")  # CIFAR-100 also has coarse labels
ROWS_AT_ONCE = 1024
HIDDEN = -1  # the label of an image whose class is not given


def open_parquet(root: Path, grouping: Grouping = train_and_test) -> Collection:
    """Return the collection in a folder of Parquet files, whose names or folder names contain the split.

    `grouping` selects the splits. Test images with hidden labels (-1, as for ImageNet on the hub) are left out, and
    validation is used instead.

    Raises:
        VitworkError: a split is missing, occurs twice or lacks a file, or there are also images in another layout.
            Reading raises it for a file that is not a Parquet file, does not have one column of images and one of
            labels, or has another number of rows than it states. It also raises it for a row without image or class
            number, and for files with different names of classes or of the label column.
    """
    groups = grouping(root, (path for path in files_of(root, ".parquet") if _labelled(root, path)))
    splits = {split: [partial(_read, path) for path in group] for split, group in groups.items()}
    files = tuple(path for group in groups.values() for path in group)
    return Collection(str(root), files, partial(_class_names, files), splits)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file, and turn any error of reading it into one sentence, since damaged files raise errors of any kind."""
    import pyarrow.parquet as pq

    check_regular(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except VitworkError:
        raise
    except Exception as error:
        raise VitworkError(f"{path} cannot be read as a Parquet file: {_first_line(error)}.") from error


def _columns(file: Any, path: Path) -> tuple[str, str]:
    names = file.schema_arrow.names
    images, labels = ([name for name in names if name in known] for known in (IMAGE_COLUMNS, LABEL_COLUMNS))
    if not images or not labels:
        raise VitworkError(f"{path} needs the columns image and label; it has {', '.join(names) or 'none'}.")
    if several := next((columns for columns in (images, labels) if len(columns) > 1), None):
        raise VitworkError(
            f"{path} has the columns {' and '.join(several)}, of which one is needed: remove the others."
        )
    return images[0], labels[0]


def _labelled(root: Path, path: Path) -> bool:
    """Return whether to read a file: any file except one of test images without any label."""
    if split_of(path.relative_to(root)) != "test":
        return True
    with _opened(path) as file:
        _, label = _columns(file, path)
        batches = file.iter_batches(batch_size=ROWS_AT_ONCE, columns=[label])
        return not file.metadata.num_rows or any(
            number != HIDDEN for batch in batches for number in batch.column(label).to_pylist()
        )


def _class_names(paths: tuple[Path, ...]) -> tuple[str, ...]:
    found = [_names(path) for path in paths]
    first = next((names for _, names in found if names), ())
    for path, (label, names) in zip(paths, found, strict=True):
        if label != found[0][0]:
            raise VitworkError(
                f"{path} has its labels in the column {label}, and {paths[0]} in {found[0][0]}: call them alike."
            )
        if names and names != first:
            raise VitworkError(f"{path} calls its classes otherwise than the files beside it.")
    return first


def _names(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the label column, and the names of the classes from the hub's metadata (empty if it has none)."""
    with _opened(path) as file:
        _, label = _columns(file, path)
        try:
            feature = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"][label]
            return label, tuple(str(name) for name in feature["names"])
        except (KeyError, TypeError, ValueError, RecursionError):
            return label, ()


def _read(path: Path) -> Iterator[Example]:
    row = 0
    with _opened(path) as file:
        image, label = _columns(file, path)
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=[image, label]):
            for content, number in zip(batch.column(image).to_pylist(), batch.column(label).to_pylist(), strict=True):
                where = f"{path}, row {row}"
                key = content.get("path") if isinstance(content, dict) else None
                yield Example(_content(content, where), class_number(number, where), where, key or f"row {row}")
                row += 1
        if row != file.metadata.num_rows:
            raise VitworkError(f"{path} has {row} rows where it says that there are {file.metadata.num_rows}.")


def _content(value: Any, where: str) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise VitworkError(f"{where} holds no image bytes.")
    return content


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
