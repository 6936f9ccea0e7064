"""torch's own attention is attention, whichever way torch would take through it, and what has no kind is refused."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitwork.errors import VitworkError
from vitwork.models import as_blocks

DIM, HEADS = 16, 2


class Called(nn.Module):
    """Calls torch's attention as a network of tokens (b, n, c) does."""

    def __init__(self, call, **options):
        super().__init__()
        self.mha, self.call = nn.MultiheadAttention(DIM, HEADS, **{"batch_first": True, **options}), call

    def forward(self, x):
        x = x if self.mha.batch_first else x.transpose(0, 1)
        y = self.mha(x, x, x, **self.call)[0]
        return y if self.mha.batch_first else y.transpose(0, 1)


class Functional(Called):
    """Calls the function behind it."""

    def forward(self, x):
        x, own = x.transpose(0, 1), self.mha
        y, _ = F.multi_head_attention_forward(
            x, x, x, DIM, HEADS, own.in_proj_weight, own.in_proj_bias, None, None, False, 0.0,
            own.out_proj.weight, own.out_proj.bias, training=self.training, **self.call,
        )  # fmt: skip
        return y.transpose(0, 1)


class Derived(nn.MultiheadAttention):
    """A module of torch's with a forward of its own."""

    def forward(self, x):
        return super().forward(x, x, x)[0]


class Layer(nn.Module):
    """Some mixing of tokens, and an MLP."""

    def __init__(self, mixing):
        super().__init__()
        self.norm1, self.norm2, self.mixing = nn.LayerNorm(DIM), nn.LayerNorm(DIM), mixing()
        self.mlp = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))

    def forward(self, x):
        y = self.norm1(x)
        x = x + (self.mixing(y, y, y)[0] if type(self.mixing) is nn.MultiheadAttention else self.mixing(y))
        return x + self.mlp(self.norm2(x))


class Net(nn.Module):
    """Patches, a class token, two layers and logits."""

    def __init__(self, layer):
        super().__init__()
        self.stem, self.layers = nn.Conv2d(3, DIM, 4, 4), nn.ModuleList(layer() for _ in range(2))
        self.token, self.head = nn.Parameter(torch.zeros(1, 1, DIM)), nn.Linear(DIM, 5)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        for layer in self.layers:
            x = layer(x)
        return self.head(x[:, 0])


CALLS = [{}, {"need_weights": False}, {"average_attn_weights": False}]
MIXINGS = {
    "direct": partial(nn.MultiheadAttention, DIM, HEADS, batch_first=True),
    "derived": partial(Derived, DIM, HEADS, batch_first=True),
    "zero-key": partial(Called, {}, add_zero_attn=True),
    "own-sizes": partial(Called, {}, bias=False, kdim=DIM, vdim=DIM),
    **{f"batch-first-{number}": partial(Called, call) for number, call in enumerate(CALLS)},
    **{f"batch-second-{number}": partial(Called, call, batch_first=False) for number, call in enumerate(CALLS)},
    **{f"function-{number}": partial(Functional, call) for number, call in enumerate(CALLS)},
}
ENCODER = partial(nn.TransformerEncoderLayer, DIM, HEADS, 32, batch_first=True)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("mixing", MIXINGS)
def test_torchs_attention_is_an_msa(mixing, training):
    """However it is called, its blocks are MSA and MLP by turns, tell their weights, and the fast path is left as it was."""
    model = Net(lambda: Layer(MIXINGS[mixing])).train(training)
    blocks = as_blocks(model, (3, 16, 16))
    assert torch.backends.mha.get_fastpath_enabled()
    assert [block.kind for block in blocks] == ["stem", "msa", "mlp", "msa", "mlp", "head"]
    x = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        tokens = blocks[0].module(x)
        weights = blocks[1].attention(tokens)
        layer = model.layers[0]
        own = getattr(layer.mixing, "mha", layer.mixing)
        y = layer.norm1(tokens)
        y = y if own.batch_first else y.transpose(0, 1)
        _, expected = nn.MultiheadAttention.forward(own, y, y, y, average_attn_weights=False)
        torch.testing.assert_close(weights, expected)
        torch.testing.assert_close(nn.Sequential(*(block.module for block in blocks))(x), model.eval()(x))


