"""Every private name of torch that this package uses, each looked up once, here.

A release may drop any of them. What is missing has a stand-in: an older or a public way that gives
the same (`lost` is empty), or one that does nothing, and what is lost by that is named in the trace
under what was not checked. A missing name never ends a run.

Names are bound when this module is imported: before anything of torch is replaced, and so that a
use costs no more than one of the name itself.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

import torch

from reproaudit.record.hooks.lookup import (
    Names,
    Need,
    NoLoader,
    NoMode,
    Place,
    do_nothing,
    resolve,
)

NAMES = Names()
_find, _find_place = NAMES.find, NAMES.find_place


# -- dispatch, autograd and tracing, in digests and at the operation level

DispatchMode: Any = _find(
    "torch.utils._python_dispatch.TorchDispatchMode",
    NoMode,
    lost="every operator",
    need=Need.OPERATIONS,
)
DisableDispatch: Any = _find(
    "torch._C._DisableTorchDispatch",
    NoMode,
    lost="what modes of the program compute for themselves, which also see what the recorder does",
)
DisableFunctionModes: Any = _find(
    "torch._C.DisableTorchFunction",
    NoMode,
    lost="what function modes of the program compute, which also see what the recorder does",
)
is_function_mode_on: Callable[[], bool] = _find(
    "torch._C._is_torch_function_mode_enabled",
    lambda: True,  # the slow way to a digest is taken, which such a mode does not see
)
peek_transforms: Callable[[], Any] = _find(
    "torch._C._functorch.peek_interpreter_stack",
    do_nothing,
    lost="tensors within transforms of torch.func",
)
clear_transforms: Any = _find(
    "torch._functorch.pyfunctorch.temporarily_clear_interpreter_stack",
    contextlib.nullcontext,
    lost="tensors within a transform of torch.func, which sees what the recorder does",
)
tracing_state: Callable[[], Any] = _find(
    "torch._C._get_tracing_state",
    do_nothing,
    lost="programs under torch.jit.trace, which may trace what the recorder does",
)
set_tracing_state: Callable[[Any], None] = _find(
    "torch._C._set_tracing_state",
    do_nothing,
    lost="programs inside torch.jit.trace, which may trace what the recorder does",
)
is_profiling: Callable[[], bool] = _find("torch._C._autograd._profiler_enabled", bool)
set_profiled: Callable[[bool], None] = _find(
    "torch._C._autograd._enable_record_function",
    do_nothing,
    lost="programs that profile themselves, whose profile shows what the recorder does",
)
SCRIPT_CALLS = [
    _find_place(f"torch._C.{kind}.__call__", do_nothing, lost="whole functions of TorchScript")
    for kind in ("ScriptFunction", "ScriptMethod")
]
set_grad_enabled: Callable[[bool], Any] = _find(
    "torch._C._set_grad_enabled", torch.set_grad_enabled
)
current_autograd_node: Callable[[], Any] = _find(
    "torch._C._current_autograd_node",
    do_nothing,
    lost="which operators belong to the backward pass, and their lines",
    need=Need.OPERATIONS,
)
next_sequence_number: Callable[[], int] = _find(
    "torch._C._autograd._get_sequence_nr",
    lambda: 0,
    lost="lines and modules of operators of the backward pass",
    need=Need.OPERATIONS,
)


def _no_number(node: Any) -> int:
    return -1  # no forward operator has it


sequence_number_of: Callable[[Any], int] = _no_number
if _find(
    "torch._C._functions.AccumulateGrad._sequence_nr",
    None,
    lost="the lines of operators of the backward pass",
    need=Need.OPERATIONS,
):
    sequence_number_of = operator.methodcaller("_sequence_nr")

# -- operators and tensors

OpOverload: type = _find(
    "torch._ops.OpOverload", type(torch.ops.aten.add.Tensor), need=Need.OPERATIONS
)
_find(
    "torch.ops.aten.add.Tensor._schema",
    None,
    lost="which operators draw, overwrite or allocate: all are taken as plain ones",
    need=Need.OPERATIONS,
)


def schema_of(op: Any) -> Any:
    """Return the schema of an operator; None for those without one, as of higher order."""
    return getattr(op, "_schema", None)


def kernel_of(op: Any) -> Any:
    """Return what an operator calls in C++; the operator itself where that is not known."""
    return getattr(op, "_op", op) if type(op) is OpOverload else op


storage_key: Callable[[Any], int] = operator.methodcaller("data_ptr")
if _find(
    "torch.UntypedStorage._cdata",
    None,
    lost="reads of undefined memory, where an address is used again for another tensor",
    need=Need.OPERATIONS,
):
    # Unlike its address it also tells apart storages without memory.
    storage_key = operator.attrgetter("_cdata")

mkldnn_layout: Any = _find("torch._mkldnn", object(), lost="tensors in the layout of oneDNN")
writes: Any = _find("torch.Tensor._version", property(lambda tensor: 0), lost="steps of a part")
generator_key: Any = _find("torch.Generator._cdata", property(id), lost="turns of threads").__get__
sparse_indices: Callable[[Any], Any] = _find("torch.Tensor._indices", torch.Tensor.indices)
sparse_values: Callable[[Any], Any] = _find("torch.Tensor._values", torch.Tensor.values)
view_conj: Callable[[Any], Any] = _find("torch._conj", torch.conj, need=Need.SURVEY)
view_neg: Callable[[Any], Any] = _find("torch._neg_view", torch.neg, need=Need.SURVEY)


def jagged_parts(tensor: torch.Tensor) -> list[str]:
    """Return the attributes that hold the content of a nested tensor with a ragged dimension.

    The cached lengths of its sequences, among its inner tensors, come and go: they are none.
    """
    lengths = [] if getattr(tensor, "_lengths", None) is None else ["_lengths"]
    return ["_values", "_offsets", *lengths]


def ragged_dimension(tensor: torch.Tensor) -> int:
    return getattr(tensor, "_ragged_idx", 1)


# -- flags, as torch itself sets them: the program's and our own wrappers of the public ones are not
# to take part

set_num_threads: Callable[[int], None] = _find("torch._C.set_num_threads", torch.set_num_threads)
get_num_threads: Callable[[], int] = _find("torch._C.get_num_threads", torch.get_num_threads)
set_default_dtype: Callable[[torch.dtype], None] = _find(
    "torch._C._set_default_dtype", torch.set_default_dtype
)
set_matmul_precision: Callable[[str], None] = _find(
    "torch._C._set_float32_matmul_precision", torch.set_float32_matmul_precision
)
get_precision: Callable[[str, str], str] = _find(
    "torch._C._get_fp32_precision_getter",
    lambda backend, op: "unknown",
    lost="whether the program allows less than float32, as TF32",
)
_public_fill: Any = torch.utils.deterministic


def _set_fill_publicly(fills: bool) -> None:
    _public_fill.fill_uninitialized_memory = fills


# Bound before it is wrapped. It also switches Inductor's deterministic mode.
set_deterministic_publicly = torch.use_deterministic_algorithms
set_deterministic: Callable[..., None] = _find(
    "torch._C._set_deterministic_algorithms", set_deterministic_publicly
)
is_deterministic: Callable[[], bool] = _find(
    "torch._C._get_deterministic_algorithms", torch.are_deterministic_algorithms_enabled
)
deterministic_only_warns: Callable[[], bool] = _find(
    "torch._C._get_deterministic_algorithms_warn_only",
    torch.is_deterministic_algorithms_warn_only_enabled,
)
set_fill: Callable[[bool], None] = _find(
    "torch._C._set_deterministic_fill_uninitialized_memory", _set_fill_publicly
)
fills_memory: Callable[[], bool] = _find(
    "torch._C._get_deterministic_fill_uninitialized_memory",
    lambda: _public_fill.fill_uninitialized_memory,
)

# -- setters that are replaced: to tell which line of the program calls them, or to hold a repair
# against it

SET_CUBLAS_TF32 = _find_place(
    "torch._C._set_cublas_allow_tf32",
    do_nothing,
    lost="the line that sets torch.backends.cuda.matmul.allow_tf32",
)
SET_PRECISION = _find_place(
    "torch._C._set_fp32_precision_setter",
    do_nothing,
    lost="the line that sets fp32_precision of a backend",
)
SET_CUDNN_TF32 = _find_place(
    "torch._C._set_cudnn_allow_tf32",
    do_nothing,
    lost="what the program allows cuDNN instead of float32",
    need=Need.REPAIRS,
)
set_precision: Callable[[str, str, str], Any] = SET_PRECISION.value
set_cudnn_tf32: Callable[[bool], None] = SET_CUDNN_TF32.value
SET_CUDNN_FLAGS = {
    name: _find_place(
        f"torch._C._set_cudnn_{name}",
        do_nothing,
        lost=f"whether the program sets torch.backends.cudnn.{name} after the repair",
        need=Need.REPAIRS,
    )
    for name in ("benchmark", "deterministic")
}
# By kernel of scaled_dot_product_attention: how to allow it, and to ask whether it is. Which ones
# there are differs from one version of torch to the next: one that is not there needs no holding.
ATTENTION_KERNELS: dict[str, tuple[Place, Callable[[], bool]]] = {
    name: (
        Place(torch._C, f"_set_sdp_use_{name}"),
        getattr(torch._C, f"_get_{name}_sdp_enabled"),
    )
    for name in ("math", "flash", "mem_efficient", "cudnn", "overrideable", "fa3")
    if hasattr(torch._C, f"_set_sdp_use_{name}") and hasattr(torch._C, f"_get_{name}_sdp_enabled")
}

# -- modules and DataLoaders

HAS_GLOBAL_HOOKS = _find_place(
    "torch.nn.modules.module._has_any_global_hook",
    lambda: False,
    lost="a warning of torch.compile, which tells of hooks of the recorder as of the program's own",
)
_HOOK_TABLES: list[Any] = [
    _find(
        f"torch.nn.modules.module._global_{kind}",
        (),
        lost="whether the program has global hooks of its own, of which torch.compile warns",
    )
    for kind in (
        "backward_pre_hooks",
        "backward_hooks",
        "forward_pre_hooks",
        "forward_hooks",
        "forward_hooks_always_called",
        "forward_hooks_with_kwargs",
    )
]
LoaderIterator: Any = _find(
    "torch.utils.data.dataloader._BaseDataLoaderIter",
    NoLoader,
    lost="batches, as DataLoaders give them",
)
WorkersIterator: Any = _find(
    "torch.utils.data.dataloader._MultiProcessingDataLoaderIter",
    NoLoader,
    lost="random streams in later epochs of workers that persist",
)
DatasetFetcher: Any = _find(
    "torch.utils.data._utils.fetch._BaseDatasetFetcher",
    NoLoader,
    lost="random streams of DataLoader workers",
)
MapFetcher: Any = _find(
    "torch.utils.data._utils.fetch._MapDatasetFetcher",
    NoLoader,
    lost="what DataLoader workers draw from random streams",
)
IterableFetcher: Any = _find(
    "torch.utils.data._utils.fetch._IterableDatasetFetcher",
    NoLoader,
    lost="what workers of an IterableDataset draw from random streams",
)
WORKER_LOOP = _find_place(
    "torch.utils.data._utils.worker._worker_loop",
    lambda init_fn=None, base_seed=0, worker_id=0: None,
    lost="the repair of seeds in DataLoader workers",
    need=Need.REPAIRS,
)


def count_module_hooks() -> int:
    """Return how many global hooks on modules there are, the recorder's own included."""
    return sum(len(table) for table in _HOOK_TABLES)


