"""Which of timm's published networks belong to a family: a rule over timm's own metadata, applied to the installed timm."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from vitwork.design.published import Family, Network, Preprocessing
from vitwork.errors import VitworkError

TIMM = "timm:"
NAME = re.compile(r"\w[\w.-]*")
"""What a network may be called: its file of weights is called so too, and no name leads out of a folder."""
CLASSES = 1000
BASE = "in1k"
MORE = re.compile(
    r"in12k|in2[12]k|in22ft1k|yfcc\w*|ig1b|jft\w*|laion\w*|openai|clip|dino\w*|mae|fcmae|mim|m38m|metaclip\w*|lvd\w*|bamboo"
    r"|cc12m|datacomp\w*|dfn\w*|webli|seer|swag|eupe|pt\d*k|bit|merged\w*|ssl|swsl|goog"
)
"""Words of a tag, or of an architecture's name, that mean other data than ImageNet-1k's labelled training images."""
DISTILLED = re.compile(r"distilled|dist|ssld")
"""Words that mean a network that learned from another one."""
VARIANT = re.compile(r"window\d+(to\d+)?|pruned|teacher|gap")
"""Words by which names of one training differ, besides the images' side: the window that was fitted to it, what was taken away
from a trained network, what it was tuned for, and the mean over tokens in place of a trained head's pooling."""
TUNED = re.compile(r"_(ft|lc|stage\d)_")
"""Stands in a tag between what a network was pre-trained on and what it was tuned to, wholly or with a linear classifier alone."""
USUAL = 224  # side of the images that most of the networks were trained on, in pixels


@dataclass(frozen=True, slots=True)
class RelatedNetworks:
    """Networks that are not independent: one that was tuned several times, in resolution or to the labels. It counts once.

    Attributes:
        network: stands for the group: that whose images are nearest to 224 pixels a side.
        others: names of the others.
    """

    network: Network
    others: tuple[str, ...] = ()


@cache
def groups(family: Family) -> tuple[RelatedNetworks, ...]:
    """Return the groups of networks that belong to a family, by the name of what stands for them.

    A network belongs to it if its architecture's and its tag's name match the family's, if it tells the 1000 classes of
    ImageNet apart, if its images are not too large, and if the words of its name say what the family says of data and
    distillation. Names that differ in the images' side, the window or tuning alone make one group, as `root_of` has it.
    """
    import timm

    found: dict[str, list[tuple[int, str]]] = {}
    for name in timm.list_pretrained():
        _, _, tag = name.partition(".")
        if is_of(family, name) and re.fullmatch(family.tags, tag) and _fits(name, family):
            side = _config(name).input_size[-1]
            found.setdefault(root_of(name), []).append((abs(side - USUAL), name))
    made = ([name for _, name in sorted(members)] for members in found.values())
    return tuple(sorted((RelatedNetworks(published(first), tuple(rest)) for first, *rest in made), key=_name))


def _name(group: RelatedNetworks) -> str:
    return group.network.name


def is_of(family: Family, name: str) -> bool:
    """Return whether a network's architecture is one that a family's rule asks for."""
    return re.fullmatch(family.architectures, name.partition(".")[0]) is not None


def _fits(name: str, family: Family) -> bool:
    config, (more, distilled) = _config(name), kind_of(name)
    return (
        config.num_classes == CLASSES
        and config.input_size[-1] <= family.largest
        and BASE in _words(name)
        and more == (family.data == "more")
        and distilled == family.distilled
    )


def kind_of(name: str) -> tuple[bool, bool]:
    """Return whether the words of a name mean more data than ImageNet-1k, and whether they mean distillation."""
    words = _words(name)
    return any(map(MORE.fullmatch, words)), any(map(DISTILLED.fullmatch, words))


@cache
def root_of(name: str) -> str:
    """Return what names of one training share: no resolution, no window, and of a tuned network its pre-training alone.

    A number is a resolution where it is that of the network's images, and else a width, as in ``regnety_160``.
    """
    architecture, _, tag = name.partition(".")
    before, *tuned = TUNED.split(tag, 1)
    if tuned:  # tuned again, the same pre-training is called by a number: augreg2 after augreg
        before = "_".join(re.sub(r"(?<=[a-z])\d$", "", word) for word in before.split("_"))
    config = _config(name)
    side = re.compile(rf"(r|\d+to)?{config.input_size[-1]}") if config else VARIANT
    kept = (
        "_".join(word for word in part.split("_") if not (VARIANT.fullmatch(word) or side.fullmatch(word)))
        for part in (architecture, before)
    )
    return ".".join(kept)


def of_one_training(one: Network, other: Network) -> bool:
    """Return whether two networks are one, or of one training, by what timm calls them; names of a user's own say nothing else."""
    known = bool(one.origin and other.origin)
    return one.name == other.name or (known and root_of(one.name) == root_of(other.name))


def _words(name: str) -> list[str]:
    return re.split(r"[._]", name)


def published(name: str) -> Network:
    """Return what timm says of a network.

    Args:
        name: ``ARCHITECTURE.TAG``, or the architecture alone for its first tag. A tag that timm does not know means
            weights of a user's own, whose images are prepared as the architecture's.

    Raises:
        VitworkError: it is no name, such as a path, or timm has no such architecture.
    """
    import timm

    if not NAME.fullmatch(name):
        raise VitworkError(f"No network can be called {name!r}: a name is made of letters, digits, dots, - and _.")

    config = _config(name)
    architecture, _, tag = name.partition(".")
    if config is None:
        if not timm.is_model(architecture):
            raise VitworkError(f"timm has no model {architecture!r}; its `timm.list_models()` lists those there are.")
        return Network(name, TIMM + architecture, preprocessing=_preprocessing(_architecture(architecture)))
    known = name if tag else f"{architecture}.{config.tag}"
    return Network(
        known,
        TIMM + known,
        classes=config.num_classes,
        preprocessing=_preprocessing(config),
        licence=config.license or "",
        origin=config.hf_hub_id or config.url or "",
        year=year_of(config.paper_ids),
    )


def _config(name: str) -> Any:
    from timm.models import get_pretrained_cfg

    try:
        return get_pretrained_cfg(name, allow_unregistered=True)
    except (RuntimeError, ValueError, KeyError):  # a tag that timm does not know
        return None


def _architecture(name: str) -> Any:
    """Return the first configuration of an architecture; one without published weights has a plain one."""
    from timm.models import PretrainedCfg

    return _config(name) or PretrainedCfg()


def _preprocessing(config: Any) -> Preprocessing:
    from timm.data.config import resolve_data_config

    found = resolve_data_config(pretrained_cfg=config.to_dict())  # type: ignore[no-untyped-call]
    mean, std = (tuple(map(float, found[key])) for key in ("mean", "std"))
    size, crop = found["input_size"][-1], float(found["crop_pct"])
    return Preprocessing(size, crop, found["crop_mode"], found["interpolation"], mean, std)


def year_of(papers: str | Iterable[str] | None) -> int:
    """Return the year of the first of some papers on arXiv, whose numbers begin with it; 0 where none is stated."""
    listed = [papers] if isinstance(papers, str) else list(papers or ())
    found = re.search(r"arXiv:(\d{2})\d{2}\.", listed[0]) if listed else None
    return 2000 + int(found[1]) if found else 0
