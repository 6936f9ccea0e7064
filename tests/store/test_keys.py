from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vitwork.store.keys import digest, plain


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False) | st.text()))
def test_digest_ignores_order_and_nothing_else(value: dict[str, object]) -> None:
    """Equal mappings have one digest whatever their order; another mapping has another."""
    assert digest(dict(reversed(value.items()))) == digest(value)
    assert digest({**value, "further": 1}) != digest({**value, "further": 2})


def test_plain_makes_json_of_specifications() -> None:
    """Dataclasses, tuples and paths become what JSON has."""
    from vitwork.profiles import SMOKE

    arm = plain(SMOKE.arms["vit"])
    assert arm["name"] == "vit"
    assert arm["recipe"]["augmentation"]["crop_padding"] == 2
    assert plain((Path("a"), 1)) == ["a", 1]
