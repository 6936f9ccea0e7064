"""Damaged files and state dicts that do not fit are one sentence; what fits gives the weights that were stored."""

from __future__ import annotations

import os
import struct
import zipfile

import pytest
import torch
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tests.models.checkpoints.test_loading_checkpoints import GOLDEN, filled
from vitwork.errors import VitworkError
from vitwork.models import create, load_checkpoint

NAME, TINY = "preresnet_18", {"depths": (1, 1), "widths": (8, 16)}


def load(state):
    return load_checkpoint(NAME, state, 10, **TINY)


@pytest.fixture(scope="module")
def model():
    return create(NAME, 10, **TINY).eval()


@pytest.fixture
def state(model):
    return dict(model.state_dict())


def same(loaded, wanted):
    found = loaded.state_dict()
    return found.keys() == wanted.keys() and all(torch.equal(found[key], wanted[key]) for key in wanted)


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "head.fc.weight"), r"it lacks head\.fc\.weight$"),
        (lambda s: without(without(s, "head.fc.weight"), "head.fc.bias"), r"it lacks head\.fc\.weight \(and 1 more\)$"),
        (lambda s: {**s, "aux.weight": torch.zeros(2)}, r"it has aux\.weight$"),
        (
            lambda s: {**s, "head.fc.weight": torch.zeros(10, 17)},
            r"head\.fc\.weight is \(10, 17\) in it and \(10, 16\)",
        ),
        (lambda s: {**s, "head.fc.bias": torch.zeros(())}, r"head\.fc\.bias is \(\) in it"),
        (lambda s: {**s, "head.fc.weight": s["head.fc.weight"].to_sparse()}, r"head\.fc\.weight is sparse"),
        (lambda s: {**s, "head.fc.weight": s["head.fc.weight"].to("meta")}, r"head\.fc\.weight is without its numbers"),
        (lambda s: {**s, "head.fc.weight": torch.ones(10, 16, dtype=torch.int8)}, "is torch.int8 in it"),
        (lambda s: {**s, "head.fc.weight": torch.ones(10, 16, dtype=torch.bool)}, "is torch.bool in it"),
        (
            lambda s: {**s, "head.fc.weight": s["head.fc.weight"].to(torch.float8_e4m3fn)},
            "is torch.float8_e4m3fn in it",
        ),
        (lambda s: {**s, "head.fc.bias": torch.full((10,), float("nan"))}, r"head\.fc\.bias is not finite"),
        (
            lambda s: {**s, "head.fc.bias": torch.full((10,), 1e300, dtype=torch.float64)},
            r"head\.fc\.bias is not finite",
        ),
        (
            lambda s: {**s, "head.norm.running_var": s["head.norm.running_var"] - 2},
            r"head\.norm\.running_var is a variance, and below zero$",
        ),
        (lambda s: {**s, "head.fc.bias": torch.ones(10, dtype=torch.complex64)}, "is torch.complex64 in it"),
        (lambda s: {**s, "head.norm.num_batches_tracked": torch.tensor(0.5)}, "is torch.float32 in it and torch.int64"),
        (lambda s: {**s, "layer0.0.weight": s["stem.conv.weight"]}, "of another architecture"),
        (lambda s: {**s, "module.head.fc.bias": s["head.fc.bias"]}, r"it has module\.head\.fc\.bias$"),
        (lambda s: {**s, "epoch": 3}, "is no state dict of tensors: epoch is a int$"),
    ],
)
def test_a_misfit_is_one_sentence(state, change, message):
    """A key missing or too many, another shape or kind of tensor: the sentence names the first key."""
    with pytest.raises(VitworkError, match=message) as caught:
        load(change(state))
    assert "\n" not in str(caught.value)


def test_two_state_dicts_that_differ_are_refused(state, model):
    """Which of them is meant is not guessed; the same twice, and what is no state dict beside one, are no matter."""
    changed = {**state, "head.fc.bias": state["head.fc.bias"] + 1}
    for other in (changed, without(state, "head.fc.bias"), {"state_dict": changed}):
        for stored in (
            {"state_dict": state, "model": other},
            {"model": {"state_dict": state}, "model_state_dict": other},
        ):
            with pytest.raises(
                VitworkError, match=r"ambiguous: it holds different weights under two of state_dict, model,"
            ):
                load(stored)
    for other in (dict(state), {"state_dict": state}, {"name": NAME}, {}):
        assert same(load({"state_dict": state, "model": other}), model.state_dict())
    held = {}
    held["model"] = held
    with pytest.raises(VitworkError, match="no state dict of tensors: model is a dict"):
        load(held)


