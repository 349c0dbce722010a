"""Small programs with the tensors and the machinery of torch that a recorder meets least often."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.utils import parametrizations
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

ODDITIES: dict[str, Callable[[], Any]] = {}

# PyTorch raises in these under any dispatch mode: under the recorder too, and nothing can be done
# about it there.
REFUSED: dict[str, Callable[[], Any]] = {
    "a subclass made by its own constructor": lambda: Tagged(torch.ones(3)),
}
# Refused under any mode for a number in the place of a tensor: the recorder gives it a tensor.
REFUSED_NUMBERS: dict[str, Callable[[], Any]] = {
    "a zero tensor and a number": lambda: torch._efficientzerotensor((3,)) + 1,
}


def oddity(program: Callable[[], Any]) -> Callable[[], Any]:
    ODDITIES[program.__name__] = program
    return program


# -- layouts and dtypes


@oddity
def sparse_coo() -> Any:
    indices = torch.tensor([[0, 1, 1], [2, 0, 0]])
    values = torch.tensor([3.0, 4.0, 5.0], requires_grad=True)
    matrix = torch.sparse_coo_tensor(indices, values, (2, 3), check_invariants=True)
    product = torch.sparse.mm(matrix, torch.randn(3, 2))
    product.sum().backward()
    return matrix.detach(), matrix.detach().coalesce() * 2, product, values.grad


@oddity
def sparse_gradient() -> Any:
    table = torch.nn.Embedding(10, 3, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters())
    table(torch.tensor([1, 1, 7])).square().sum().backward()
    optimizer.step()
    return table.weight, table.weight.grad


@oddity
def sparse_compressed() -> Any:
    dense = torch.relu(torch.randn(4, 6))
    found = [
        dense.to_sparse_csr(),
        dense.to_sparse_csc(),
        dense.to_sparse_bsr((2, 2)),
        dense.to_sparse_bsc((2, 3)),
    ]
    return found, found[0] @ torch.randn(6, 2), [matrix.to_dense() for matrix in found]


@oddity
def quantized_per_tensor() -> Any:
    number = torch.quantize_per_tensor(torch.randn(3, 4), 0.1, 5, torch.quint8)
    return number, number.t(), number.dequantize() + 1, number.int_repr()


@oddity
def quantized_per_channel() -> Any:
    scales, zeros = torch.tensor([0.1, 0.2]), torch.tensor([0, 3])
    number = torch.quantize_per_channel(torch.randn(2, 3), scales, zeros, 0, torch.qint8)
    return number, number.clone(), number.dequantize()


@oddity
def nested_strided() -> Any:
    parts = [torch.randn(2, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)]
    nested = torch.nested.as_nested_tensor(parts, layout=torch.strided)
    result = F.linear(nested, torch.ones(5, 3)).relu()
    result.to_padded_tensor(0.0).sum().backward()
    return result, [part.grad for part in parts]


@oddity
def nested_jagged() -> Any:
    parts = [torch.randn(2, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)]
    nested = torch.nested.as_nested_tensor(parts, layout=torch.jagged)
    result = F.layer_norm(F.linear(nested, torch.ones(5, 3)), (5,)) * 2
    result.values().square().sum().backward()
    return result, [part.grad for part in parts]


@oddity
def conjugate_and_negative_views() -> Any:
    number = torch.randn(3, 3, dtype=torch.complex64, requires_grad=True)
    view = number.conj()
    product = view @ view.t() + view.imag.sum()
    product.abs().sum().backward()
    return view, view.imag, view.imag.neg(), product, number.grad


@oddity
def zero_strides_and_overlaps() -> Any:
    row = torch.randn(1, 5, requires_grad=True)
    wide = row.expand(1000, 5)
    windows = torch.arange(6.0).as_strided((4, 3), (1, 1))
    (wide * 2).sum().backward()
    return wide, windows, windows @ torch.ones(3), row.grad


@oddity
def zero_sizes() -> Any:
    nothing = torch.empty(0, 4, requires_grad=True)
    result = nothing @ torch.ones(4, 2)
    result.sum().backward()
    return result, nothing.grad, torch.cat([nothing, torch.ones(1, 4)]), torch.zeros(3, 0).sum(1)


@oddity
def small_and_rare_dtypes() -> Any:
    wide = torch.randn(2, 16)
    rare = [
        wide.to(dtype)
        for dtype in (torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.uint16)
    ]
    return (
        rare,
        [number.t() for number in rare],
        wide.to(torch.complex32).t(),
        wide.to(torch.float8_e5m2).float(),
    )


@oddity
def not_a_number_and_negative_zero() -> Any:
    odd = torch.tensor([0x7FC00001, 0x7F800001 + 0x400000, -0x80000000], dtype=torch.int32).view(
        torch.float32
    )
    return odd, -odd, odd.clone(), odd.expand(2, 3).contiguous()


@oddity
def forward_and_zero_tangent() -> Any:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.randn(3), torch.ones(3))
        result = torch.autograd.forward_ad.unpack_dual(dual.sin() * 2)
        return result.primal, result.tangent, torch._efficientzerotensor((3,)) * 2


# -- tensors without memory, tensors of other classes


@oddity
def meta() -> Any:
    with torch.device("meta"):
        model = torch.nn.Linear(3, 4)
        result = model(torch.ones(2, 3))
    result.sum().backward()
    return result, model.weight.grad, model.to_empty(device="cpu").bias.shape


@oddity
def fake() -> Any:
    with FakeTensorMode():
        first = torch.randn(3, 4, requires_grad=True)
        result = first @ torch.randn(4, 2)
        result.sum().backward()
        return result, first.grad, result.detach() * 2


@oddity
def function_subclass() -> Any:
    result = torch.randn(3, 3).as_subclass(Tagged) @ torch.ones(3, 2)
    return result, result.t(), Tagged.calls > 0


class Tagged(torch.Tensor):
    """A subclass that acts on functions, not on operators."""

    calls = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Tagged.calls += 1
        return super().__torch_function__(func, types, args, kwargs or {})


@oddity
def wrapper_subclass() -> Any:
    pair = TwoTensor(torch.randn(3, 3), torch.randn(3, 3)).requires_grad_()
    result = (pair @ pair).relu() + 1
    result.sum().backward()
    return result, pair.grad, result.detach().clone()


@oddity
def deep_copies() -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    twin = copy.deepcopy(model)
    return twin(torch.randn(4, 3)), model.state_dict()


# -- transforms, compilers, other modes


@oddity
def vmap() -> Any:
    return torch.vmap(lambda row: row.sin() @ torch.ones(4))(torch.randn(3, 4)), torch.vmap(
        lambda row: row + torch.randn(4), randomness="different"
    )(torch.zeros(3, 4))


@oddity
def func_grad_and_jvp() -> Any:
    def function(value: torch.Tensor) -> torch.Tensor:
        return (value.sin() * value).sum()

    point = torch.randn(4)
    gradients = torch.func.grad(function)(point), torch.func.hessian(function)(point)
    both = torch.func.vmap(torch.func.grad(function))(torch.randn(3, 4))
    return (
        gradients,
        both,
        torch.func.jvp(function, (point,), (torch.ones(4),)),
        torch.func.vjp(function, point)[0],
    )


@oddity
def functional_call() -> Any:
    model = torch.nn.Linear(3, 1)
    weights = {name: weight.detach() for name, weight in model.named_parameters()}

    def loss(weights: Any, row: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, weights, (row,)).square().sum()

    return torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, torch.randn(5, 3))


@oddity
def compiled_by_the_eager_backend() -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 1))
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager")
    result = compiled(torch.randn(5, 3))
    result.sum().backward()
    torch._dynamo.reset()
    return result, [weight.grad for weight in model.parameters()]


@oddity
def traced() -> Any:
    graph = make_fx(lambda value: value.sin() + torch.rand_like(value))(torch.randn(3))
    return graph.code, graph(torch.randn(3))


@oddity
def another_dispatch_mode() -> Any:
    with FlopCounterMode(display=False) as counter:
        result = torch.randn(3, 4) @ torch.randn(4, 5)
    return result, counter.get_total_flops()


@oddity
def higher_order_op() -> Any:
    value = torch.randn(3)
    return torch.ops.higher_order.cond(value.sum() > 0, torch.sin, torch.cos, (value,)), value.exp()


@oddity
def flexible_attention() -> Any:
    query, key, value = (torch.randn(1, 2, 16, 8) for _ in range(3))
    return flex_attention(
        query, key, value, score_mod=lambda score, *place: score + place[2] - place[3]
    )


@oddity
def custom_op() -> Any:
    value = torch.randn(3, requires_grad=True)
    result = torch.ops.reproaudit_tests.doubled(value)
    return result, value.detach()


@torch.library.custom_op("reproaudit_tests::doubled", mutates_args=())
def _doubled(value: torch.Tensor) -> torch.Tensor:
    return torch.nn.Identity()(value) * 2


# -- autograd


@oddity
def custom_function() -> Any:
    value = torch.randn(4, requires_grad=True)
    result = Clipped.apply(value)
    result.sum().backward()
    return result, value.grad


class Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(value)
        return value.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (value,) = ctx.saved_tensors
        return gradients[0] * (value > 0) * 3


def _checkpointed(use_reentrant: bool) -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5), torch.nn.Tanh())
    value = torch.randn(3, 4, requires_grad=True)
    result = checkpoint(model, value, use_reentrant=use_reentrant)
    result.sum().backward()
    return result, value.grad, [weight.grad for weight in model.parameters()]


@oddity
def checkpoint_reentrant() -> Any:
    return _checkpointed(True)


@oddity
def checkpoint_not_reentrant() -> Any:
    return _checkpointed(False)


@oddity
def saved_tensor_hooks() -> Any:
    value = torch.randn(4, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda saved: saved * 1, lambda packed: packed + 0
    ):
        result = value.exp() * value
    value.register_hook(lambda gradient: gradient * 2)
    result.sum().backward()
    return result, value.grad


@oddity
def second_derivative() -> Any:
    value = torch.randn(4, requires_grad=True)
    (first,) = torch.autograd.grad(value.pow(3).sum(), value, create_graph=True)
    first.square().sum().backward()
    return first, value.grad


@oddity
def retained_and_accumulated() -> Any:
    value = torch.randn(4, requires_grad=True)
    result = value.sigmoid()
    for _ in range(3):
        result.sum().backward(retain_graph=True)
    return result, value.grad


@oddity
def autocast() -> Any:
    model = torch.nn.Linear(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = model(torch.randn(2, 8))
        loss = F.mse_loss(result, torch.zeros(2, 8))
    loss.backward()
    return result, loss, [weight.grad for weight in model.parameters()]


@oddity
def inference_mode() -> Any:
    with torch.inference_mode():
        value = torch.randn(3, 3)
        value.add_(1)
        return value, value.t() @ value, value[0]


@oddity
def parametrized() -> Any:
    model = parametrizations.weight_norm(torch.nn.Linear(3, 3))
    other = parametrizations.spectral_norm(torch.nn.Linear(3, 3))
    result = other(model(torch.randn(2, 3)))
    result.sum().backward()
    return result, [weight.grad for weight in (*model.parameters(), *other.parameters())]


@oddity
def recurrent() -> Any:
    model = torch.nn.LSTM(3, 4, num_layers=2, dropout=0.5, batch_first=True)
    result, state = model(torch.randn(2, 5, 3))
    result.sum().backward()
    return result, state, [weight.grad for weight in model.parameters()]


@oddity
def in_place_on_views() -> Any:
    value = torch.zeros(3, 4)
    value[1] = 5.0
    value[:, ::2].mul_(3).add_(torch.randn(3, 2))
    value.t().index_put_(
        (torch.tensor([0, 0]), torch.tensor([1, 1])), torch.tensor([1.0, 2.0]), accumulate=True
    )
    return value, value.resize_(4, 3)


@oddity
def freed_storage() -> Any:
    value = torch.randn(8)
    view = value.sin()
    value.untyped_storage().resize_(0)
    value.untyped_storage().resize_(32)
    return view, value.zero_()


@oddity
def raises_inside() -> Any:
    value = torch.randn(3, requires_grad=True)
    result = value.exp()
    with torch.no_grad():
        result.zero_()
    result.sum().backward()
