"""Dependences of what is computed by another kernel, or in another order."""

from __future__ import annotations

from reproaudit.knowledge.expectation import ACCURACY, BORN, OUTSIDE, REDUCED, SLICES, Expectation
from reproaudit.knowledge.op_families import (
    is_batch_norm,
    is_draw,
    is_function_of_elements,
    is_function_of_one_element,
    is_index_put,
    is_rounded_by_kernel,
    is_sum,
    is_sum_within_rows,
)
from reproaudit.model.question import Dependence

_REPRODUCIBILITY = "PyTorch notes: Reproducibility"
_TF32 = "PyTorch notes: CUDA semantics, TensorFloat-32 (TF32)"
_MKL = "oneMKL developer guide: Reproducibility Conditions"
_ISA = "oneDNN developer guide: CPU Dispatcher Control"
_COMPILE = "PyTorch docs: torch.compile"
_LAST = "PyTorch tutorial: Channels Last Memory Format"
_OPTIMIZERS = "PyTorch docs: torch.optim, foreach and fused implementations"
_DDP = "PyTorch docs: DistributedDataParallel, bucket_cap_mb"
_CPU = ("cpu", "cpu.aten", "cpu.onednn", "cpu.mkl", "cpu.openblas")
_OF_ROWS = ("batch", "batch_split", "place", "padding")


def _rounds_alike(op: str) -> bool:
    return not is_rounded_by_kernel(op) and not is_index_put(op)


ROUNDING = (
    Expectation(
        variations=("threads",),
        origins=BORN,
        ops=is_sum,
        gradients=is_index_put,
        dependence=Dependence.EXPECTED,
        why="each thread adds up its own part, and with another number of threads the parts are "
        "other ones: the order of the sum changes, and with it the last bits",
        reference=_MKL,
    ),
    Expectation(
        variations=("threads",),
        origins=BORN,
        ops=is_function_of_elements,
        dependence=Dependence.EXPECTED,
        why="each thread's part is computed by vectors and what is left of it one by one: with "
        "another number of threads other elements are left, and the two round differently",
        reference=ACCURACY,
    ),
    Expectation(
        variations=("threads",),
        origins=OUTSIDE,
        dependence=Dependence.UNEXPLAINED,
        why="numbers that were computed outside PyTorch depend on it: a BLAS shares a product out "
        "among its threads, and whether that is what happens here was not seen",
        reference=_MKL,
    ),
    Expectation(
        variations=_CPU,
        origins=BORN,
        ops=is_draw,
        dependence=Dependence.EXPECTED,
        why="the kernel for other vectors makes other numbers of the same random bits, or uses "
        "them in another order",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=_CPU,
        origins=BORN,
        ops=is_rounded_by_kernel,
        gradients=is_index_put,
        dependence=Dependence.EXPECTED,
        why="a kernel for other vectors adds up in another order and rounds functions differently",
        reference=_ISA,
    ),
    Expectation(
        variations=_CPU,
        origins=OUTSIDE,
        dependence=Dependence.UNEXPLAINED,
        why="numbers that were computed outside PyTorch depend on it: OpenBLAS and NumPy choose "
        "their kernels by the processor, and whether that is what happens here was not seen",
    ),
    Expectation(
        variations=("mkldnn", "memory_format"),
        origins=BORN,
        ops=_rounds_alike,
        dependence=Dependence.UNEXPLAINED,
        why="another kernel may compute it, but it is none of those that are known to add up or to "
        "round in an order or a way of their own",
    ),
    Expectation(
        variations=("mkldnn",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="without oneDNN another kernel computes it, which adds up in another order",
        reference=ACCURACY,
    ),
    Expectation(
        variations=("memory_format",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="for images in another order of dimensions another kernel is taken, which adds up in "
        "another order",
        reference=_LAST,
    ),
    Expectation(
        variations=("tf32",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="TF32 reads 10 bits of the mantissa instead of 23",
        reference=_TF32,
    ),
    Expectation(
        variations=("device",),
        origins=("random",),
        dependence=Dependence.EXPECTED,
        why="the generators of both devices give other numbers for one seed: draw on the CPU, and "
        "move what was drawn",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=("device",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="other kernels compute it, and another generator draws: results of CPU and GPU are not "
        "promised to be equal",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=("compile",),
        origins=("random",),
        dependence=Dependence.EXPECTED,
        why="compiled code draws random numbers by a generator of its own, which it seeds by a "
        "draw from the program's",
        reference="PyTorch docs: torch.compile, torch._inductor.config.fallback_random",
    ),
    Expectation(
        variations=("compile",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="compiled kernels are fused: they round where eager ones do not, add up in another "
        "order, and draw random numbers by another generator",
        reference=_COMPILE,
    ),
    Expectation(
        variations=("foreach", "fused"),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="the other implementation of the optimizer computes the same update in another order",
        reference=_OPTIMIZERS,
    ),
    Expectation(
        variations=("bucket_size",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="gradients are reduced together with other ones, and three ranks or more are then "
        "added up in another order",
        reference=_DDP,
    ),
    Expectation(
        variations=("world_size",),
        dependence=Dependence.EXPECTED,
        why="with another number of ranks each has another share of the data, and their gradients "
        "are added up in another order",
        reference="PyTorch docs: DistributedSampler",
    ),
    Expectation(
        variations=("torch",),
        origins=REDUCED,
        dependence=Dependence.EXPECTED,
        why="results are not promised to be equal across releases of PyTorch",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=("batch_split",),
        origins=REDUCED,
        ops=is_batch_norm,
        dependence=Dependence.BUG,
        why="a batch norm in training mode computes its mean over the rows of each part: parts "
        "whose gradients add up do not train as the whole batch does",
        reference="PyTorch docs: torch.nn.BatchNorm1d",
    ),
    Expectation(
        variations=_OF_ROWS,
        origins=REDUCED,
        ops=is_batch_norm,
        dependence=Dependence.UNEXPLAINED,
        why="in training mode a batch norm computes its mean over all rows of the batch, and one "
        "row's answer depends on the others; in eval mode it only rounds otherwise",
        reference="PyTorch docs: torch.nn.BatchNorm1d",
    ),
    Expectation(
        variations=_OF_ROWS,
        origins=REDUCED,
        ops=is_sum_within_rows,
        gradients=is_index_put,
        dependence=Dependence.EXPECTED,
        why="for another number of rows another kernel is taken, or the same one shares the work "
        "out otherwise: the order of the sum changes, and with it the last bits",
        reference=SLICES,
    ),
    Expectation(
        variations=_OF_ROWS,
        origins=BORN,
        ops=is_function_of_one_element,
        dependence=Dependence.EXPECTED,
        why="elements are computed by vectors and what is left of them one by one: with another "
        "number of rows other elements are left, and the two round differently",
        reference=SLICES,
    ),
)