def test_two_keys_of_one_weight_are_refused():
    """Official names in both of their forms: one of the two tensors would be lost without a word."""
    state = {"layer0.0.weight": torch.zeros(8, 3, 3, 3), "layer0.layer0.0.weight": torch.ones(8, 3, 3, 3)}
    with pytest.raises(VitworkError, match=r"two of its keys mean stem\.conv\.weight"):
        load(state)


def test_an_official_transformer_with_other_shapes_is_refused():
    """Patches that are no squares and half of a query-key-value matrix cannot be brought into today's form."""
    for entry, change, words in (
        ("vit_ti_heads", {"embedding.0.patch_embedding.1.weight": torch.zeros(191, 13)}, "RuntimeError: shape"),
        ("convit_ti_k3", {"transformers.0.attn.to_kv.weight": None}, "KeyError"),
    ):
        facts = GOLDEN[entry]
        whole = {**filled(facts["state_dict"]), **change}
        broken = {key: value for key, value in whole.items() if value is not None}
        with pytest.raises(VitworkError, match=f"another architecture than vit_ti with these options: {words}"):
            load_checkpoint("vit_ti", broken, facts["num_classes"], **facts["options"])


def tied(num_classes):
    """A user's model whose two layers have one weight."""
    model = nn.Sequential(nn.Linear(num_classes, num_classes), nn.Linear(num_classes, num_classes))
    model[1].weight = model[0].weight
    return model


def test_different_weights_for_a_tied_one_are_refused():
    """One of the two would be lost; as one, in whatever precision, they load."""
    name, state = f"{__name__}:tied", dict(tied(4).state_dict())
    assert same(load_checkpoint(name, {key: value.double() for key, value in state.items()}, 4), state)
    with pytest.raises(VitworkError, match=r"0\.weight has other numbers in it than in the model, which shares"):
        load_checkpoint(name, {**state, "0.weight": state["1.weight"] + 1}, 4)


class Inner(nn.Module):
    """A user's model that keeps all of its weights in a part called as wrappers call theirs."""

    def __init__(self, num_classes):
        super().__init__()
        self.module = nn.Linear(4, num_classes)


class Indexed(nn.Module):
    """A user's model with buffers of whole numbers and truth values, and one called as averaged models call theirs."""

    def __init__(self, num_classes):
        super().__init__()
        self.layer = nn.Linear(4, num_classes)
        self.register_buffer("index", torch.tensor([1, 2, 3]))
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("n_averaged", torch.tensor(7))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("index", torch.tensor([1e20, 0, 1])),
        ("index", torch.tensor([float("nan"), 0, 1])),
        ("index", torch.tensor([2**64 - 1, 0, 1], dtype=torch.uint64)),
        ("mask", torch.tensor([2, 0])),
        ("mask", torch.tensor([0.5, 0])),
    ],
)
def test_whole_numbers_that_the_model_cannot_hold_are_refused(key, value):
    """What becomes another number in a buffer of integers or truth values is no misreading that is loaded."""
    state = Indexed(3).state_dict()
    with pytest.raises(VitworkError, match=f"{key} is {value.dtype} in it and {state[key].dtype} in the model"):
        load_checkpoint(f"{__name__}:Indexed", {**state, key: value}, 3)


def test_whole_numbers_that_the_model_can_hold_load():
    """Other kinds of the same numbers are the same buffers."""
    state = Indexed(3).state_dict()
    others = {"index": state["index"].to(torch.uint8), "mask": state["mask"].float()}
    assert same(load_checkpoint(f"{__name__}:Indexed", {**state, **others}, 3), state)


class Extra(Indexed):
    """A user's model that keeps more than tensors."""

    def get_extra_state(self):
        return {"steps": 3}

    def set_extra_state(self, state):
        pass


class Failing(Indexed):
    """A user's model whose own loading fails."""

    def load_state_dict(self, state_dict, **_):
        raise RuntimeError("not today\nof all days")


