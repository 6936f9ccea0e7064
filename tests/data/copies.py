"""Small copies of one drawn data set in every layout that the suite reads."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CLASSES = ("cat", "dog", "eel")
COUNTS = {"train": 12, "test": 6}


def draw(split: str, side: int = 8) -> tuple[np.ndarray, list[int]]:
    """Return random images (n, side, side, 3) and labels that take turns."""
    generator = np.random.default_rng(list(COUNTS).index(split))
    n = COUNTS[split]
    return generator.integers(0, 256, (n, side, side, 3), dtype=np.uint8), [i % len(CLASSES) for i in range(n)]


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, lossless=True)
    return buffer.getvalue()


def write_parquet(
    path: Path,
    contents: list[bytes],
    labels: list[int],
    *,
    image: str = "image",
    label: str = "label",
    names: Any = None,
) -> None:
    table = pa.table(
        {image: pa.array([{"bytes": c, "path": None} for c in contents]), label: pa.array(labels, pa.int64())}
    )
    if names:
        feature = {"info": {"features": {label: {"names": list(names), "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(feature)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def parquet(root: Path, kind: str = "WEBP", *, backwards: bool = False, side: int = 8) -> Path:
    for split in COUNTS:
        pixels, labels = draw(split, side)
        contents = [encoded(p, kind) for p in pixels]
        step = -1 if backwards else 1
        write_parquet(root / f"{split}-00000-of-00001.parquet", contents[::step], labels[::step], names=CLASSES)
    return root


def image_folder(root: Path, test: str = "val", side: int = 8) -> Path:
    for split in COUNTS:
        for number, (pixels, label) in enumerate(zip(*draw(split, side), strict=True)):
            path = root / (split if split == "train" else test) / CLASSES[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(pixels))
    return root


def shards(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "classnames.txt").write_text("\n".join(CLASSES) + "\n")
    for split in COUNTS:
        pixels, labels = draw(split)
        write_shard(root / f"data-{split}-0000.tar", [encoded(each) for each in pixels], labels)
    return root


def write_shard(path: Path, contents: list[bytes], labels: list[int]) -> None:
    with tarfile.open(path, "w") as archive:
        for number, (content, label) in enumerate(zip(contents, labels, strict=True)):
            add(archive, f"{number:04}.png", content)
            add(archive, f"{number:04}.cls", str(label).encode())


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
