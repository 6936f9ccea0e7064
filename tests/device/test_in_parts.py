"""Batches that do not fit, and bounded parts."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tests.analysis.hand_made import images
from vitwork.device.parts import COMPARED, apart, bounded, check_repeatable, in_parts
from vitwork.errors import VitworkError

OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 807469056 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved(error):
    """Out of memory leads to smaller calls with the same result, until one row alone does not fit."""
    sizes = []

    def hungry(limit):
        def function(x):
            sizes.append(len(x))
            if len(x) > limit:
                raise error
            return x * 2

        return function

    x = torch.arange(11.0)[:, None]
    assert torch.equal(in_parts(hungry(3), x), x * 2)
    assert max(sizes) == 11
    assert torch.equal(in_parts(hungry(3), x, at_once=4), x * 2)
    with pytest.raises(type(error)):
        in_parts(hungry(0), x)


def test_reducers_work_on_bounded_parts(monkeypatch):
    """A measurement never gets more than the allowed elements at once, unless one image alone has more."""
    monkeypatch.setattr("vitwork.device.parts.ELEMENTS_AT_ONCE", 100)
    sizes = []

    def function(x):
        sizes.append(x.numel())
        return x.flatten(1).sum(1)

    x = images(7, side=4)
    assert torch.equal(bounded(function, x), x.flatten(1).sum(1))
    assert max(sizes) <= 100
    assert bounded(function, images(2, side=16)).shape == (2,)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    """A model that fails for another reason fails once, with its own message."""
    calls = []

    def wrong(x):
        calls.append(len(x))
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        in_parts(wrong, images(8))
    assert calls == [8]


@pytest.mark.parametrize("taken", [0.0, -1e4, -1e9, float("-inf")])
@pytest.mark.parametrize("added", [0.0, 1e3, 1e4])
def test_outputs_that_mix_images_are_seen_beside_what_is_the_same_for_all(taken, added):
    """Neither what some outputs are taken from nor what is added to all of them hides a change of the others."""

    def mixing(x):
        y = x - x.mean(0)
        return added + torch.cat([y[:, :4], torch.full_like(y[:, 4:], taken)], dim=1)

    with pytest.raises(VitworkError, match="depends on the others of its batch"):
        in_parts(mixing, images(8).flatten(1), at_once=4)


@pytest.mark.parametrize(
    ("found", "share"),
    [
        ([[1.0, 2.0], [3.0, 6.0]], 0.0),
        ([[1.0, 2.0], [3.0, 6.4]], 0.1),
        ([[1.0, 2.0], [float("nan"), 6.0]], float("inf")),
    ],
)
def test_outputs_are_apart_by_shares_of_what_they_vary(found, share):
    """A number that is missing is as far away as can be."""
    wanted = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert apart(torch.tensor(found), wanted) == pytest.approx(share, rel=1e-3)
    assert apart(torch.tensor(found)[:, 1], wanted[:, 1]) == pytest.approx(0.0 if share > 1 else share, rel=1e-3)


@pytest.mark.parametrize("lost", [float("-inf"), float("inf"), float("nan")])
def test_what_is_not_finite_has_to_be_where_it_is_wanted(lost):
    """A number in the place of an infinity, or of none, is as far away as can be; the same is no difference."""
    wanted = torch.tensor([[1.0, lost], [3.0, lost]])
    assert apart(wanted.clone(), wanted) == 0
    assert apart(torch.tensor([[1.0, 2.0], [3.0, lost]]), wanted) == float("inf")
    assert apart(wanted, torch.tensor([[1.0, 2.0], [3.0, lost]])) == float("inf")
    assert apart(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), wanted) == float("inf")
    assert apart(torch.zeros(2, 0), torch.zeros(2, 0)) == 0


def test_two_images_that_differ_are_compared():
    """A batch whose last image is its first again is looked at by another one; of one image again and again nothing mixes."""
    x = images(8).flatten(1)
    x[-1] = x[0]
    with pytest.raises(VitworkError, match="depends on the others of its batch"):
        in_parts(lambda part: part - part.mean(0), x, at_once=4)
    repeated = x[:1].repeat(8, 1)
    assert torch.equal(in_parts(lambda part: 2 * part, repeated, at_once=4), 2 * repeated)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-9])
def test_one_random_image_is_seen_too(scale):
    """Of one image, or one loss, outputs are compared with their size; none is equal to a number."""
    x = scale * images(1).flatten(1)
    check_repeatable(x, x.clone())
    for other in (1.5 * x, torch.full_like(x, float("nan")), torch.full_like(x, float("inf"))):
        with pytest.raises(VitworkError, match="random in eval mode"):
            check_repeatable(x, other)
    check_repeatable(torch.tensor(float("nan")), torch.tensor(float("nan")))
    with pytest.raises(VitworkError, match="random in eval mode"):
        check_repeatable(torch.tensor(1.0), torch.tensor(float("nan")))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("added", "scale"), [(0.0, 1.0), (1e5, 1.0), (0.0, 1e-7), (0.0, 1e38)])
def test_random_outputs_are_seen_whatever_their_size(dtype, added, scale):
    """What is random is compared with what outputs vary, beside a number that is added to all of them."""
    x = images(2).flatten(1).to(dtype)
    check_repeatable(added + scale * x, added + scale * x)
    with pytest.raises(VitworkError, match="random in eval mode"):
        check_repeatable(added + scale * x, added + scale * (x + 0.3 * torch.randn_like(x)))


def test_rounding_is_no_difference():
    """Neither of outputs that hardly vary, nor of one that hardly does by chance."""
    constant = torch.tensor([[1.0, 2.0], [1.001, 2.002]])
    assert apart(constant * (1 + 3e-6), constant) == 0
    wanted = torch.tensor([[1e-6, 2.0], [1e-6, -2.0]])
    assert apart(wanted + 1e-6, wanted) < 1e-4


LIMITED = """
import resource
import torch
from vitwork.device.parts import in_parts

