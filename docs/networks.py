"""Writes the table of ``docs/networks.md``: the networks that the installed timm has for each arm of `published`.

``python docs/networks.py`` renews it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vitwork.models.published.loading import parameters
from vitwork.models.published.membership import groups
from vitwork.profiles.published import FAMILIES

PAGE = Path(__file__).parent / "networks.md"
BEGIN = "<!-- written by docs/networks.py -->\n"
HEADER = (
    "| arm | network | licence | M parameters | MB | pixels a side | counts for |\n|---|---|---|---:|---:|---:|---|\n"
)


def rows() -> Iterator[str]:
    """Yield a row for each network of each arm."""
    for arm, family in FAMILIES.items():
        for group in groups(family):
            network, size = group.network, parameters(group.network)
            assert network.preprocessing is not None  # timm's own networks say how they want their images
            yield (
                f"| `{arm}` | `{network.name}` | {network.licence} | {size / 1e6:.1f} | {4 * size / 2**20:.0f} | "
                f"{network.preprocessing.size} | {', '.join(f'`{other}`' for other in group.others)} |\n"
            )


def page(text: str) -> str:
    """Return the page with its table written anew."""
    return text.partition(BEGIN)[0] + BEGIN + HEADER + "".join(rows())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
