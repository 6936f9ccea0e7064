"""Translation of parameter names of the official code and of timm 0.5.4 to ours and those of today's timm.

The keys of a state dict show which names it uses, so that depths, widths, windows and kernels need no entry here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]
Rules = tuple[tuple[str, str], ...]

TRUNK: Rules = (  # residual networks: layer0 is the stem, layer1 … the stages
    (r"^layer0\.(?:layer0\.)?0\.", "stem.conv."),
    (r"^layer0\.(?:layer0\.)?1\.", "stem.norm."),
    (r"^classifier\.0\.bn\.", "head.norm."),
    (r"^classifier\.0\.dense\.", "head.fc."),
)
ATTENTION: Rules = (
    (r"^attn\.pos_embedding$", "mixer.table"),
    (r"^attn\.attn\.to_out\.0\.", "mixer.proj."),
    (r"^attn\.attn\.", "mixer."),
)
BLOCKS: tuple[tuple[str, Rules], ...] = (  # a key that only this kind of block has, and how its keys are renamed
    (
        "conv1.0.weight",
        ((r"^conv(\d)\.0\.", r"conv\1."), (r"^conv(\d)\.1\.", r"bn\1."), (r"^shortcut\.", "downsample.")),
    ),
    (
        "bn.weight",
        (
            (r"^bn\.", "norm1."),
            (r"^conv([23])\.0\.", r"norm\1."),
            (r"^conv([23])\.2\.", r"conv\1."),
            (r"^shortcut\.0\.", "shortcut."),
        ),
    ),
    ("norm1.weight", ((r"^shortcut\.0\.", "shortcut."), *ATTENTION)),
    ("norm.weight", ((r"^norm\.", "norm2."), (r"^conv\.0\.", "conv."), (r"^conv\.1\.", "norm1."), *ATTENTION)),
)
TRANSFORMER: Rules = (
    (r"^embedding\.0\.patch_embedding\.1\.", "patch_embed.proj."),
    (r"^embedding\.0\.", "patch_embed.proj."),
    (r"^embedding\.1\.cls_token$", "cls_token"),
    (r"^embedding\.2\.pos_embedding$", "pos_embed"),
    (r"^transformers\.(\d+)\.norm([12])\.(?:1\.)?", r"blocks.\1.norm\2."),
    (r"^transformers\.(\d+)\.attn\.to_out\.0\.", r"blocks.\1.attn.proj."),
    (r"^transformers\.(\d+)\.attn\.to_qkv\.", r"blocks.\1.attn.qkv."),
    (r"^transformers\.(\d+)\.attn\.to_(q|kv)\.", r"blocks.\1.attn.to_\2."),
    (r"^transformers\.(\d+)\.ff\.net\.0\.", r"blocks.\1.mlp.fc1."),
    (r"^transformers\.(\d+)\.ff\.net\.3\.", r"blocks.\1.mlp.fc2."),
)

OFFICIAL = (  # parts that all official ViTs have
    r"embedding\.0\.(?:patch_embedding\.1\.)?weight$",
    r"transformers\.\d+\.norm1\.(?:1\.)?weight$",
    r"transformers\.\d+\.attn\.to_out\.0\.weight$",
    r"transformers\.\d+\.ff\.net\.3\.weight$",
    r"classifier\.\d+\.weight$",
)


def rename(key: str, rules: Rules) -> str:
    """Return a key after the first rule that matches."""
    for pattern, replacement in rules:
        renamed, count = re.subn(pattern, replacement, key)
        if count:
            return renamed
    return key


def collected(pairs: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Return renamed tensors as a dictionary.

    Raises:
        ValueError: two tensors have the same name, so that one would be lost.
    """
    state: dict[str, Tensor] = {}
    for name, value in pairs:
        if name in state:
            raise ValueError(f"two of its keys mean {name}")
        state[name] = value
    return state


def is_official_transformer(state: State, target: State) -> bool:
    """Return whether keys are those of any official ViT or convolutional-MSA ViT, and the model's keys are timm's."""
    official = all(any(re.match(sign, key) for key in state) for sign in OFFICIAL)
    return official and "patch_embed.proj.weight" in target


