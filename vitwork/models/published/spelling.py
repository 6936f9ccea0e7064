"""Suggestions of misspelt names where the weights of a network are not found."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from vitwork.design.published import Network
from vitwork.models.published.membership import TIMM
from vitwork.models.published.weights import SUFFIX

FAR = 0.6
"""How similar two names have to be for one to be suggested as the nearest."""
ALIKE = 0.9
"""How similar the names of a file and of a network have to be: a letter or two of a tag may differ."""


def misspelt(network: Network, folder: Path | None) -> str:
    """Return, in words, whether the name of a network or of a file may be misspelt; otherwise an empty string.

    Args:
        network: the network whose weights were not found.
        folder: folder of the user's weights; None for the hub's cache, whose files nobody names by hand.
    """
    import timm

    if network.model.startswith(TIMM) and not network.origin:
        # Users name files of their own weights freely, and files of related weights have similar names.
        near = get_close_matches(network.name, timm.list_pretrained(), 1, ALIKE if folder else FAR)
        hint = f": the nearest is {near[0]}" if near else ""
        return f"no name of timm's{hint}" if near or not folder else ""
    files = [path.stem for path in folder.glob(f"*{SUFFIX}")] if folder else []
    for name in get_close_matches(network.name, files, cutoff=ALIKE):
        if get_close_matches(name, [*timm.list_pretrained(), network.name], 1) == [network.name]:
            return f"there is {name}{SUFFIX}, and no network is called so"
    return ""