# -- CUDA

cuda_device: Callable[[], int] = _find(
    "torch._C._cuda_getDevice", torch.cuda.current_device, need=Need.CUDA
)

cuda_stream_handle: Callable[[int], int] = _find(
    "torch._C._cuda_getCurrentRawStream",
    lambda device: torch.cuda.current_stream(device).cuda_stream,
    need=Need.CUDA,
)
# The methods of torch.cuda._sanitizer's handler, by registry of torch.cuda._gpu_trace; and whether
# the call says that the host has waited.
SANITIZER_CALLBACKS = {
    "EventCreationCallbacks": ("_handle_event_creation", False),
    "EventDeletionCallbacks": ("_handle_event_deletion", False),
    "EventRecordCallbacks": ("_handle_event_record", False),
    "EventWaitCallbacks": ("_handle_event_wait", False),
    "MemoryAllocationCallbacks": ("_handle_memory_allocation", False),
    "MemoryDeallocationCallbacks": ("_handle_memory_deallocation", False),
    "StreamCreationCallbacks": ("_handle_stream_creation", False),
    "DeviceSynchronizationCallbacks": ("_handle_device_synchronization", True),
    "StreamSynchronizationCallbacks": ("_handle_stream_synchronization", True),
    "EventSynchronizationCallbacks": ("_handle_event_synchronization", True),
}
SANITIZER_LAUNCH = "_handle_kernel_launch"
MODULE_STATE = ("_parameters", "_buffers", "_non_persistent_buffers_set", "_modules")