def translate(state: State, target: State) -> dict[str, Tensor]:
    """Return a state dict with the keys of our models, with tensors reshaped where they are stored in another form.

    Args:
        state: state dict with the names of the official code, of timm 0.5.4 or of today's timm.
        target: state dict of the model that will load it.

    Returns:
        The renamed state. Keys that no rule matches stay unchanged, for the caller to report.

    Raises:
        ValueError: two keys mean the same tensor, or a tensor cannot be reshaped. For the latter, Python and torch may
            raise other errors, too.
    """
    if state.keys() <= target.keys():  # today's names, or a model that names its parts as the official code does
        return dict(state)
    if any(key.startswith("layer0.") for key in state) and any(key.startswith("stages.") for key in target):
        return residual(state)
    if is_official_transformer(state, target):
        return transformer(state, target)
    return modern(state)


def residual(state: State) -> dict[str, Tensor]:
    """Return a translated state dict of the official ResNet, pre-activation ResNet or AlterNet."""
    within: dict[str, set[str]] = {}
    for key in state:
        found = re.match(r"layer([1-9]\d*)\.(\d+)\.(.*)", key)
        if found:
            within.setdefault(f"{found[1]}.{found[2]}", set()).add(found[3])
    names = []
    for key in state:
        found = re.match(r"layer([1-9]\d*)\.(\d+)\.(.*)", key)
        if found is None:
            names.append(rename(key, TRUNK))
            continue
        inside = within[f"{found[1]}.{found[2]}"]
        rules = next((rules for sign, rules in BLOCKS if sign in inside), ())
        names.append(f"stages.{int(found[1]) - 1}.{found[2]}.{rename(found[3], rules)}")
    return collected(zip(names, state.values(), strict=True))


def transformer(state: State, target: State) -> dict[str, Tensor]:
    """Return a translated state dict of an official (convolutional-MSA) ViT; 1×1 convolutions become linear layers."""
    last = max((int(key.split(".")[1]) for key in state if re.match(r"classifier\.\d+\.weight", key)), default=0)
    norm = "fc_norm" if "fc_norm.weight" in target else "norm"
    head: Rules = ((rf"^classifier\.{last}\.", "head."), (rf"^classifier\.{last - 1}\.", f"{norm}."))
    renamed = collected((rename(key, (*TRANSFORMER, *head)), value) for key, value in state.items())
    for key in [key for key in renamed if key.endswith(".to_q.weight")]:
        stem = key.removesuffix("to_q.weight")
        renamed[f"{stem}qkv.weight"] = torch.cat([renamed.pop(key), renamed.pop(f"{stem}to_kv.weight")])
    patches = renamed.get("patch_embed.proj.weight")
    if patches is not None and patches.dim() == 2:  # rows are (height, width, channel) of a patch
        side = round((patches.shape[1] / 3) ** 0.5)
        renamed["patch_embed.proj.weight"] = patches.reshape(-1, side, side, 3).permute(0, 3, 1, 2)
    return {
        key: value.flatten(1) if value.shape[2:] == (1, 1) and key in target and target[key].dim() == 2 else value
        for key, value in renamed.items()
    }


def modern(state: State) -> dict[str, Tensor]:
    """Return a translated state dict of timm 0.5.4, which stored buffers and put pooling at the end of a stage.

    Today's timm puts it at the beginning of the next stage.
    """
    shift_pit = "transformers.0.pool.conv.weight" in state
    shift_swin = "layers.0.downsample.reduction.weight" in state
    renamed = []
    for key, value in state.items():
        if key.endswith(("relative_position_index", "attn_mask")):
            continue
        name = key
        if shift_pit:
            name = re.sub(r"^transformers\.(\d+)\.pool\.", lambda m: f"transformers.{int(m[1]) + 1}.pool.", name)
        if shift_swin:
            name = re.sub(r"^layers\.(\d+)\.downsample\.", lambda m: f"layers.{int(m[1]) + 1}.downsample.", name)
            name = re.sub(r"^head\.(weight|bias)$", r"head.fc.\1", name)
        renamed.append((name, value))
    return collected(renamed)