@pytest.mark.parametrize("first", [True, False], ids=["norm-first", "norm-last"])
@pytest.mark.parametrize("whole", [True, False], ids=["encoder", "layers"])
def test_torchs_encoder_is_cut_into_its_sublayers(first, whole):
    """Its layers are an attention and an MLP each, with a skip of their own, in evaluation mode as well."""
    model = Net(partial(ENCODER, norm_first=first)).eval()
    if whole:
        model.layers = nn.ModuleList([nn.TransformerEncoder(ENCODER(norm_first=first), 2, enable_nested_tensor=False)])
    blocks = as_blocks(model, (3, 16, 16))
    assert [block.kind for block in blocks] == ["stem", "msa", "mlp", "msa", "mlp", "head"]
    assert all(block.skip for block in blocks[1:-1])
    assert all(block.attention for block in blocks if block.kind == "msa")


class BatchSecond(nn.Module):
    """torch's encoder layer as it is by default, on tokens (n, b, c)."""

    def __init__(self):
        super().__init__()
        self.inner = nn.TransformerEncoderLayer(DIM, HEADS, 32)

    def forward(self, x):
        return self.inner(x.transpose(0, 1)).transpose(0, 1)


class Decoder(nn.Module):
    """Two attentions in one layer."""

    def __init__(self):
        super().__init__()
        self.inner = nn.TransformerDecoderLayer(DIM, HEADS, 32, batch_first=True)

    def forward(self, x):
        return self.inner(x, x)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (BatchSecond, r"MLP of layers\.0\.inner do not stand apart: .*batch_first=True"),
        (Decoder, r"structure of layers\.0 is not understood: its attentions"),
    ],
)
def test_torchs_layers_that_cannot_be_cut_are_refused(layer, message):
    """The sentence says which they are, or what to do."""
    with pytest.raises(VitworkError, match=message):
        as_blocks(Net(layer).eval(), (3, 16, 16))


class Linear(nn.Module):
    """Attention without a softmax."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out(q.relu() @ (k.relu().mT @ v))


class Shared(Linear):
    """The same with one tensor for queries and keys, in one operation."""

    def forward(self, x):
        q, _, v = self.qkv(x).chunk(3, -1)
        return torch.einsum("bnc,bmc->bnm", q, q) @ self.out(v)


class Fourier(Linear):
    """Mixes tokens by a Fourier transform."""

    def forward(self, x):
        return self.out(torch.fft.fft(x, dim=1).real)


class Averaging(Linear):
    """Weighs tokens by a softmax, without a product of matrices."""

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out((k.softmax(1) * v).sum(1, keepdim=True) * q)


class Recurrent(Linear):
    """A recurrent layer over tokens."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(DIM, DIM, batch_first=True)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


@pytest.mark.parametrize("mixing", [Linear, Shared, Fourier, Averaging, Recurrent])
def test_a_kind_is_never_guessed(mixing):
    """What is neither convolution, attention nor MLP is refused by the module's name."""
    with pytest.raises(VitworkError, match=r"the kind of layers\.0\.mixing\S* is not known"):
        as_blocks(Net(lambda: Layer(mixing)), (3, 16, 16))


class Static(nn.Module):
    """A module of one piece that mixes tokens by weights of its own, through a softmax or not."""

    def __init__(self, softmax):
        super().__init__()
        self.weight, self.softmax = nn.Parameter(torch.randn(1, 17, 17)), softmax

    def forward(self, x):
        return (self.weight.softmax(-1) if self.softmax else self.weight).expand(len(x), -1, -1) @ x


@pytest.mark.parametrize("softmax", [True, False])
def test_fixed_weights_in_one_module_are_no_attention(softmax):
    """Weights that do not depend on the data are a fixed mixing, also where a module hides how they are made."""
    blocks = as_blocks(Net(lambda: Layer(lambda: Static(softmax))), (3, 16, 16))
    assert [block.kind for block in blocks[1:-1]] == ["conv", "mlp", "conv", "mlp"]


class Placed(Net):
    """Adds position embeddings to as many images as there are."""

    def __init__(self):
        super().__init__(lambda: Layer(MIXINGS["direct"]))
        self.position = nn.Parameter(torch.randn(1, 16, DIM))

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = x + self.position.expand(len(x), -1, -1)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1))


def test_position_embeddings_are_part_of_the_stem():
    """A sum with what has no weights but its own is no block, however it is repeated over images."""
    assert [block.kind for block in as_blocks(Placed(), (3, 16, 16))] == ["stem", "msa", "mlp", "msa", "mlp", "head"]
