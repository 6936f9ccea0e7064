"""Writes the tables of ``docs/networks.md``: the arms' rules, what each arm of `published` costs, and its networks in the installed timm.

``python docs/networks.py`` renews it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from vitwork.models.published.loading import size_of
from vitwork.models.published.membership import groups
from vitwork.networks.command import rule
from vitwork.networks.selection import as_if_here
from vitwork.profiles.published import FAMILIES, PUBLISHED
from vitwork.session.collecting import collect, read_claims
from vitwork.session.costs import durations
from vitwork.session.plan import Plan
from vitwork.store.store import Store

PAGE = Path(__file__).parent / "networks.md"
CLAIMS = PAGE.parents[1] / "claims"
BEGIN = "<!-- written by docs/networks.py -->\n"
COSTS, END = "<!-- costs: written by docs/networks.py -->\n", "<!-- end of costs -->\n"
RULES, END_OF_RULES = "<!-- rules: written by docs/networks.py -->\n", "<!-- end of rules -->\n"
COSTS_HEADER = "| networks of | measured | minutes each, one core | hours, two cores |\n|---|---:|---:|---:|\n"
HEADER = (
    "| arm | network | licence | M parameters | MB | pixels a side | counts for |\n|---|---|---|---:|---:|---:|---|\n"
)


def rows() -> Iterator[str]:
    """Yield a row for each network of each arm."""
    for arm, family in FAMILIES.items():
        for group in groups(family):
            network, size = group.network, size_of(group.network)
            assert network.preprocessing is not None  # timm's own networks say how they want their images
            yield (
                f"| `{arm}` | `{network.name}` | {network.licence} | {size.parameters / 1e6:.1f} | {size.bytes / 2**20:.0f} | "
                f"{network.preprocessing.size} | {', '.join(f'`{other}`' for other in group.others)} |\n"
            )


def costs() -> Iterator[str]:
    """Yield a row for the networks of each arm on which claims measure anything, as ``--plan`` counts them, and their sum."""
    whole = as_if_here(PUBLISHED)
    plan = Plan(whole, fingerprints={arm.data: "" for arm in whole.arms.values()})
    plan.read(read_claims(collect([CLAIMS]), whole))
    counts = Counter(run.arm.name for run in plan.runs.values())
    with tempfile.TemporaryDirectory() as empty:
        each = durations(plan, Store(Path(empty)), "cpu")
    known = {arm: each[arm].seconds for arm in counts if arm in each}
    for arm, count in counts.items():
        minutes, hours = (f"{known[arm] / 60:.0f}", f"{count * known[arm] / 7200:.1f}") if arm in known else ("–", "–")
        yield f"| `{arm}` | {count} | {minutes} | {hours} |\n"
    total = sum(counts[arm] * seconds for arm, seconds in known.items()) / 7200
    yield f"| all | {sum(counts.values())} | | {total:.0f} |\n"


def page(text: str) -> str:
    """Return the page with its tables written anew."""
    before, _, rest = text.partition(RULES)
    between = rest.partition(END_OF_RULES)[2].partition(COSTS)[0]
    last = rest.partition(END)[2].partition(BEGIN)[0]
    rules = ["```text\n", *(f"{arm}: {rule(family)}\n" for arm, family in FAMILIES.items()), "```\n"]
    return "".join(
        [before, RULES, *rules, END_OF_RULES, between, COSTS, COSTS_HEADER, *costs(), END, last, BEGIN, HEADER, *rows()]
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