def gpu_trace() -> ModuleType:
    """Import torch's trace of allocations, events and waits, which only programs on CUDA need.

    Raises ImportError if there is none. What is lost then is noted where it is used.
    """
    trace: ModuleType = resolve("torch.cuda._gpu_trace")
    return trace


def sanitizer_spec() -> ModuleSpec | None:
    """Return how to import torch's sanitizer of CUDA streams; None if there is none."""
    return find_spec("torch.cuda._sanitizer")


# -- torch.compile

_eval_frame: Any = _find(
    "torch._C._dynamo.eval_frame",
    None,
    lost="what Dynamo compiles of the recorder itself, after a graph break in a recorded region",
    need=Need.OPERATIONS,
)
SKIPS_CODE = all(
    hasattr(_eval_frame, name)
    for name in ("set_code_exec_strategy", "_FrameExecStrategy", "_FrameAction")
)


def skip_code(codes: Iterator[CodeType]) -> None:
    """Have Dynamo, which is not imported for it, run the functions as they are: `SKIPS_CODE`."""
    action = _eval_frame._FrameAction
    strategy = _eval_frame._FrameExecStrategy(action.SKIP, action.DEFAULT)
    for code in codes:
        _eval_frame.set_code_exec_strategy(code, strategy)


def count_compiled() -> int:
    """Return how many graphs torch.compile made in this process; of frames it counts not all."""
    counters: Any = getattr(sys.modules.get("torch._dynamo.utils"), "counters", None)
    return int(counters["stats"].get("unique_graphs", 0)) if counters else 0


def is_flat(parameter: Any) -> bool:
    """Return True for what FullyShardedDataParallel makes of parameters."""
    return bool(getattr(parameter, "_is_flat_param", False))


# -- PyTorch's own tests


def load_op_db() -> list[Any]:
    """Return torch's table of operators with samples. Raises ImportError where there is none."""
    return list(resolve("torch.testing._internal.common_methods_invocations.op_db"))
