"""Draws ``docs/architecture.svg``: the packages of ``vitwork``, their layers, and the imports between them.

``python docs/architecture.py`` writes the picture. Imports are read from the source, layers from the import contract in
``pyproject.toml``. Packages stand on a diagonal, so that every arrow has a row and a column of its own: it leaves its package
sideways and turns, where the number stands, towards the package that it imports.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).with_suffix(".svg")

Arrows = dict[tuple[str, str], int]
"""How many imports lead from one package into another."""

ROW, COLUMN, BOX_WIDTH, BOX_HEIGHT, EDGE = 40, 66, 104, 26, 14  # pixels

STYLE = """
svg { --ink: #1f2328; --line: #59636e; --page: #ffffff; --band: #eef1f4; --box: #ffffff; --wrong: #cf222e; }
@media (prefers-color-scheme: dark) {
svg { --ink: #e6edf3; --line: #9198a1; --page: #0d1117; --band: #1b222b; --box: #30363d; --wrong: #ff7b72; }
}
text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); text-anchor: middle; dominant-baseline: central; }
.page { fill: var(--page); }
.band { fill: var(--band); }
.box { fill: var(--box); stroke: var(--line); }
.note { text-anchor: start; fill: var(--line); }
path { fill: none; stroke: var(--line); }
circle { fill: var(--page); stroke: var(--line); }
.count { font-size: 11px; }
.up { stroke: var(--wrong); stroke-width: 2px; }
marker path { fill: var(--line); fill: context-stroke; stroke: none; }
"""

TIP = (
    '<marker id="tip" viewBox="0 0 6 6" refX="3" refY="3" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L6 3L0 6Z"/></marker>'
)

NOTE = (
    "A number counts the imports that lead",
    "from the package in its row to the package in its column.",
    "Packages in one band share a layer.",
    "A red number would lead upwards.",
)


def layers() -> list[list[str]]:
    """Return the packages of each layer, from the top, as the contract on layers has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (found,) = (contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    return [re.findall(r"\w+", layer) for layer in found]


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that a source imports anywhere, but for its annotations alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        yield from imported(node)


def arrows(root: Path) -> Arrows:
    """Count the imports between packages: the modules and packages directly inside ``root``."""
    packages = {path.stem for path in root.iterdir()}
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted(root.rglob("*.py")):
        package = path.relative_to(root).parts[0].removesuffix(".py")
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            first, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if first == root.name and target in packages - {package}:
                found[package, target] += 1
    return dict(sorted(found.items()))


def centre(place: int) -> tuple[int, int]:
    """Return the middle of the box at a place on the diagonal."""
    return EDGE + place * COLUMN + BOX_WIDTH // 2, EDGE + place * ROW + ROW // 2


def arrow(start: int, end: int, count: int) -> tuple[str, str]:
    """Return the arrow between two places and its number: down on the right of the diagonal, up on the left of it."""
    (x, y), (corner, below) = centre(start), centre(end)
    side = 1 if end > start else -1
    kind = "" if side > 0 else ' class="up"'
    tip = below - side * (BOX_HEIGHT // 2 + 5)
    return (
        f'<path{kind} marker-end="url(#tip)" d="M{x + side * BOX_WIDTH // 2} {y}H{corner}V{tip}"/>',
        f'<circle{kind} cx="{corner}" cy="{y}" r="11"/><text class="count" x="{corner}" y="{y}">{count}</text>',
    )


def box(package: str, place: int) -> str:
    """Return a package as a box with its name."""
    x, y = centre(place)
    left, top = x - BOX_WIDTH // 2, y - BOX_HEIGHT // 2
    return (
        f'<rect class="box" x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
        f'<text x="{x}" y="{y}">{package}</text>'
    )


def draw(layers: list[list[str]], arrows: Arrows) -> str:
    """Return the picture as SVG."""
    place = {package: number for number, package in enumerate(package for layer in layers for package in layer)}
    width, height = 2 * EDGE + (len(place) - 1) * COLUMN + BOX_WIDTH, 2 * EDGE + len(place) * ROW
    bands = (
        f'<rect class="band" x="0" y="{EDGE + place[layer[0]] * ROW}" width="{width}" height="{len(layer) * ROW}"/>'
        for layer in layers[::2]
    )
    lines, counts = zip(
        *(arrow(place[start], place[end], count) for (start, end), count in arrows.items()), strict=True
    )
    notes = (
        f'<text class="note" x="{2 * EDGE}" y="{height - 6 * EDGE + 18 * line}">{text}</text>'
        for line, text in enumerate(NOTE)
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>The packages of vitwork: {len(place)} on {len(layers)} layers, with {len(arrows)} arrows</title>",
        f"<style>{STYLE}</style>",
        TIP,
        f'<rect class="page" width="{width}" height="{height}"/>',
        *bands,
        *sorted(lines, key=lambda line: 'class="up"' in line),  # what is wrong lies on top
        *(box(package, number) for package, number in place.items()),
        *counts,
        *notes,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def picture() -> str:
    """Return the picture of the source as it is."""
    return draw(layers(), arrows(ROOT / "vitwork"))


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
