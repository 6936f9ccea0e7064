"""What pytest makes of paths after options of the suite's, before it knows these."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import forked
from tests.test_plugin import CLAIMS, TINY
from vitwork.by_name import PATHS
from vitwork.session import options


def said(folder: Path, *arguments: str) -> str:
    """What a session prints that plans at most."""
    done = forked.run("pytest", "--plan", "-p", "no:cacheprovider", *arguments, cwd=folder)
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with claims of its own, beside it a folder and another project."""
    project = tmp_path / "project"
    for folder in (project, tmp_path / "beside", tmp_path / "other"):
        folder.mkdir()
    (project / "conftest.py").write_text(TINY)
    (project / "test_claims.py").write_text(CLAIMS)
    (tmp_path / "other" / "pytest.ini").write_text("[pytest]\n")
    return project


def test_every_option_that_takes_a_path_is_known_before_the_plugin_is() -> None:
    """The names that stand in the module which imports nothing are those of the options."""

    class Group:
        names: dict[str, object] = {}  # noqa: RUF012

        def getgroup(self, *_: str) -> Group:
            return self

        def addoption(self, name: str, **details: object) -> None:
            self.names[name] = details.get("type")

    options.add(Group())  # type: ignore[arg-type]
    paths = {name for name, kind in Group.names.items() if kind in {Path, options.where}}
    assert paths <= set(PATHS) <= set(Group.names)


@pytest.mark.parametrize("settings", [True, False])
@pytest.mark.parametrize("places", [(), ("test_claims.py",)])
def test_a_path_that_leads_pytest_elsewhere_is_one_sentence(
    project: Path, settings: bool, places: tuple[str, ...]
) -> None:
    """With a file of settings a named place is enough; joined by a sign the path never matters."""
    if settings:
        (project / "pytest.ini").write_text("[pytest]\n")
    right = "Profile tiny: "
    wrong = "pytest takes ../beside for places of tests and looks there for the project: write --report=../beside."
    expected = right if settings and places else wrong
    assert expected in said(project, *places, "--profile", "tiny", "--report", "../beside")
    assert right in said(project, *places, "--profile", "tiny", "--report=../beside")


def test_the_claims_by_name_stay_where_the_user_is(project: Path) -> None:
    """A path in another project would bring that one's settings, store and report."""
    # Only the wheel has these claims, but the path is read before they are looked for.
    named = ("-p", "vitwork.plugin", "--pyargs", "vitwork.claims")
    assert "write --data=../other." in said(project, *named, "--data", "../other")
    assert "write --data=" not in said(project, *named, "--rootdir", ".", "-c", "/dev/null", "--data", "../other")


def test_options_of_others_are_theirs(project: Path) -> None:
    """A project whose own conftest.py adds an option of such a name hears nothing."""
    (project / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--report')\n    parser.addoption('--plan', action='store_true')\n"
    )
    (project / "test_claims.py").write_text("def test_it(): pass\n")
    assert "1 passed" in said(project, ".", "--report", "../beside")
