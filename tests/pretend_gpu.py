"""A GPU that is not there, so that mistakes of device are seen on any machine.

Inside `pretend_gpu` a tensor made on or moved to ``cuda`` holds a CPU tensor, computes on it, and claims to lie on
``cuda:0``. What a GPU refuses raises: tensors of two devices in one operation (but for numbers and indices on the CPU), a
generator of another device, `Tensor.numpy`, operations without a CUDA kernel, matrix products of integers. Values are
right, so whole analyses run and can be compared with the CPU's. Not seen: speed, waits, memory, the digits and the element
types of CUDA's own kernels, fused attention, autocast, and what a model keeps to itself when it is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from typing import ClassVar
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

GPU, CPU = torch.device("cuda:0"), torch.device("cpu")
aten = torch.ops.aten

CROSSING = {aten._to_copy, aten.copy_, aten._foreach_copy_}
"""Operations whose tensors may lie on two devices."""
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}
"""Operations whose indices may lie on the CPU, and whose values may be a single number there."""
NUMBERS = {aten.fill_, aten._foreach_mul, aten._foreach_mul_, aten._foreach_div_}
"""Operations beside the elementwise ones that take a number (a tensor without dimensions) of the CPU."""
PRODUCTS = {aten.mm, aten.bmm, aten.addmm, aten.baddbmm, aten.mv, aten.addmv, aten.dot, aten.vdot}
"""Operations that a GPU does not carry out on integers."""
LAZY = {aten._conj.default: aten._conj_physical.default, aten._neg_view.default: aten.neg.default}
"""Operations that set a mark, which a held tensor would hide, and those that compute at once."""


class OnGpu(torch.Tensor):
    """A CPU tensor that claims to lie on the GPU. To C++ it lies on ``meta``, which autograd can handle without a driver."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held):
        with torch.inference_mode(held.is_inference()):  # a view of another tensor is none of inference mode's
            made = torch.Tensor._make_wrapper_subclass(
                cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device="meta"
            )
        made.held = held
        return made

    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)

    def __repr__(self, **_):
        return f"OnGpu({self.held!r})"

    def tolist(self):
        return self.held.tolist()

    def new_tensor(self, data, dtype=None, device=GPU, requires_grad=False):
        return torch.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def __getitem__(self, index):
        return super().__getitem__(without_lists(index))

    def __setitem__(self, index, value):
        super().__setitem__(without_lists(index), value)

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), options=None):
        return carry_out(function, arguments, options or {})


def without_lists(index):
    """Return an index with tensors in the place of lists, of which C++ would make tensors on ``meta``."""
    if isinstance(index, tuple):
        return tuple(torch.tensor(part) if isinstance(part, list) else part for part in index)
    return torch.tensor(index) if isinstance(index, list) else index


class Generator(torch.Generator):
    """A CPU generator that claims to be of the device that it was asked for."""

    claims: ClassVar[dict[int, torch.device]] = {}  # by address, as operations see another Python object

    def __new__(cls, device="cpu"):
        made = super().__new__(cls)
        cls.claims[made._cdata] = GPU if torch.device(device).type == "cuda" else CPU
        return made

    def __init__(self, device="cpu"):
        super().__init__()

    device = property(lambda self: self.claims[self._cdata])


