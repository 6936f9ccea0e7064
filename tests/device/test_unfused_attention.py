"""Attention by matrix products, where a fused kernel has no second derivative."""

from __future__ import annotations

import pytest
import torch

from vitwork.device.unfused_attention import math_attention


def test_math_attention_is_restored():
    """The backends that were allowed before are allowed again, also after an error."""
    before = [torch.backends.cuda.flash_sdp_enabled(), torch.backends.mha.get_fastpath_enabled()]

    def fail():
        with math_attention():
            assert not torch.backends.cuda.flash_sdp_enabled()
            assert not torch.backends.mha.get_fastpath_enabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [torch.backends.cuda.flash_sdp_enabled(), torch.backends.mha.get_fastpath_enabled()] == before
