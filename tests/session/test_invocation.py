"""How the suite's own claims are called from any folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vitwork.design.deviation import Change, Deviation
from vitwork.design.overrides import override, substitute
from vitwork.errors import VitworkError
from vitwork.profiles import SMOKE
from vitwork.session import invocation
from vitwork.session.invocation import again, arguments, by_name, claims, command, options


def test_the_claims_of_the_repository_are_found_where_there_is_no_wheel() -> None:
    """An editable install runs the files that are being edited."""
    assert claims() == Path(__file__).parents[2] / "claims"
    assert arguments(["-n", "4"])[-3:] == ["-n", "4", str(claims())]


def test_the_options_of_a_session_are_told_as_they_can_be_typed_again() -> None:
    """Every change is an option that makes it, networks of arms that are alike are named once, and folders are the reader's."""
    profile = replace(
        override(substitute(SMOKE, ["vit=my.nets:small"]), ["epochs=2", "resnet.options.widths=(8, 16, 32)"]),
        seeds=3,
        first_seed=4,
    )
    noted = [
        Deviation(Change.NETWORKS, arm="pit", networks=("a.one", "a.two")),
        Deviation(Change.NETWORKS, arm="pit-published", networks=("a.one", "a.two")),
        Deviation(Change.SEEDS, value="3"),
        Deviation(Change.CHOSEN),
    ]
    profile = replace(profile, deviations=(*profile.deviations, *noted))
    assert options(profile, data=True, weights=True, sequential=False) == (
        "--profile smoke --data DIR --weights DIR --model vit=my.nets:small --model pit=timm:a.one,a.two --set epochs=2 "
        "--set 'resnet.options.widths=(8, 16, 32)' --seeds 3 --first-seed 4"
    )
    assert options(SMOKE, data=False, weights=False, sequential=True) == "--profile smoke --seeds auto"


def test_a_package_without_claims_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One sentence where neither the wheel nor the repository has them."""
    monkeypatch.setattr(invocation, "__file__", str(tmp_path / "vitwork" / "session" / "invocation.py"))
    with pytest.raises(VitworkError, match="claims are not installed"):
        claims()


def test_what_was_typed_is_told_without_paths_of_the_machine() -> None:
    """`vitwork run` and its options, or pytest and its own; absolute paths by their last part."""
    assert command(arguments(["-n", "4", "--data", "/home/me/images"])) == "vitwork run -n 4 --data images"
    assert command(["claims", "-n", "4"]) == "pytest claims -n 4"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("--data=/home/me/images=16", "--data=images=16"),
        ("--store=file:///home/me/store", "--store=store"),
        ("file:///home/me/store", "store"),
        ("~/me/store", "store"),
        ("C:\\Users\\me\\store", "store"),
        ("--store=C:/Users/me/store", "--store=store"),
        ("/home/me/claims/test_a.py::test_x[/b]", "test_a.py::test_x[/b]"),
        ("a=/b and c/d", "a=/b and c/d"),
        ("--rootdir=/", "--rootdir=/"),
        ("claims/test_a.py::test_x", "claims/test_a.py::test_x"),
        ("https://example.org/report", "https://example.org/report"),
        ("--set=resnet.recipe.epochs=4", "--set=resnet.recipe.epochs=4"),
    ],
)
def test_paths_of_a_machine_are_told_by_their_last_part(typed: str, told: str) -> None:
    """After an option, as an address, of a home, of either kind of system, or with a test in it; nothing else is touched."""
    assert command(["-k", typed]) == f"pytest -k {told}"


def test_a_claim_is_called_again_as_it_was_called() -> None:
    """By its file in a repository; by its function's name from anywhere else, where the file's place is nobody's business."""
    tests = ["claims/test_a.py::test_one", "claims/test_a.py::test_two"]
    assert again(tests, by_name=False) == "pytest claims/test_a.py::test_one claims/test_a.py::test_two"
    assert again(tests, by_name=True) == 'vitwork run -k "test_one or test_two"'
    assert by_name(arguments([]))
    assert by_name(["--pyargs", "vitwork.claims.test_frequency::test_one"])
    assert not by_name(["claims", "-n", "4"])
