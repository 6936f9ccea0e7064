from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

from vitwork.design.overrides import override, substitute
from vitwork.errors import VitworkError
from vitwork.profiles import SMOKE, find
from vitwork.session.preflight import check_data, import_from_here, try_models


def test_networks_are_tried_before_any_training() -> None:
    """An option that a network does not take is refused at once, by the arm's name; what is as ever is not even built."""
    try_models(SMOKE, SMOKE)
    try_models(override(SMOKE, ["vit.options.depth=2"]), SMOKE)
    with pytest.raises(VitworkError, match=r"The arm resnet: .*bogus"):
        try_models(override(SMOKE, ["resnet.options.bogus=3"]), SMOKE)


def test_a_network_that_returns_too_few_logits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images are passed before any training, so that what a network cannot do is said by its name."""
    narrow = ModuleType("narrow")
    narrow.build = lambda num_classes: nn.Sequential(nn.Flatten(), nn.Linear(768, 5))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "narrow", narrow)
    with pytest.raises(VitworkError, match="narrow:build returns 5 logits for 10 classes"):
        try_models(substitute(SMOKE, ["narrow:build"]), SMOKE)
    with pytest.raises(VitworkError, match="fails on images of 8 × 8 pixels"):
        try_models(override(SMOKE, ["data.size=8"]), SMOKE)


def test_what_a_network_lacks_is_said_before_any_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of blocks that the profile's own network has and this one lacks is named with the arm; so is what has no blocks."""
    small = ModuleType("small")
    layers = (nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    small.convs = lambda num_classes: nn.Sequential(*layers, nn.Linear(8, num_classes))  # type: ignore[attr-defined]
    small.flat = lambda num_classes: nn.Sequential(nn.Flatten(), nn.Linear(768, num_classes))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "small", small)
    assert try_models(substitute(SMOKE, ["small:convs"]), SMOKE) == [
        "The network of vit, small:convs, has no MSA block: no claim about its MSAs is measured.",
        "The network of vit, small:convs, has no MLP block: no claim about its MLPs is measured.",
    ]
    (sentence,) = try_models(substitute(SMOKE, ["small:flat"]), SMOKE)
    assert sentence.startswith(
        "The network of vit, small:flat, is not divided into blocks, so nothing is measured block by"
    )
    assert try_models(override(SMOKE, ["vit.options.depth=2"]), SMOKE) == []


def test_a_folder_that_no_arm_reads_is_refused() -> None:
    """Drawn images need no folder, so that one is a mistake; a profile that reads images, or is changed to, takes it."""
    with pytest.raises(VitworkError, match="images of the profile smoke are drawn, so here would not be read"):
        check_data(SMOKE, Path("here"))
    check_data(SMOKE, None)
    check_data(find("cifar10-micro"), Path("here"))
    check_data(override(SMOKE, ["data.source=folder"]), Path("here"))


def test_models_of_the_current_folder_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is looked through before anything that is installed, and is added once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    import_from_here()
    import_from_here()
    assert sys.path[0] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


def test_unchanged_networks_are_not_looked_at() -> None:
    """A session whose networks are the profile's own starts without torch."""
    code = (
        "import sys; from vitwork.profiles import SMOKE; from vitwork.session.preflight import try_models; "
        "try_models(SMOKE, SMOKE); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
