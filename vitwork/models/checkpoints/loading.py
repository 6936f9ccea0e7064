"""Loading of stored weights into models, without executing any code from a file."""

from __future__ import annotations

import os
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from pickletools import genops
from typing import Any

import torch
from torch import Tensor, nn

from vitwork.errors import DamagedError, VitworkError, told
from vitwork.models.checkpoints.downloads import PUBLISHED, fetch
from vitwork.models.checkpoints.keys import is_official_transformer, translate
from vitwork.models.valued import check_valued
from vitwork.models.zoo.creation import create

HOLDERS = ("state_dict", "model", "model_state_dict")  # names under which files hold weights, preferred ones first
SAFETENSORS = ".safetensors"  # suffix of these files
ZIP = b"PK\3\4"
ZIP_END, ZIP_END_SIZE = b"PK\5\6", 22  # of the record that ends a zip file, before its comment
WRAPPERS = re.compile(r"(?:module\.|_orig_mod\.)*")  # prefixes of parallel or averaged models, and of compiled ones
OWN = re.compile(r"(?!timm:).*:")  # names of user functions, whose norms are left unchanged
AVERAGED = re.compile(WRAPPERS.pattern + "n_averaged")  # the number of averaged models


def load_checkpoint(
    name: str, path_or_state_dict: str | Path | Mapping[str, Any], num_classes: int, **options: Any
) -> nn.Module:
    """Return a model with stored weights.

    Args:
        name: as for `create`.
        path_or_state_dict: a file, an ``https://`` address (kept in a cache), ``published`` for the paper's CIFAR-100
            file of that name, or a state dict; in official key names, timm 0.5.4's, or today's.
        num_classes: classes of the stored classifier.
        **options: as for `create`. Official ViTs get the official code's epsilon of LayerNorm unless ``norm_eps`` (timm:
            ``norm_layer``) is given; a model from your own function keeps its epsilon.

    Returns:
        The model, in evaluation mode, on the CPU.

    Raises:
        DamagedError: the file is truncated, damaged, holds code, belongs to another architecture, or has different weights
            where the model has one tensor for several keys.
        VitworkError: the file is missing or cannot be read, or the argument is neither a path nor a state dict. Or the
            new model has weights without values, has values in its state dict that are not tensors, or fails to load
            one.
    """
    if isinstance(path_or_state_dict, Mapping):
        label, stored = "the state dict", dict(path_or_state_dict)
    elif not isinstance(path_or_state_dict, (str, Path)):
        raise VitworkError(f"Weights are a path, an address or a state dict, not {type(path_or_state_dict).__name__}.")
    else:
        path = locate(name, str(path_or_state_dict))
        label, stored = str(path), read(path)
    state = state_dict_in(stored, label)
    model = create(name, num_classes, **options)
    check_valued(model)
    target = model.state_dict()
    if (other := no_tensor(target)) is not None:
        raise VitworkError(f"{name} takes no state dict of tensors: {other}")
    state = unwrapped(state, target)
    try:
        translated = translate(state, target)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:  # from keys and shapes that no model has
        reason = f"of another architecture than {name} with these options: {told(error)}"
        raise DamagedError(label, reason) from error
    check_architecture(translated, target, label, name)
    try:
        model.load_state_dict(translated, strict=False)
    except Exception as error:  # user code may raise anything
        raise VitworkError(f"{name} fails at taking the weights of {label}: {told(error)}") from error
    check_held(translated, model.state_dict(), label, name)
    chosen = OWN.match(name) or {"norm_eps", "norm_layer"} & options.keys()
    if is_official_transformer(state, target) and not chosen:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 1e-5  # as in the official code; timm's ViT has 1e-6
    return model.eval()


def locate(name: str, place: str) -> Path:
    """Return the path of the file that a path, an address or ``published`` means, after a download if needed."""
    if place == "published":
        if name not in PUBLISHED:
            raise VitworkError(f"there is no published file for {name}, only for {', '.join(PUBLISHED)}")
        place = PUBLISHED[name]
    return fetch(place) if "://" in place else Path(place)


