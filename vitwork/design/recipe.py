"""Recipes: all settings that decide how an arm is trained, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RandAugment:
    """RandAugment as in timm's ``rand-m9-n2-mstd1.0``: `operations` per image, of magnitude N(`magnitude`, `std`)."""

    magnitude: float = 9.0
    operations: int = 2
    std: float = 1.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The augmentation of training images; all random draws are per image.

    Attributes:
        crop_padding: zero padding in pixels before a random crop of the original size; 0 for no crop.
        flip: probability of a horizontal flip.
        randaugment: RandAugment's settings, or None.
        mixup, cutmix: Beta parameters, 0 for off; `mix_probability` of mixing at all, `switch` of choosing cutmix.
        erasing: probability of random erasing.
        resized_crop: random resized crop (scale .08 to 1) in place of the padded crop, as for ImageNet.
    """

    crop_padding: int = 4
    flip: float = 0.5
    randaugment: RandAugment | None = None
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_probability: float = 1.0
    switch: float = 0.5
    erasing: float = 0.0
    resized_crop: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained (paper, Appendix A).

    Attributes:
        epochs: epochs after the warm-up.
        warmup_epochs: epochs of linear warm-up from 0, before `epochs` (so the training has both).
        schedule: ``cosine`` to 0 at every step, ``cosine-epochs``: once per epoch as in the official code, or ``step``: times `step_factor` at each of `milestones` (epochs after warm-up).
        decay: which parameters weight decay touches: ``all`` (as the official code) or ``matrices`` (two or more
            dimensions).
        clip: largest gradient norm, None for none.
        drop_path: stochastic depth of the last block, linear in depth; handed to the model.
        sam: radius of sharpness-aware minimisation, 0 for off.
        ema: decay of the weight average kept beside the weights, 0 for off.
        snapshots: when weights are kept: ``init``, ``warmup``, ``end``, or a number of epochs after warm-up.
        precision: ``fp32``, ``tf32`` (matrix units of a GPU round to 10 bits), or ``bf16`` autocast.
        compile: mode of torch.compile (``default``, ``reduce-overhead`` for CUDA graphs, ``max-autotune``), empty for none.
        deterministic: use deterministic kernels only, for debugging on a GPU; a CPU run is deterministic anyway.
    """

    name: str = "deit-300"
    epochs: int = 300
    warmup_epochs: int = 5
    batch_size: int = 96
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = 1.25e-4
    weight_decay: float = 0.05
    decay: Literal["all", "matrices"] = "all"
    momentum: float = 0.9
    schedule: Literal["cosine", "cosine-epochs", "step"] = "cosine"
    milestones: tuple[int, ...] = ()
    step_factor: float = 0.2
    label_smoothing: float = 0.1
    clip: float | None = 5.0
    drop_path: float = 0.1
    sam: float = 0.0
    ema: float = 0.0
    snapshots: tuple[str | int, ...] = ("init", "warmup", "end")
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    compile: Literal["", "default", "reduce-overhead", "max-autotune"] = ""
    deterministic: bool = False
    augmentation: Augmentation = Augmentation()