def lazy(num_classes):
    """A user's model with a layer whose weights have no values yet."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.LazyLinear(num_classes))


def test_models_that_take_no_weights_are_one_sentence():
    """A lazy layer, what is no tensor in a state dict, and an error of the model's own are named."""
    state = dict(Indexed(3).state_dict())
    for build, weights, message in (
        ("lazy", state, r"weights without values, 1\.weight for one"),
        ("Extra", Extra(3).state_dict(), r"the state dict is no state dict of tensors: _extra_state is a dict$"),
        ("Extra", {**state, "_extra_state": torch.ones(1)}, r"Extra takes no .* of tensors: _extra_state is a dict$"),
        ("Failing", state, r"Failing fails at taking the weights of the state dict: RuntimeError: not today$"),
    ):
        with pytest.raises(VitworkError, match=message):
            load_checkpoint(f"{__name__}:{build}", weights, 3)


WRAPS = (
    nn.DataParallel,
    torch.compile,
    AveragedModel,
    lambda m: nn.DataParallel(torch.compile(m)),
    lambda m: torch.compile(nn.DataParallel(m)),
    lambda m: torch.compile(AveragedModel(m)),
)


@pytest.mark.parametrize("wrap", [lambda m: m, *WRAPS])
def test_a_model_whose_own_keys_begin_as_a_wrappers_loads(wrap):
    """Of a key's ``module.`` and of ``n_averaged``, those that the model itself has stay, however it was wrapped."""
    for build in (Inner, Indexed):
        model = build(3)
        assert same(load_checkpoint(f"{__name__}:{build.__name__}", wrap(model).state_dict(), 3), model.state_dict())


@pytest.mark.parametrize("wrap", WRAPS)
def test_weights_of_wrapped_models_load(tmp_path, model, wrap):
    """Parallel, compiled and averaged models, in any order, store the same weights under longer names."""
    stored = wrap(model).state_dict()
    assert all(key.startswith(("module.", "_orig_mod.")) for key in stored if key != "n_averaged")
    torch.save({"state_dict": stored}, tmp_path / "a.pt")
    assert same(load(tmp_path / "a.pt"), model.state_dict())


def test_integers_where_integers_are_wanted_load(state, model):
    """A counter that was stored as a whole float, and weights of half or double precision, are no misfit."""
    doubles = {key: value.double() for key, value in state.items()}
    assert same(load(doubles), model.state_dict())


