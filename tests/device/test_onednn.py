import copy

import pytest
import torch
from torch import nn

from tests.training import small_trainings as small
from vitwork.device import onednn
from vitwork.training.train import build_model

needs_it = pytest.mark.skipif(not onednn.available(), reason="this torch has no oneDNN, or its processor is too old")


@pytest.fixture
def _it_pays(monkeypatch):
    monkeypatch.setattr(onednn, "pays", lambda: True)


@needs_it
@pytest.mark.usefixtures("_it_pays")
@pytest.mark.parametrize("shape", [(7, 5), (3, 9, 5), (2, 3, 4, 5), (1, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_products_and_gradients_are_torchs(shape, bias):
    """Output and all gradients equal those in double precision as closely as torch's own do."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 6, bias=bias)
    fast, exact = copy.deepcopy(layer), copy.deepcopy(layer).double()
    assert onednn.accelerate(nn.Sequential(fast))
    x = torch.randn(shape, requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    weights = torch.randn(*shape[:-1], 6)
    (fast(x) * weights).sum().backward()
    (exact(x64) * weights).sum().backward()
    torch.testing.assert_close(fast(x).double(), exact(x64), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(x.grad.double(), x64.grad, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(fast.parameters(), exact.parameters(), strict=True):
        torch.testing.assert_close(mine.grad.double(), theirs.grad, rtol=1e-5, atol=1e-6)


@needs_it
@pytest.mark.usefixtures("_it_pays")
def test_a_whole_network_computes_the_same():
    """A ViT's loss gradient is the same with either kind of layer, and nothing of the model's names changes."""
    torch.manual_seed(0)
    plain = build_model(small.arm(small.VIT, drop_path=0.0), 4)
    fast = copy.deepcopy(plain)
    assert onednn.accelerate(fast)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(8, 3, 8, 8)
    for model in (plain, fast):
        model(x).logsumexp(1).sum().backward()
    for mine, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("vendor", "pays"), [("vendor_id\t: GenuineIntel", False), ("vendor_id\t: AuthenticAMD", True), (None, True)]
)
def test_it_pays_beside_processors_of_intel(monkeypatch, tmp_path, vendor, pays):
    """MKL is faster on Intel's processors only; where nothing is known of the processor, it is not one of these."""
    listing = tmp_path / "cpuinfo"
    if vendor is not None:
        listing.write_text(f"processor\t: 0\n{vendor}\n", encoding="utf-8")
    monkeypatch.setattr(onednn, "CPUINFO", listing)
    monkeypatch.setattr(onednn.platform, "processor", lambda: "")
    monkeypatch.setattr(onednn, "available", lambda: True)
    assert onednn.pays.__wrapped__() is pays


@pytest.mark.usefixtures("_it_pays")
def test_restored_layers_are_torchs():
    """Undone, no layer is other than torch's; other kinds of layer are never touched."""
    model = nn.Sequential(nn.Linear(3, 3), nn.MultiheadAttention(4, 2), nn.Conv2d(3, 3, 1))
    onednn.accelerate(model)
    assert type(model[2]) is nn.Conv2d
    assert type(model[1].out_proj) is not onednn.OneDnnLinear
    onednn.restore(model)
    assert type(model[0]) is nn.Linear