class PretendGpu(TorchDispatchMode):
    """Carries out every operation, also those that make tensors."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        return carry_out(function, arguments, options or {})


def each(change, value):
    """Return what operations take or give with every part changed."""
    if isinstance(value, (list, tuple)):
        return type(value)([each(change, part) for part in value])
    return change(value)


def carry_out(function, arguments, options):
    """Compute on the tensors held; raise where a GPU would."""
    packet = function.overloadpacket
    if packet is aten._pin_memory and not isinstance(arguments[0], OnGpu):
        return arguments[0]
    if torch.is_inference_mode_enabled():  # where compound operations arrive whole
        with PretendGpu():
            if (result := function.decompose(*arguments, **options)) is not NotImplemented:
                return result
    leaves = []
    each(leaves.append, [*arguments, *options.values()])
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    assert not any(tensor.is_meta for tensor in tensors), (
        f"{function} is given a tensor that was made past the pretence"
    )
    places = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
    deciding = tensors[:1] if packet in CROSSING | INDEXING else tensors
    on_gpu = places[0].type != "cpu" if places else any(isinstance(tensor, OnGpu) for tensor in deciding)
    check_generators(leaves, GPU if on_gpu else CPU)
    check(function, arguments, tensors, on_gpu=on_gpu)
    known = {id(tensor.held) if isinstance(tensor, OnGpu) else id(tensor): tensor for tensor in tensors}

    def inside(leaf):
        return leaf.held if isinstance(leaf, OnGpu) else CPU if isinstance(leaf, torch.device) else leaf

    def outside(leaf):
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return known[id(leaf)] if id(leaf) in known else OnGpu(leaf) if on_gpu else leaf

    given = {name: each(inside, value) for name, value in options.items() if name != "pin_memory"}
    return each(outside, LAZY.get(function, function)(*each(inside, arguments), **given))


def check(function, arguments, tensors, *, on_gpu):
    """Raise where a GPU would not carry an operation out on these tensors."""
    packet = function.overloadpacket
    strangers = [tensor for tensor in tensors if isinstance(tensor, OnGpu) != on_gpu]
    if strangers and on_gpu and packet in INDEXING:
        indices = {id(index) for index in arguments[1]}
        strangers = [tensor for tensor in strangers if id(tensor) not in indices and tensor.dim()]
    elif strangers and on_gpu and (torch.Tag.pointwise in function.tags or packet in NUMBERS):
        formal = zip(function._schema.arguments, arguments, strict=False)
        written = {id(given) for form, given in formal if form.alias_info is not None and form.alias_info.is_write}
        strangers = [tensor for tensor in strangers if tensor.dim() or id(tensor) in written]
    if strangers and packet not in CROSSING:
        shapes = ", ".join(f"{tuple(tensor.shape)} on {tensor.device}" for tensor in tensors)
        raise RuntimeError(f"Expected all tensors to be on the same device: {function} of {shapes}")
    if on_gpu and packet in PRODUCTS and not (tensors[0].is_floating_point() or tensors[0].is_complex()):
        raise NotImplementedError(f"{function} is not implemented on a GPU for {tensors[0].dtype}")
    if on_gpu and not has_kernel(function):
        raise NotImplementedError(f"{function} has no CUDA kernel")


@cache
def has_kernel(function):
    """Return whether CUDA computes an operation, as far as this build of torch can tell."""
    if not torch.backends.cuda.is_built():
        return True
    return torch._C._dispatch_has_computed_kernel_for_dispatch_key(function.name(), "CUDA")


def check_generators(leaves, device):
    """Raise where a generator is of another device than what it draws."""
    for leaf in leaves:
        if isinstance(leaf, torch._C.Generator) and (found := Generator.claims.get(leaf._cdata, CPU)) != device:
            raise RuntimeError(f"Expected a '{device.type}' device type for generator but found '{found.type}'")


def record_nothing():
    """Stand for `torch.cuda.CUDAGraph`."""
    raise RuntimeError("a pretended GPU records nothing")


@contextmanager
def pretend_gpu() -> Iterator[torch.device]:
    """Let ``cuda:0`` exist inside; where there is a real one, that is it."""
    if torch.cuda.is_available():
        yield GPU
        return
    cuda = {
        "_lazy_init": lambda: None,
        "synchronize": lambda device=None: None,
        "reset_peak_memory_stats": lambda device=None: None,
        "max_memory_allocated": lambda device=None: 1,
        "mem_get_info": lambda device=None: (1 << 34, 1 << 34),
        "get_device_name": lambda device=None: "pretended",
        "get_rng_state": lambda device=None: torch.get_rng_state(),
        "set_rng_state": lambda state, device=None: None,
        "Stream": lambda device=None: mock.MagicMock(),
        "current_stream": lambda device=None: mock.MagicMock(),
        "stream": lambda queue: nullcontext(),
        "CUDAGraph": record_nothing,
    }
    lifted = torch._C._only_lift_cpu_tensors()
    with ExitStack() as stack:
        for name, stand_in in cuda.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        stack.enter_context(mock.patch.object(torch, "Generator", Generator))
        stack.callback(Generator.claims.clear)
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifted)
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(…, device="cuda") is made on the CPU and then moved
        torch._C._ensureCUDADeviceGuardSet()  # "cuda" without a number asks which one, and needs no driver from now on
        stack.enter_context(PretendGpu())
        yield GPU
