"""Single precision keeps its digits on a GPU."""

from __future__ import annotations

import pytest
import torch

from vitwork.device.precision import single_precision


def shortened():
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.fixture(params=[True, False])
def allowed(request):
    """What the caller allows."""
    before = shortened()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = request.param
    yield request.param
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def test_single_precision_is_not_shortened(allowed):
    """TF32 is off inside, and the caller has the setting back afterwards."""
    with single_precision():
        assert shortened() == (False, False)
    assert shortened() == (allowed, allowed)


def test_an_error_gives_the_setting_back(allowed):
    """So has the caller of what fails."""
    with pytest.raises(ValueError, match="failed"), single_precision():
        raise ValueError("failed")
    assert shortened() == (allowed, allowed)
