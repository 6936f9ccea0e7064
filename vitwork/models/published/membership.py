"""The rule that decides which published networks of the installed timm belong to a family, from timm's metadata."""

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
"""Allowed names of a network: its file of weights has the same name, so a name must not lead out of a folder."""
CLASSES = 1000
BASE = "in1k"
MORE = re.compile(
    r"in12k|in2[12]k|in22ft1k|yfcc\w*|ig1b|jft\w*|laion\w*|openai|clip|dino\w*|mae|fcmae|mim|m38m|metaclip\w*|lvd\w*|bamboo"
    r"|cc12m|datacomp\w*|dfn\w*|webli|seer|swag|eupe|pt\d*k|bit|merged\w*|ssl|swsl|goog"
)
"""Words in a tag or an architecture's name that mean other data than ImageNet-1k's labelled training images."""
DISTILLED = re.compile(r"distilled|dist|ssld")
"""Words that mean a network that learned from another one."""
VARIANT = re.compile(r"window\d+(to\d+)?|pruned|teacher|gap")
"""Words by which names of networks from one training differ, besides the image size: a window fitted to it, pruning,
tuning as a teacher, and the mean over tokens in place of a trained head's pooling."""
TUNED = re.compile(r"_(ft|lc|stage\d)_")
"""Separates, in a tag, the data of pre-training from that of fine-tuning (of all weights or a linear classifier)."""
USUAL = 224  # side of the images that most of the networks were trained on, in pixels


@dataclass(frozen=True, slots=True)
class RelatedNetworks:
    """Networks from one pre-training, fine-tuned several times to resolutions or labels, which count as one.

    Attributes:
        network: the one that represents the group: its image side is nearest to 224 pixels.
        others: names of the others.
    """

    network: Network
    others: tuple[str, ...] = ()


@cache
def groups(family: Family) -> tuple[RelatedNetworks, ...]:
    """Return the groups of networks that belong to a family, sorted by the name of the network that represents each.

    A network belongs to the family if the names of its architecture and tag match the family's, if it classifies the
    1000 classes of ImageNet, and if its images are not too large. The words of its name must also agree with the family
    about data and distillation. Names that differ only in image size, window or fine-tuning form one group; see
    `root_of`.
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
    """Return whether a network's architecture matches a family's rule."""
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
    """Return the common name of networks from one training: without resolution, window and fine-tuning.

    A number is a resolution if it is the side of the network's images, otherwise a width, as in ``regnety_160``.
    """
    architecture, _, tag = name.partition(".")
    before, *tuned = TUNED.split(tag, 1)
    if tuned:  # after another fine-tuning, the same pre-training has a number: augreg2 after augreg
        before = "_".join(re.sub(r"(?<=[a-z])\d$", "", word) for word in before.split("_"))
    config = _config(name)
    side = re.compile(rf"(r|\d+to)?{config.input_size[-1]}") if config else VARIANT
    kept = (
        "_".join(word for word in part.split("_") if not (VARIANT.fullmatch(word) or side.fullmatch(word)))
        for part in (architecture, before)
    )
    return ".".join(kept)


def of_one_training(one: Network, other: Network) -> bool:
    """Return whether two networks are the same or come from one training, by their names in timm.

    Of names that timm does not know, only equality counts.
    """
    known = bool(one.origin and other.origin)
    return one.name == other.name or (known and root_of(one.name) == root_of(other.name))


def _words(name: str) -> list[str]:
    return re.split(r"[._]", name)


def published(name: str) -> Network:
    """Return a network as timm's metadata describes it.

    Args:
        name: ``ARCHITECTURE.TAG``, or the architecture alone for its first tag. A tag that timm does not know stands
            for the user's own weights, with images prepared as for the architecture.

    Raises:
        VitworkError: it is not a name but for example a path, or timm has no such architecture.
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
    """Return the first configuration of an architecture; without published weights it is a default one."""
    from timm.models import PretrainedCfg

    return _config(name) or PretrainedCfg()


def _preprocessing(config: Any) -> Preprocessing:
    from timm.data.config import resolve_data_config

    found = resolve_data_config(pretrained_cfg=config.to_dict())  # type: ignore[no-untyped-call]
    mean, std = (tuple(map(float, found[key])) for key in ("mean", "std"))
    size, crop = found["input_size"][-1], float(found["crop_pct"])
    return Preprocessing(size, crop, found["crop_mode"], found["interpolation"], mean, std)


def year_of(papers: str | Iterable[str] | None) -> int:
    """Return the year of the earliest of some arXiv papers, whose numbers begin with it; 0 where none is stated."""
    listed = [papers] if isinstance(papers, str) else list(papers or ())
    found = re.search(r"arXiv:(\d{2})\d{2}\.", listed[0]) if listed else None
    return 2000 + int(found[1]) if found else 0
