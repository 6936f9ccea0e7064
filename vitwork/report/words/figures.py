"""Titles of figures: what they show, by the paper's number or by what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report.words.numbers import listed

TITLES = {
    "1a": "Loss surface around the trained weights",
    "1b": "Path of the weights to their end",
    "1c": "Top Hessian eigenvalues over training",
    "2a": "Log amplitude of feature maps by depth",
    "2b": "Accuracy under noise of one frequency band",
    "4": "Convexity and sharpness, by amount of data",
    "5a": "Test error and fit to the training data, by inductive bias",
    "5b": "Test error and fit, by amount of data",
    "6": "Convexity, class token against global pooling",
    "7a": "Test error and fit, local against global attention",
    "7b": "Convexity, local against global attention",
    "8": "Change of the log amplitude across MSAs and MLPs",
    "9": "Variance of feature maps by depth",
    "10a": "Similarity of blocks (mini-batch CKA)",
    "10b": "Accuracy when one unit is removed",
    "12a": "Accuracy along the build-up of AlterNet",
    "12b": "Accuracy and robustness",
    "12c": "Convexity and sharpness of AlterNet",
    "C.1": "Test error and fit on other data",
    "C.2a": "Test error and fit, by patch size",
    "C.2b": "Convexity and sharpness, by patch size",
    "C.3": "Test error and fit, by length of training",
    "C.4a": "Loss surfaces of multi-stage Transformers",
    "C.4b": "Convexity and sharpness of multi-stage Transformers",
    "C.5": "Convexity and sharpness, by number of heads",
    "C.6": "Convexity and sharpness, by width of heads",
    "C.7": "Convexity and sharpness, by size of the network",
    "C.7c": "Sharpness of a ViT as large as the ResNet",
    "D.1": "Variance of feature maps of multi-stage Transformers",
    "D.2": "Change of the log amplitude across blocks of multi-stage Transformers",
    "D.3": "Similarity of blocks of single-stage and multi-stage networks",
    "D.4": "Accuracy when one unit is removed, ViT and PiT",
    "E.1": "Accuracy on ImageNet",
    "F.1a": "Reliability of confidences",
    "F.1b": "Convexity and sharpness, by augmentation",
    "attention": "What attention weights do, by depth",
    "cue_conflict": "Shape against texture",
    "corruptions": "Accuracy by kind of corruption",
    "lesion": "Accuracy when one unit is removed, networks that the paper does not cut",
    "spectrum": "Convexity and sharpness under other settings",
    "surface": "Other loss surfaces",
    "trajectory": "Other paths of the weights",
    "log_amplitude": "Log amplitude of other feature maps",
    "noise_bands": "Other networks under noise of one band",
    "variance": "Variance of other feature maps",
    "similarity": "Similarity of other blocks",
}


def figure_title(name: str) -> str:
    """Return the title of a figure, by the paper's number or its kind; that of a kind without one is its name."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def left_out(networks: Sequence[tuple[str, int]], largest: float) -> str:
    """Return which networks, as arm and seed, a figure leaves out, since numbers of theirs are too large; empty for none."""
    named = list(dict.fromkeys(f"{arm}, seed {seed}" for arm, seed in networks))
    if not named:
        return ""
    return f"Left out, with numbers beyond {largest:g}: {listed(named, '; ')}."
