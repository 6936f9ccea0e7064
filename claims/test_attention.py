"""Attention and convolution by definition: what holds for every network, whatever was trained (Sections 1 and 3)."""

from __future__ import annotations

from vitwork.language.claim import Paper, claim
from vitwork.language.drawn import drawn

ROUNDING = 1e-12
SEED = (0, 2**31 - 1)
SIZES = drawn(side=(2, 5), heads=(1, 3), head_dim=(1, 4), seed=SEED)
THEOREM = ("a theorem checked on drawn examples, not a statistical comparison",)


@claim(
    "msa-averages-values",
    "Self-attention averages feature-map points with positive, data-specific weights; repeated, it makes them all equal.",
    paper=Paper(
        "Eq. (1), Section 3", "none: the property behind the low-pass claim", "any queries, keys and values", section=3
    ),
    contradicted_by="queries, keys and values whose attention leaves the convex hull of the values",
    deviations=THEOREM,
    ours=True,
    any_network=True,
)
@drawn(examples=60, tokens=(2, 24), channels=(1, 8), temperature=(0.0, 4.0), seed=SEED)
def test_softmax_attention_is_an_average(tokens: int, channels: int, temperature: float, seed: int) -> None:
    import torch

    from vitwork.analysis.attention import contraction, hull_excess, ranges, stochastic_error

    generator = torch.Generator().manual_seed(seed)
    queries, keys, values = torch.randn(3, tokens, channels, generator=generator, dtype=torch.float64)
    weights = torch.softmax(temperature * queries @ keys.T / channels**0.5, dim=-1)
    assert stochastic_error(weights) < ROUNDING

    directions = torch.randn(50, channels, generator=generator, dtype=torch.float64)
    assert hull_excess(values, weights @ values, directions).max() < 1e3 * ROUNDING

    width, shrinks = ranges(weights, values, steps=8), contraction(weights)
    assert (width[1:] <= shrinks * width[:-1] + ROUNDING).all()
    # an average with only positive weights shrinks strictly, so repeating it ends in a constant
    assert shrinks < 1 - tokens * weights.min() + ROUNDING


specific = claim(
    "msa-data-specific-conv-channel-specific",
    "MSAs are data-specific and channel-agnostic, Convs data-agnostic and channel-specific.",
    paper=Paper("Section 2", "none: what the two are by definition", "any network", section=2),
    contradicted_by="an MSA that mixes places alike whatever the data or unlike in the channels of a head, or a Conv that does not",
    deviations=THEOREM,
    any_network=True,
)


@specific
@SIZES
def test_msas_mix_places_by_the_data_and_all_channels_of_a_head_alike(
    side: int, heads: int, head_dim: int, seed: int
) -> None:
    import torch

    from vitwork.models.zoo.token_mixing import TokenMixing

    torch.manual_seed(seed)
    dim, inner = heads * head_dim, heads * head_dim
    mixing = TokenMixing(dim, heads, head_dim, side).double().eval()
    torch.nn.init.eye_(mixing.proj.weight)  # so that the output is the mixed values, head by head
    torch.nn.init.normal_(mixing.qkv.weight)
    x, other = torch.randn(2, 1, side * side, dim, dtype=torch.float64)
    alone, both = mixing(x), mixing(x + other) - mixing(other)
    assert not torch.allclose(alone, both)  # data-specific: not linear in the values that it mixes
    order = torch.cat([head * head_dim + torch.randperm(head_dim) for head in range(heads)])
    with torch.no_grad():
        values = mixing.qkv.weight[2 * inner :]
        values.copy_(values[order].clone())
    assert torch.allclose(mixing(x), alone[..., order])  # channel-agnostic: commutes with swapping values within a head


@specific
@SIZES
def test_convs_mix_places_regardless_of_the_data_and_each_channel_its_own_way(
    side: int, heads: int, head_dim: int, seed: int
) -> None:
    import torch

    torch.manual_seed(seed)
    dim = 1 + heads * head_dim
    conv = torch.nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False).double()
    x, other = torch.randn(2, 1, dim, side, side, dtype=torch.float64)
    assert torch.allclose(conv(x), conv(x + other) - conv(other))  # data-agnostic: linear
    assert not torch.allclose(
        conv(x.roll(1, 1)), conv(x).roll(1, 1)
    )  # channel-specific: swapped channels are mixed differently


@claim(
    "transformer-as-special-case",
    "AlterNet with one MSA for each MLP is a Transformer: an MLP is a Conv of 1×1 places.",
    paper=Paper("Section 1, Fig. 3", "none: what the two are by definition", "any network", section=4, figures=("3",)),
    contradicted_by="weights with which the two give different feature maps",
    deviations=(*THEOREM, "AlterNet's MSA in a window as large as the map, with the Transformer's normalisation"),
    any_network=True,
)
@SIZES
def test_alternating_msas_and_pointwise_convs_are_a_transformer_block(
    side: int, heads: int, head_dim: int, seed: int
) -> None:
    import torch
    from timm.models.vision_transformer import Block
    from torch.nn import functional as F

    from vitwork.models.zoo.token_mixing import WindowAttention, Windows

    torch.manual_seed(seed)
    dim = heads * head_dim
    block = Block(dim, heads, mlp_ratio=2, qkv_bias=False).double().eval()
    msa = WindowAttention(dim, dim, Windows(heads, head_dim, side)).double()
    query, key_and_value = block.attn.qkv.weight.split([dim, 2 * dim])
    weights = {"to_q.weight": query, "to_kv.weight": key_and_value, "proj.weight": block.attn.proj.weight}
    state = {name: weight[:, :, None, None] for name, weight in weights.items()}
    state |= {"proj.bias": block.attn.proj.bias, "table": torch.zeros_like(msa.table)}
    msa.load_state_dict(state, strict=False)

    def normalised(x: torch.Tensor, norm: torch.nn.Module) -> torch.Tensor:
        out: torch.Tensor = norm(x.movedim(1, -1)).movedim(-1, 1)
        return out

    def pointwise(x: torch.Tensor, linear: torch.nn.Linear) -> torch.Tensor:
        return F.conv2d(x, linear.weight[:, :, None, None], linear.bias)

    x = torch.randn(2, dim, side, side, dtype=torch.float64)
    y = x + msa(normalised(x, block.norm1))
    z = y + pointwise(F.gelu(pointwise(normalised(y, block.norm2), block.mlp.fc1)), block.mlp.fc2)
    assert torch.allclose(z.flatten(2).transpose(1, 2), block(x.flatten(2).transpose(1, 2)))