def read(path: Path) -> Any:
    """Return the content of a file of tensors and plain values.

    Raises:
        DamagedError: the file is truncated, damaged, not a checkpoint, or would execute code.
        VitworkError: it is missing or cannot be read.
    """
    try:
        check_parts(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickles from other programs, which are refused below
            return loaded(path)
    except VitworkError:
        raise
    except PermissionError as error:
        raise VitworkError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # damaged files raise errors of any kind
        if "unsupported global" in str(error).lower() or names_functions(path):
            reason = "refused: it holds Python objects other than tensors, which could run code"
            raise DamagedError(path, reason) from error
        if "operand 149" in str(error):  # a frame, which pickles of protocol 4 and later have
            reason = "not readable without executing it: torch does so with pickles of protocol 3 at most, as it writes itself"
            raise DamagedError(path, reason) from error
        raise DamagedError(path, "truncated or no checkpoint") from error


def loaded(path: Path) -> Any:
    """Return the content of a file that torch loads, after a check that nothing follows it.

    Of files in the format before zip, torch does not read what it does not need.

    Raises:
        DamagedError: more data follows.
        Exception: for any other damage, of any type.
    """
    if path.suffix == SAFETENSORS or begins(path, ZIP):
        return torch.load(path, map_location="cpu", weights_only=True)
    with path.open("rb") as file:
        found = torch.load(file, map_location="cpu", weights_only=True)
        if file.read(1):
            raise DamagedError(
                path, "ambiguous: something lies behind the weights in it, as where two files were joined"
            )
    return found


def begins(path: Path, how: bytes) -> bool:
    """Return whether a file begins with the given bytes."""
    with path.open("rb") as file:
        return file.read(len(how)) == how


def check_parts(path: Path) -> None:
    """Check the parts of a zip file from torch against their checksums and names, which torch does not check.

    If a file holds two archives, torch and `zipfile` may read different ones.

    Raises:
        DamagedError: a part is damaged or occurs twice, or there is data before or after the archive.
        VitworkError: there is no such file.
    """
    if not path.is_file():  # refuses a FIFO, too, which might never end
        raise VitworkError(f"there is no checkpoint {path}")
    if not begins(path, ZIP):
        return
    with zipfile.ZipFile(path) as parts:
        alone = is_alone(parts, path)
        twice = next((name for name, count in Counter(parts.namelist()).items() if count > 1), None)
        damaged = parts.testzip()
    if not alone:
        raise DamagedError(
            path, "ambiguous: something lies before or behind the archive in it, as where two were joined"
        )
    if twice is not None:
        raise DamagedError(path, f"ambiguous: {twice} is in it twice")
    if damaged is not None:
        raise DamagedError(path, f"damaged: {damaged} in it does not have its checksum")


def is_alone(parts: zipfile.ZipFile, path: Path) -> bool:
    """Return whether a zip file holds nothing before its first part and nothing after its end record and comment."""
    with path.open("rb") as file:
        file.seek(-ZIP_END_SIZE - len(parts.comment), os.SEEK_END)
        end = file.read(ZIP_END_SIZE)
    ends = end.startswith(ZIP_END) and int.from_bytes(end[-2:], "little") == len(parts.comment)
    return ends and min((part.header_offset for part in parts.infolist()), default=0) == 0


def names_functions(path: Path) -> bool:
    """Return whether a file that torch cannot load is a pickle that names functions; it is parsed, not executed."""
    try:
        with path.open("rb") as file:
            return any(operation.name in {"GLOBAL", "STACK_GLOBAL", "INST"} for operation, _, _ in genops(file))
    except Exception:  # noqa: BLE001 - not a pickle, or its end is missing
        return False


def state_dict_in(stored: Any, label: str) -> dict[str, Tensor]:
    """Return the state dict in a file's content.

    Raises:
        DamagedError: there is no state dict, there are two that differ, or one of its tensors does not hold plain
            numbers.
    """
    first, *others = inside(stored, len(HOLDERS))
    state = plain(first, label)
    for other in others:
        if other and no_tensor(other) is None and not alike(state, plain(other, label)):
            raise DamagedError(label, f"ambiguous: it holds different weights under two of {', '.join(HOLDERS)}")
    return state


def inside(stored: Any, deepest: int) -> list[Any]:
    """Return the values under the usual names for weights, or the whole content if there are none.

    The depth is limited because content may refer to itself.
    """
    held = [stored.get(key) for key in HOLDERS] if isinstance(stored, Mapping) and deepest else []
    found = [inside(each, deepest - 1) for each in held if isinstance(each, Mapping)]
    return [one for several in found for one in several] or [stored]


def plain(stored: Any, label: str) -> dict[str, Tensor]:
    """Return stored content as a state dict.

    Raises:
        DamagedError: it is not a state dict, or one of its tensors does not hold plain numbers.
    """
    if not isinstance(stored, Mapping) or not stored:
        raise DamagedError(label, "no state dict of tensors")
    if (other := no_tensor(stored)) is not None:
        raise DamagedError(label, f"no state dict of tensors: {other}")
    state = {str(key): value for key, value in stored.items()}
    for key, value in state.items():
        if value.is_nested or value.layout != torch.strided or value.is_meta:
            kind = "without its numbers" if value.is_meta else "sparse or nested"
            raise DamagedError(label, f"unusable: {key} is {kind}")
    return state


def alike(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Return whether two state dicts are equal."""
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def no_tensor(stored: Mapping[Any, Any]) -> str | None:
    """Describe the first value that is not a tensor, for example of ``get_extra_state``; None if all are tensors."""
    return next((f"{key} is a {type(v).__name__}" for key, v in stored.items() if not isinstance(v, Tensor)), None)


def unwrapped(state: Mapping[str, Tensor], target: Collection[str]) -> dict[str, Tensor]:
    """Return a state without the key prefixes of parallel, compiled and averaged models, except the model's own.

    The number of averaged models is left out, unless the model itself has a tensor of this name.
    """
    added = wrappers(state).removesuffix(wrappers(target))
    return {
        key.removeprefix(added): value
        for key, value in state.items()
        if not AVERAGED.fullmatch(key) or (key.startswith(added) and key.removeprefix(added) in target)
    }


def wrappers(keys: Iterable[str]) -> str:
    """Return the prefix of wrappers that all keys share; the number of averaged models lies outside and is ignored."""
    weights = (key for key in keys if not AVERAGED.fullmatch(key))
    return min((found[0] for key in weights if (found := WRAPPERS.match(key))), key=len, default="")


def check_architecture(state: Mapping[str, Tensor], target: Mapping[str, Tensor], label: str, name: str) -> None:
    """Refuse weights of another architecture; the message names the first differences.

    Raises:
        DamagedError: keys, shapes or types of numbers differ, numbers are not finite, or variances are negative.
    """
    missing = [key for key in target if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in target]
    if missing or unknown:
        parts = [f"{verb} {keys[0]}" for verb, keys in (("lacks", missing), ("has", unknown)) if keys]
        others = max(len(missing), len(unknown)) - 1
        rest = f" (and {others} more)" if others > 0 else ""
        raise DamagedError(
            label, f"of another architecture than {name} with these options: it {', '.join(parts)}{rest}"
        )
    for key, value in state.items():
        wanted = target[key]
        if value.shape != wanted.shape:
            raise DamagedError(
                label,
                f"unfit for {name} with these options: {key} is {tuple(value.shape)} in it and {tuple(wanted.shape)} in the "
                "model",
            )
        if not is_exact(value, wanted):
            raise DamagedError(label, f"unfit for {name}: {key} is {value.dtype} in it and {wanted.dtype} in the model")
        if not value.to(wanted.dtype).isfinite().all():
            raise DamagedError(label, f"unusable: {key} is not finite in the model's {wanted.dtype}")
        if key.rpartition(".")[2] == "running_var" and (value < 0).any():
            raise DamagedError(label, f"unusable: {key} is a variance, and below zero")


def check_held(state: Mapping[str, Tensor], held: Mapping[str, Tensor], label: str, name: str) -> None:
    """Refuse weights that a model does not hold after loading: it has one tensor for two of them, or changes them.

    Raises:
        DamagedError: a tensor in the loaded model differs from the one that was stored under its key.
    """
    for key, value in state.items():
        if not torch.equal(held[key], value.to(held[key].dtype)):
            raise DamagedError(
                label,
                f"unfit for {name} with these options: {key} has other numbers in it than in the model, which shares that "
                "tensor between several keys or alters what it is given",
            )


def is_exact(value: Tensor, wanted: Tensor) -> bool:
    """Return whether numbers keep their meaning in the type of `wanted`.

    Integers and bytes as weights lack their scale, and integer types have a limited range.
    """
    if value.is_complex() or value.is_quantized or (value.is_floating_point() and value.element_size() < 2):
        return False
    if wanted.is_floating_point():
        return value.is_floating_point()
    return bool(value.tolist() == value.to(wanted.dtype).tolist())  # Python compares numbers of any types exactly
