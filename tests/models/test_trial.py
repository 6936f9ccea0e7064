"""A user's network is tried with a few images before anything is measured on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from vitwork.errors import VitworkError
from vitwork.models.trial import check_logits


class Odd(nn.Module):
    """A network whose logits go through a function."""

    def __init__(self, odd: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.head, self.odd = nn.Linear(12, 5), odd

    def forward(self, x: Tensor) -> Tensor:
        return self.odd(self.head(x.flatten(1)))


def in_place(x: Tensor) -> Tensor:
    """Fail where gradients are recorded."""
    if torch.is_grad_enabled():
        raise RuntimeError("no gradients here")
    return x


def tried(odd: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    check_logits(Odd(odd).eval(), torch.randn(4, 3, 2, 2), 5, "mine")


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        (lambda x: x + torch.randn_like(x), "mine cannot be analysed: .* random in eval mode"),
        (lambda x: nn.functional.dropout(x, 0.5, training=True), "random in eval mode"),
        (lambda x: x if torch.is_grad_enabled() else 3 * x, "depend on whether gradients are recorded"),
        (lambda x: x[:, :4], "4 logits for 5 classes"),
        (lambda x: x / 0, "not finite"),
    ],
    ids=["noise", "dropout", "two models", "too few", "infinite"],
)
def test_what_cannot_be_measured_is_refused(odd: Callable[[Tensor], Tensor], sentence: str) -> None:
    """Numbers of a network that is another one at every pass would be nobody's."""
    with pytest.raises(VitworkError, match=sentence):
        tried(odd)


@pytest.mark.parametrize(
    "odd", [lambda x: x, lambda x: 1e9 + x, in_place], ids=["plain", "far from zero", "no gradients"]
)
def test_what_can_be_measured_is_not(odd: Callable[[Tensor], Tensor]) -> None:
    """A network that takes no gradients is refused by what needs them, and by nothing else."""
    tried(odd)
