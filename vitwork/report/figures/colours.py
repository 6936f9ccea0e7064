"""A ramp from dark blue to yellow whose lightness rises evenly: readable in grey and for every kind of colour vision."""

from __future__ import annotations

STOPS = ((0, 32, 76), (55, 67, 109), (107, 109, 113), (149, 143, 120), (200, 181, 98), (253, 231, 55))
LEVELS = 20


def colour(part: float) -> str:
    """Return the colour at `part` of the ramp, 0 dark to 1 light, in one of `LEVELS` steps."""
    level = round(min(1.0, max(0.0, part)) * (LEVELS - 1)) / (LEVELS - 1) * (len(STOPS) - 1)
    low = min(int(level), len(STOPS) - 2)
    mixed = (round(a + (level - low) * (b - a)) for a, b in zip(STOPS[low], STOPS[low + 1], strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