def test_every_flipped_weight_in_a_file_is_noticed(tmp_path, state):
    """Each part of a saved file has a checksum, and a bit flipped in any of them is named."""
    path = tmp_path / "a.pt"
    torch.save(state, path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        parts = file.infolist()
    assert len(parts) > 20
    for part in parts:
        name, extra = struct.unpack_from(
            "<HH", content, part.header_offset + 26
        )  # lengths of what precedes the content
        flipped = bytearray(content)
        flipped[part.header_offset + 30 + name + extra] ^= 64
        path.write_bytes(flipped)
        with pytest.raises(VitworkError, match=rf"a\.pt is damaged: {part.filename} in it"):
            load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_with_a_part_twice_is_refused(tmp_path, state):
    """Which of two parts of one name is read is nobody's choice; torch takes one of them without a word."""
    path = tmp_path / "a.pt"
    torch.save(state, path)
    with zipfile.ZipFile(path, "a") as file:
        name = next(each for each in file.namelist() if each.endswith("data/0"))
        file.writestr(name, bytes(len(file.read(name))))
    with pytest.raises(VitworkError, match=rf"a\.pt is ambiguous: {name} is in it twice"):
        load(path)


def saved(path, state, comment=b""):
    """Return the content of a saved file, as torch writes it or, with a comment, as a tool of zip files writes it anew."""
    torch.save(state, path)
    if comment:
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
            file.comment = comment
            for name, part in parts.items():
                file.writestr(name, part)
    return path.read_bytes()


@pytest.mark.parametrize("comment", [b"", b"of a tool"])
def test_two_archives_in_one_file_are_refused(tmp_path, state, model, comment):
    """Torch reads one of them, and checksums are compared in another; a single one loads, with a comment too."""
    path = tmp_path / "a.pt"
    other = saved(path, {key: value + 1 for key, value in state.items()})
    content = saved(path, state, comment)
    assert same(load(path), model.state_dict())
    flipped = bytearray(content)
    flipped[content.index(state["stem.conv.weight"].numpy().tobytes()) + 3] ^= 64
    for first in (content, bytes(flipped), content[: len(content) // 2]):
        for second in (other, content, other[: len(other) // 2], b"\0", b"\n", bytes(99)):
            path.write_bytes(first + second)
            with pytest.raises(VitworkError, match=r"a\.pt is (ambiguous: something lies before or behind|truncated)"):
                load(path)
    path.write_bytes(b"\0" + content)
    with pytest.raises(VitworkError, match=r"a\.pt is truncated or no checkpoint"):
        load(path)


def test_older_files_with_more_behind_them_are_refused(tmp_path, state, model):
    """Torch reads the first of two files in the format before zip files, and where that was cut takes weights from the second."""
    path = tmp_path / "a.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert same(load(path), model.state_dict())
    for first in (content, content[:-999]):
        for second in (content, b"\0", b"\n"):
            path.write_bytes(first + second)
            with pytest.raises(
                VitworkError, match=r"a\.pt is (ambiguous: something lies behind the weights|truncated)"
            ):
                load(path)


@pytest.mark.parametrize("content", [b"", b"P", b"\x80", b"PK\3\4", b"\0" * 99, b"]" * 5000, b"(" * 10**5])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_tiny_and_meaningless_files_are_named(tmp_path, content, suffix):
    """Empty, of one byte, only the beginning of a zip file, zeros, nonsense."""
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(VitworkError, match=rf"a\.{suffix} is truncated or no checkpoint$"):
        load(path)


def test_safetensors_load_and_damaged_ones_are_named(tmp_path, state, model):
    """The format without code is read; its own errors become one sentence."""
    path = tmp_path / "a.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    assert same(load(path), model.state_dict())
    content = path.read_bytes()
    for damaged in (content[:300], content[:-4], b"\xff" * 8 + content[8:], content[:9] + b"}" + content[10:]):
        path.write_bytes(damaged)
        with pytest.raises(VitworkError, match=r"a\.safetensors is truncated or no checkpoint$"):
            load(path)


def test_places_that_hold_no_file_are_named(tmp_path):
    """A folder, a FIFO, a link to itself and impossible names are no checkpoint, and nothing waits for them."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "loop", "a\0b", "x" * 5000):
        with pytest.raises(VitworkError, match=r"there is no checkpoint|is truncated or no checkpoint"):
            load(path)


@pytest.fixture(scope="module", params=["zip", "zip of a wrapped dict", "safetensors"])
def stored(request, tmp_path_factory, model):
    """A file, its content and the tensors in it."""
    path = tmp_path_factory.mktemp("stored") / "a.pt"
    state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
    if request.param == "safetensors":
        save_file(state, path.with_suffix(".safetensors"))
        path = path.with_suffix(".safetensors")
    else:
        torch.save({"state_dict": state} if "wrapped" in request.param else state, path)
    return request.param, path, path.read_bytes()


@seed(0)
@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_any_damage_is_refused_or_changes_nothing(stored, model, data):
    """Flipped bits, cuts and insertions: the model that was stored, or one sentence; without checksums, the flipped bit."""
    kind, path, content = stored
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.one_of(st.integers(0, len(content) - 1), st.integers(-900, -1), st.integers(0, 900)))
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged[: data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))])
    try:
        loaded = load(path)
    except VitworkError:
        return
    assert kind == "safetensors" or same(loaded, model.state_dict())


@seed(0)
@settings(max_examples=40, deadline=None, database=None)
@given(st.data())
def test_any_state_dict_is_refused_or_loaded(model, data):
    """Keys dropped, renamed or added, and tensors of any shape and kind: one sentence, or exactly these numbers."""
    state = dict(model.state_dict())
    for _ in range(data.draw(st.integers(1, 2))):
        key = data.draw(st.sampled_from(list(state)))
        kind = data.draw(st.sampled_from([torch.float16, torch.float64, torch.int64, torch.uint8, torch.complex64]))
        shape = data.draw(st.one_of(st.just(state[key].shape), st.lists(st.integers(0, 3), max_size=5)))
        name = data.draw(st.sampled_from([key, "module." + key, "embedding.0.weight", "layer0.0.weight", "", "a.b"]))
        state.pop(key)
        state[name] = torch.ones(tuple(shape), dtype=kind)
    try:
        found = load(state).state_dict()
    except VitworkError:
        return
    assert all(torch.equal(found[key].double(), state[key].double()) for key in state)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [4, 5])
def test_pickles_that_torch_does_not_read_safely_say_so(tmp_path, state, protocol, zipped):
    """A sound file is not called damaged, so that nobody fetches it again for nothing."""
    path = tmp_path / "a.pt"
    torch.save(state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(VitworkError, match=r"a\.pt is not readable without executing it: .* protocol 3 at most"):
        load(path)
