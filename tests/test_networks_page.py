"""The page of published networks lists what the rules give with the installed timm."""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from pathlib import Path

import pytest

from vitwork.models.published.membership import groups
from vitwork.networks.selection import as_if_here
from vitwork.profiles.published import FAMILIES, PUBLISHED
from vitwork.session.collecting import collect, read_claims
from vitwork.session.plan import Plan

DOCS = Path(__file__).parents[1] / "docs"


def script():
    spec = importlib.util.spec_from_file_location("networks", DOCS / "networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def same_timm() -> bool:
    """Return whether the installed timm is the one that the page was written with."""
    pins = (DOCS.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return f"timm=={version('timm')}" in pins


@pytest.mark.skipif(not same_timm(), reason="another timm than the one that the page was written with")
def test_every_network_of_every_arm_is_listed():
    """The table has a row for each network that a rule gives, and no other; renew it with ``python docs/networks.py``."""
    _, _, page = (DOCS / "networks.md").read_text(encoding="utf-8").partition("## Networks of each arm")
    listed = [
        tuple(cell.strip(" `") for cell in line.split("|")[1:3]) for line in page.splitlines() if line.startswith("| `")
    ]
    assert listed == [(arm, group.network.name) for arm, family in FAMILIES.items() for group in groups(family)]


def test_every_arm_that_is_fetched_is_asked_for():
    """No claim that can be measured names the arms of which it is said that none asks for them; each other one is named by one."""
    whole = as_if_here(PUBLISHED)
    plan = Plan(whole, fingerprints={arm.data: "" for arm in whole.arms.values()})
    plan.read(read_claims(collect([DOCS.parent / "claims"]), whole))
    sentences = [one for test in plan.tests.values() if test.lack is None for one in test.case.sentences]
    named = {side.arm for sentence in sentences for side in sentence.references}
    asked = {PUBLISHED.arms[name].family for name in named & set(PUBLISHED.arms)}
    assert {name for name, family in FAMILIES.items() if family.asked} == {
        name for name, family in FAMILIES.items() if family in asked
    }


@pytest.mark.slow
@pytest.mark.skipif(not same_timm(), reason="another timm than the one that the page was written with")
def test_the_page_is_what_the_script_writes():
    """Sizes, licences and groups are those that the script finds."""
    text = (DOCS / "networks.md").read_text(encoding="utf-8")
    assert script().page(text) == text
