"""Networks batched over copies of themselves, as a GPU would compute them."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, vmap

from vitwork.device.unfused_attention import math_attention
from vitwork.models import create
from vitwork.models.batching import Batchable

NETWORKS = {
    "resnet": ("resnet_18", {"depths": (1, 1), "widths": (8, 16)}),
    "pre-activation": ("preresnet_18", {"depths": (1, 1), "widths": (8, 16)}),
    "vit": ("vit_ti", {"image_size": 16, "patch_size": 4, "dim": 16, "depth": 1, "heads": 2}),
    "alternet": (
        "alternet_18",
        {"depths": (1, 2), "widths": (8, 16), "msas": (0, 1), "window_size": 4, "heads": (1, 2), "head_dim": 8},
    ),
}
every_network = pytest.mark.parametrize("kind", NETWORKS)


def network(kind, *, training=True):
    name, options = NETWORKS[kind]
    torch.manual_seed(0)
    model = create(name, 5, **options).train(training)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias)  # zeros would hide where they are added
    return model


def stacked(model, change=lambda value: value):
    """Return parameters and buffers of two copies of a network, unlike each other."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {
        name: torch.stack([change(value.detach()), change(value.detach())]).mul(1.1) if value.is_floating_point()
        else torch.stack([change(value), change(value)])
        for name, value in named
    }  # fmt: skip


@every_network
@pytest.mark.parametrize("training", [False, True])
def test_every_copy_gives_its_own_numbers(kind, training):
    """Batched copies give what each gives by itself."""
    model = network(kind, training=training)
    copies, images = stacked(model), torch.randn(2, 4, 3, 16, 16)
    with Batchable(), math_attention(), torch.no_grad():
        found = vmap(lambda own, x: functional_call(model, own, (x,)))(
            {k: v.clone() for k, v in copies.items()}, images
        )
    for number in range(2):
        own = {name: value[number].clone() for name, value in copies.items()}
        with torch.no_grad():
            torch.testing.assert_close(
                found[number], functional_call(model, own, (images[number],)), rtol=1e-4, atol=1e-5
            )


@contextmanager
def bf16_on_a_gpu():
    """Set what `torch.autocast("cuda", torch.bfloat16)` sets, which refuses to without a GPU."""
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        torch.set_autocast_enabled("cuda", False)


def on_a_gpu(kind, *, half):
    """Compute two copies' logits with tensors that have a GPU's choices of kernels and layouts, but no numbers."""
    model = network(kind).to(memory_format=torch.channels_last)  # as networks are trained and differentiated
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        copies = stacked(model, lambda value: fake.from_tensor(value).to("cuda"))
        for name, _ in model.named_parameters():
            copies[name].requires_grad_()
        images = torch.randn(2, 4, 3, 16, 16, device="cuda")

        def logits(own, x):
            if not half:
                return functional_call(model, own, (x,))
            with bf16_on_a_gpu():
                return functional_call(model, own, (x,))

        with math_attention():
            return vmap(logits, randomness="different")(copies, images).shape


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="needs a torch that knows of GPUs")
@every_network
@pytest.mark.parametrize("half", [False, True], ids=["single", "bf16"])
def test_a_gpu_can_batch_them(kind, half):
    """No kernel that a GPU would choose refuses a batch of networks."""
    with Batchable():
        assert on_a_gpu(kind, half=half) == (2, 4, 5)


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="needs a torch that knows of GPUs")
def test_a_gpu_cannot_without():
    """The emulation shows what it is there for: cuDNN's BatchNorm, and the bias of a convolution under autocast."""
    with pytest.raises(RuntimeError, match="memory_format"):
        on_a_gpu("pre-activation", half=False)
    with pytest.raises(RuntimeError, match="bias type"):
        on_a_gpu("alternet", half=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_network
def test_a_gpu_batches_them_in_single_precision(kind):
    """The Hessians of several mini-batches are computed at once for every network."""
    from vitwork.analysis.curvature.minibatches import stacked as at_once
    from vitwork.analysis.curvature.operator import HessianOperator

    model = network(kind, training=False).cuda()
    batches = [(torch.randn(4, 3, 16, 16, device="cuda"), torch.arange(4, device="cuda")) for _ in range(3)]
    assert at_once(HessianOperator(model, batches[:1]), batches, forced=True) is not None
