"""Calls of many operators with their gradients, on any device: PyTorch's own samples, else a list
of ours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves, tree_map_only

SAMPLES = 2  # of each op
Result = list[torch.Tensor] | str  # outputs, then gradients; or what was raised


@dataclass(frozen=True)
class OpCall:
    """One operator with one set of operands, of which each call gets copies."""

    name: str
    function: Callable[..., Any]
    operands: tuple[Any, ...]
    picks: Callable[[Any], Any] = lambda result: result  # what of the result is differentiable

    def __call__(self) -> Result:
        torch.manual_seed(0)
        args, kwargs = tree_map_only(torch.Tensor, _copy, self.operands)
        try:
            result = self.function(*args, **kwargs)
            outputs = _tensors(result)
            roots = [one for one in _tensors(self.picks(result)) if one.requires_grad]
            leaves = [one for one in _tensors((args, kwargs)) if one.requires_grad]
            ones = [torch.ones_like(root) for root in roots]
            gradients = (
                torch.autograd.grad(roots, leaves, ones, allow_unused=True)
                if roots and leaves
                else ()
            )
            return [*outputs, *(one for one in gradients if one is not None)]
        except Exception as error:  # a sample that this device cannot run: the caller counts it
            return f"{type(error).__name__}: {error}".partition("\n")[0]


def contents(result: Result) -> Any:
    """Return what two results are compared by: dtype, shape and bytes of each tensor."""
    if isinstance(result, str):
        return result
    return [(str(one.dtype), tuple(one.shape), _bytes(one)) for one in result]


def _bytes(tensor: torch.Tensor) -> bytes:
    plain = tensor.detach()
    plain = plain.to_dense() if plain.layout is not torch.strided else plain
    flat = plain.resolve_conj().resolve_neg().reshape(-1)
    # Written out anew: a single element keeps any stride, and a tensor known to be zero has no
    # memory.
    written = torch.empty(flat.numel(), dtype=flat.dtype).copy_(flat)
    return written.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def calls(device: str) -> tuple[str, Iterator[list[OpCall]]]:
    """Return where the calls come from, and the calls of one operator after the other."""
    if find_spec("expecttest") is None:
        curated = list(_curated(device))
        why = (
            f"{len(curated)} operators of a list of our own: op_db needs the package expecttest, "
            "which is not here"
        )
        return why, iter([[call] for call in curated])
    from torch.testing._internal.common_methods_invocations import op_db

    chosen = [op for op in op_db if torch.float32 in op.supported_dtypes(device)]
    return f"the {len(chosen)} operators of op_db that take float32", (
        _samples(op, device) for op in chosen
    )


def _samples(op: Any, device: str) -> list[OpCall]:
    name = f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)
    differentiable = op.supports_autograd and torch.float32 in op.supported_backward_dtypes(device)
    torch.manual_seed(0)
    try:
        found = list(
            itertools.islice(
                op.sample_inputs(device, torch.float32, requires_grad=differentiable), SAMPLES
            )
        )
    except Exception as error:  # told as a call that raised
        why = f"{type(error).__name__}: its samples cannot be made: {error}".partition("\n")[0]
        return [OpCall(name, _raising(why), ((), {}))]
    return [
        OpCall(
            name,
            op.get_op(),
            ((sample.input, *sample.args), dict(sample.kwargs)),
            sample.output_process_fn_grad,
        )
        for sample in found
    ]


def _raising(why: str) -> Callable[[], None]:
    def function() -> None:
        raise RuntimeError(why)

    return function


def _curated(device: str) -> Iterator[OpCall]:
    generator = torch.Generator().manual_seed(0)

    def leaf(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator).add_(0.1).to(device).requires_grad_()

    a, b, image, kernel = leaf(64, 64), leaf(64, 64), leaf(4, 8, 16, 16), leaf(8, 8, 3, 3)
    names = (
        "exp log sqrt sin cos tanh sigmoid abs neg reciprocal rsqrt erf floor sum mean cumsum "
        "sort softmax t"
    )
    for name in names.split():
        extra = (-1,) if name in ("cumsum", "softmax") else ()
        yield OpCall(name, getattr(torch, name), ((a, *extra), {}))
    for name in "add sub mul div maximum minimum matmul atan2 pow hypot".split():
        yield OpCall(name, getattr(torch, name), ((a, b), {}))
    for name in "relu gelu silu softplus leaky_relu elu hardtanh log_softmax logsigmoid".split():
        yield OpCall(name, getattr(F, name), ((a,), {"dim": -1} if name == "log_softmax" else {}))
    yield OpCall("conv2d", F.conv2d, ((image, kernel), {"padding": 1}))
    yield OpCall("layer_norm", F.layer_norm, ((a, (64,)), {}))
    yield OpCall("batch_norm", lambda x: F.batch_norm(x, None, None, training=True), ((image,), {}))
    yield OpCall("group_norm", F.group_norm, ((image, 4), {}))
    yield OpCall("max_pool2d", F.max_pool2d, ((image, 2), {}))
    yield OpCall("avg_pool2d", F.avg_pool2d, ((image, 2), {}))
    yield OpCall("linear", F.linear, ((a, b), {}))
    yield OpCall("dropout", F.dropout, ((a, 0.5), {}))
    yield OpCall("mse_loss", F.mse_loss, ((a, b), {}))
    yield OpCall("cat", lambda *parts: torch.cat(parts), ((a, b), {}))
    yield OpCall("where", lambda x, y: torch.where(x > y, x, y), ((a, b), {}))
    attended = (leaf(2, 4, 16, 32), leaf(2, 4, 16, 32), leaf(2, 4, 16, 32))
    yield OpCall("scaled_dot_product_attention", F.scaled_dot_product_attention, (attended, {}))
