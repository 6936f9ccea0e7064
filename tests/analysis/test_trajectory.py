"""Training paths whose polar coordinates are known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from vitwork.analysis.directions import principal_pair
from vitwork.analysis.trajectory import polar
from vitwork.errors import VitworkError


def state(x: float, y: float, **more: float) -> dict[str, torch.Tensor]:
    return {"a.weight": torch.tensor([float(x)]), "b.weight": torch.tensor([[float(y)]])} | {
        name.replace("__", "."): torch.tensor(value) for name, value in more.items()
    }


def test_a_straight_path():
    """On the straight line the radius falls from one to zero, the angle is zero, and the path has length one."""
    states = [state(3 + 4 * t, 1 - 2 * t) for t in (0, 0.25, 0.5, 1)]
    path = polar(states, states[0], states[-1])
    assert path.radius == pytest.approx((1, 0.75, 0.5, 0), abs=1e-6)
    assert path.angle[:3] == pytest.approx((0, 0, 0), abs=1e-6)
    assert math.isnan(path.angle[3])
    assert path.length == pytest.approx(1, abs=1e-6)
    assert path.turning == pytest.approx(0, abs=1e-6)


def test_a_half_circle():
    """Half way round the optimum the angle is π at the initial radius, and the length that of the polygon."""
    points = [state(math.cos(t), math.sin(t)) for t in (0, math.pi / 2, math.pi)]
    path = polar(iter(points), points[0], state(0, 0))
    assert path.radius == pytest.approx((1, 1, 1), abs=1e-6)
    assert path.angle == pytest.approx((0, math.pi / 2, math.pi), abs=1e-6)
    assert path.length == pytest.approx(2 * math.sqrt(2), abs=1e-6)
    assert path.turning == pytest.approx(math.pi / 2, abs=1e-6)


def test_a_repeated_state_turns_nowhere():
    """A path that waits at a corner turns there as one that does not."""
    path = polar([state(0, 0), state(1, 0), state(1, 0), state(1, 1)], state(0, 0), state(0, 2))
    assert path.turning == pytest.approx(math.pi / 2)


def test_a_random_path_matches_numpy():
    """Radius, angle, length and turning are those of the definitions, written out with arccos."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 8))
    states = [{"w": torch.from_numpy(point[:6].reshape(2, 3)), "v": torch.from_numpy(point[6:])} for point in points]
    path = polar(states, states[0], states[-1])
    offsets, steps = points - points[-1], np.diff(points, axis=0)
    unit = np.linalg.norm(offsets[0])

    def between(a, b):
        return np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    np.testing.assert_allclose(path.radius, np.linalg.norm(offsets, axis=1) / unit)
    np.testing.assert_allclose(path.angle[1:-1], [between(offset, offsets[0]) for offset in offsets[1:-1]])
    assert path.length == pytest.approx(np.linalg.norm(steps, axis=1).sum() / unit)
    assert path.turning == pytest.approx(sum(between(a, b) for a, b in pairwise(steps)))


def test_scale_and_shift_do_not_matter():
    """Radius, angle, length and turning are unchanged when all weights are scaled and shifted."""
    raw = torch.randn(5, 2, generator=torch.Generator().manual_seed(0)).tolist()
    one = [state(x, y) for x, y in raw]
    other = [state(7 * x - 3, 7 * y + 2) for x, y in raw]
    a, b = polar(one, one[0], one[-1]), polar(other, other[0], other[-1])
    assert a.radius == pytest.approx(b.radius, abs=1e-5)
    assert a.angle[:-1] == pytest.approx(b.angle[:-1], abs=1e-5)
    assert (a.length, a.turning) == pytest.approx((b.length, b.turning), abs=1e-4)


def test_running_statistics_and_counters_do_not_count():
    """BatchNorm's buffers are left out unless asked for."""
    first = state(1, 0, n__running_mean=5.0, n__num_batches_tracked=0)
    last = state(0, 0, n__running_mean=0.0, n__num_batches_tracked=9)
    middle = state(0.5, 0, n__running_mean=5.0, n__num_batches_tracked=4)
    assert polar([middle], first, last).radius == pytest.approx((0.5,))
    everything = polar([middle], first, last, select=lambda _: True)
    assert everything.radius == pytest.approx((math.hypot(0.5, 5) / math.hypot(1, 5),))


def test_paths_without_polar_coordinates_are_refused():
    """No distance from start to end, or a foreign snapshot, is one clear sentence."""
    with pytest.raises(VitworkError, match="ends where it starts"):
        polar([], state(1, 1), state(1, 1))
    with pytest.raises(VitworkError, match=r"lacks b\.weight"):
        polar([{"a.weight": torch.ones(1)}], state(1, 1), state(0, 0))
    with pytest.raises(VitworkError, match=r"lacks b\.weight"):
        polar([], {"a.weight": torch.ones(1)}, state(0, 0))
    with pytest.raises(VitworkError, match=r"a\.weight is \(2,\) and another's \(1,\)"):
        polar([state(1, 1) | {"a.weight": torch.ones(2)}], state(1, 1), state(0, 0))
    with pytest.raises(VitworkError, match="no tensor"):
        polar([], state(1, 1), state(0, 0), select=lambda name: name == "c")


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_no_path_leads_through_what_is_not_finite(wrong):
    """A snapshot, a start or an end with a weight that is NaN or infinite is named, and makes no radius of NaN."""
    start, end, lost = state(1, 1), state(0, 0), state(1, wrong)
    for states, initial, optimum in (([start, lost], start, end), ([], lost, end), ([], start, lost)):
        with pytest.raises(VitworkError, match=r"a snapshot's b\.weight is not finite"):
            polar(states, initial, optimum)
    for states, centre in (([start, lost], end), ([start, end], lost)):
        with pytest.raises(VitworkError, match=r"a snapshot's b\.weight is not finite"):
            principal_pair(states, centre)


def test_a_path_through_complex_weights_is_refused():
    """They would be left out, or lose their imaginary parts; one that stays where it is, as a table of phases, has no part."""
    start, middle, end = ({**state(x, y), "c.weight": torch.ones(2, 2) + 0j} for x, y in ((1, 1), (1, 0), (0, 0)))
    assert polar([start, middle], start, end).radius == pytest.approx((1, 1 / math.sqrt(2)))
    moved = {**middle, "c.weight": torch.full((2, 2), 1j)}
    half = {**middle, "b.weight": torch.tensor([[1j]])}
    for wrong, name in ((moved, "c"), (half, "b")):
        for call in (lambda w=wrong: polar([start, w], start, end), lambda w=wrong: principal_pair([start, w], end)):
            with pytest.raises(VitworkError, match=rf"a snapshot's {name}\.weight is complex"):
                call()
