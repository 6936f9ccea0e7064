"""What a published network is known by."""

from __future__ import annotations

from dataclasses import replace

from vitwork.design.published import Network


def test_networks_are_told_apart_by_their_weights() -> None:
    """The name counts where the weights are not here: a plan would take all of one architecture for one run otherwise."""
    one, other = Network("one", "timm:test_vit"), Network("other", "timm:test_vit")
    assert one.identity != other.identity
    assert replace(one, sha256="ab").identity == replace(other, sha256="ab").identity
    assert replace(one, sha256="ab").identity != replace(one, sha256="cd").identity
