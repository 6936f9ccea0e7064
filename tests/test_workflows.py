"""The workflow files: their shell commands are read by the shell, and what they name exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from vitwork import cli

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def steps(path: Path) -> list[dict[str, str]]:
    """Return the steps of all jobs of a workflow."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_are_shell_without_text_from_outside(path: Path) -> None:
    """Bash reads every command; expressions reach commands through the environment only, so that none can be injected."""
    commands = [step["run"] for step in steps(path) if "run" in step]
    assert commands
    for command in commands:
        assert not EXPRESSION.search(command)
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_and_actions_that_are_named_exist(path: Path) -> None:
    """Every `vitwork` command is one, every path of this project is there, every action is pinned to a commit."""
    for step in steps(path):
        command = step.get("run", "")
        assert all(cli.command(name) for name in re.findall(r"\bvitwork (\w+)", command))
        named = re.findall(r"\breports/[\w./]*", command)
        assert all((ROOT / name.rstrip("/")).exists() for name in named)
        assert "uses" not in step or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])


def test_the_comment_keeps_whole_letters_when_it_is_cut() -> None:
    """A summary longer than GitHub takes is cut between letters, not within one."""
    (command,) = (step["run"] for step in steps(FILES[0]) if "comment" in step.get("name", "").lower())
    line = next(line.strip() for line in command.splitlines() if "head -c 60000" in line)
    text = "a" + "é" * 40_000
    done = subprocess.run(
        ["bash", "-ec", line.replace("report/comment.md", "-")], input=text.encode(), capture_output=True, check=True
    )
    assert done.stdout.decode() == text[:30_000]