torch.set_num_threads(1)
torch.backends.mkldnn.enabled = False  # oneDNN does not say on every processor that it is memory that it lacks
model = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1))
x = torch.rand(32, 3, 128, 128, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    expected = torch.cat([model(part) for part in x.split(4)])  # what a batch of four needs is there before the limit
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + (16 << 20),) * 2)
    try:
        model(x)
    except RuntimeError as error:
        print("does not fit:", "allocate memory" in str(error))
    print("same:", torch.allclose(in_parts(model, x), expected, atol=1e-6))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space and /proc are Linux's")
def test_a_batch_beyond_the_processors_memory_is_split():
    """Under a real limit of the process's memory, a network fails on the batch and in_parts gives its output."""
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["does not fit: True", "same: True"], done.stderr


def test_parts_are_the_whole():
    """Rows are in order, whatever the size of the parts, and one row that does not fit is an error."""

    def limited(x):
        if len(x) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return 2 * x

    x = torch.arange(14.0).view(7, 2)
    for at_once in (None, 1, 2, 3, 7, 9):
        assert torch.equal(in_parts(limited, x, at_once), 2 * x)
    with pytest.raises(ZeroDivisionError):
        in_parts(lambda x: x / (1 // 0), x)


def test_what_is_halved_is_as_it_was():
    """A function that writes into its batch before memory ends is called again on what was given, which stays as it was."""

    def hungry(x):
        x.mul_(2)
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x

    x = torch.arange(1.0, 6.0)[:, None]
    for at_once in (None, 2, 1):
        assert torch.equal(in_parts(hungry, x, at_once), 2 * torch.arange(1.0, 6.0)[:, None])
        assert torch.equal(x, torch.arange(1.0, 6.0)[:, None])


def test_images_that_depend_on_many_others_are_seen():
    """A capacity that two images never reach, as of experts, is reached by more of them, and parts would each have their own."""
    x = images(64).flatten(1)
    with pytest.raises(VitworkError, match="a batch of 64 cannot be passed in parts: what the model makes of an image"):
        in_parts(lambda part: part * (torch.arange(len(part)) < max(8, len(part) // 4))[:, None], x, at_once=8)
    assert torch.equal(in_parts(lambda part: 2 * part, x, at_once=8), 2 * x)


def test_both_parts_of_complex_numbers_are_compared():
    """What mixes images in its imaginary part alone mixes them."""
    x = images(8).flatten(1)
    with pytest.raises(VitworkError, match="depends on the others of its batch"):
        in_parts(lambda part: torch.complex(part, part - part.mean(0)), x, at_once=4)
    turned = torch.complex(x, 2 * x)
    assert torch.equal(in_parts(lambda part: torch.complex(part, 2 * part), x, at_once=4), turned)


def test_whole_numbers_are_compared_exactly():
    """Classes and masks have no rounding."""
    x = images(8).flatten(1)
    assert torch.equal(in_parts(lambda part: part > 0, x, at_once=4), x > 0)
    with pytest.raises(VitworkError, match="depends on the others of its batch"):
        in_parts(lambda part: (part > part.mean(0)).long(), x, at_once=4)


def test_what_fails_on_more_images_is_one_sentence():
    """A model may take no other batches than those of its parts."""

    def limited(part):
        if len(part) > 4:
            raise ValueError("four at most")
        return 2 * part

    with pytest.raises(
        VitworkError, match=r"cannot be passed in parts: 8 of its images fail \(ValueError: four at most"
    ):
        in_parts(limited, images(8).flatten(1), at_once=4)


def test_a_random_model_is_named_as_one():
    """It is random, whatever parts it is passed in."""
    with pytest.raises(VitworkError, match="random in eval mode"):
        in_parts(lambda part: part + torch.rand(len(part), 1), images(8).flatten(1), at_once=4)


def test_sums_that_leave_little_are_no_dependence():
    """Outputs that hardly vary, as of small layer scales, are rounded by what was added up, in one order for each number of images."""
    wanted = torch.linspace(0.3, 0.3 + 1.6e-5, 12)[:, None] * torch.tensor([1.0, 2.0, 1e-3])
    assert apart(wanted + 6e-7, wanted) == 0
    assert apart(wanted.flip(0), wanted) > 0.1


def test_parts_are_checked_by_a_bounded_pass():
    """No more images at once than two parts have, or `COMPARED`, however small they are."""
    sizes = []

    def function(x):
        sizes.append(len(x))
        return 2 * x

    in_parts(function, images(200, side=4).flatten(1), at_once=4)
    assert max(sizes) == COMPARED
    sizes.clear()
    in_parts(function, images(200, side=4).flatten(1), at_once=50)
    assert max(sizes) == 100
