"""Damage done to files, drawn from a seeded source: what `faults.py` does to stores and to results."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1e308, -1e308, 10**18, 2**63, 2**80, "", "x", "9" * 400, "\x00\x1b[31m", "\ud800", [], {},
    [[]], {"a": 1}, [1, "a", None], [[[[[[[[[[]]]]]]]]]],
)  # fmt: skip


def damage(path: Path, chance: random.Random) -> None:
    """Flip one bit of a file, cut it, empty it or delete it."""
    content = bytearray(path.read_bytes())
    match chance.randrange(4):
        case 0:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        case 1:
            content = content[: chance.randrange(len(content))]
        case 2:
            content.clear()
        case _:
            path.unlink()
            return
    path.write_bytes(content)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container within with each of its keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def mutated(text: bytes, chance: random.Random) -> bytes:
    """Return JSON with one value replaced, deleted or doubled, or with a few of its bytes changed."""
    if chance.random() < 0.1:
        content = bytearray(text)
        for _ in range(chance.randrange(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        return bytes(content)
    document = json.loads(text)
    container, key = chance.choice(list(_places(document)))
    match chance.randrange(5):
        case 0:
            del container[key]
        case 1 if isinstance(container, list):
            container.append(container[key])
        case 2:
            other, place = chance.choice(list(_places(json.loads(text))))
            container[key] = other[place]
        case _:
            container[key] = chance.choice(ODD)
    return json.dumps(document).encode()
