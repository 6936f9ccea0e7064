"""The table of named models and their sizes, which `vitwork models` prints and `docs/models.md` contains."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from vitwork.models.zoo.catalogue import ENTRIES
from vitwork.models.zoo.creation import create
from vitwork.models.zoo.matching import flops, parameters

IMAGE_SIZES = (32, 224)


@dataclass(frozen=True, slots=True)
class Row:
    """A model at an image size.

    Attributes:
        name: for `vitwork.models.create`.
        image_size: side of the images in pixels.
        parameters: number of parameters, with 10 classes at 32 pixels and 1000 at 224.
        flops: floating-point operations of one image's forward pass, two per multiply-add.
        source: where the model's code comes from.
    """

    name: str
    image_size: int
    parameters: int
    flops: int
    source: str


def rows(image_sizes: Sequence[int] = IMAGE_SIZES, names: Sequence[str] | None = None) -> list[Row]:
    """Return the size of every named model, measured without storage for weights.

    Args:
        image_sizes: sides of the images in pixels.
        names: names of the models; None for all.

    Returns:
        One row per model and image size.
    """
    import torch

    measured = []
    for name in names or tuple(ENTRIES):
        for size in image_sizes:
            with torch.device("meta"):
                model = create(name, 10 if size <= 64 else 1000, image_size=size)
                measured.append(Row(name, size, parameters(model), flops(model, size), ENTRIES[name].source))
    return measured


def lines(image_sizes: Sequence[int] = (32,)) -> list[str]:
    """Return the table formatted for a terminal: a heading and one line per model and image size."""
    cells = [
        ("name", "image", "parameters", "FLOPs", "code"),
        *(
            (row.name, f"{row.image_size}", f"{row.parameters / 1e6:.2f} M", f"{row.flops / 1e9:.3f} G", row.source)
            for row in rows(image_sizes)
        ),
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return [
        "  ".join([name.ljust(widths[0]), *(c.rjust(w) for c, w in zip(numbers, widths[1:], strict=True)), source])
        for name, *numbers, source in cells
    ]


def markdown(table: Sequence[Row]) -> str:
    """Return the table as Markdown."""
    lines = [
        "# Models",
        "",
        "Written by `python -m vitwork.models.zoo.table`; 10 classes at 32 pixels, 1000 at 224. FLOPs are those of one image's",
        "forward pass, two per multiply-add of convolutions and matrix products; a window inside a ViT is a mask, so its",
        "FLOPs are those of global attention. Any model of timm is `timm:NAME`, your own is `package.module:function`.",
        "",
        "| name | image | parameters | FLOPs | code |",
        "|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| `{r.name}` | {r.image_size} | {r.parameters / 1e6:.2f} M | {r.flops / 1e9:.3f} G | {r.source} |"
        for r in table
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown(rows()))
