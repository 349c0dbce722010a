"""Why operators of one family may differ on a GPU, and what repairs that: from the documentation,
as advice only.

A name proves nothing. A mechanism explains a difference that was observed, and orders the
interventions that are then tried by running them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

_FLAG = "PyTorch docs: torch.use_deterministic_algorithms"
_NOTES = "PyTorch notes: Reproducibility"
_CUDNN = "NVIDIA cuDNN docs: Odds and Ends, Reproducibility (Determinism)"
_CUBLAS = "NVIDIA cuBLAS docs: Results reproducibility"


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What is unordered inside the kernels of a family of operators.

    `ops` are names without namespace, overload and a final underscore, with shell wildcards. `why`
    is one sentence without its full stop. `interventions`: the likeliest first.
    """

    id: str
    ops: tuple[str, ...]
    why: str
    interventions: tuple[str, ...]
    references: tuple[str, ...]


def _ops(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_DETERMINISTIC = ("kernels.deterministic",)

# The first that matches counts.
MECHANISMS: tuple[Mechanism, ...] = (
    Mechanism(
        "index-put",
        _ops("index_put _index_put_impl _unsafe_index_put"),
        "the last of several threads that write one element wins; on the CPU, they add to it in any order",
        _DETERMINISTIC,
        (_FLAG,),
    ),
    Mechanism(
        "atomic-add",
        _ops("index_add scatter_add scatter_reduce index_reduce put"),
        "threads add floating-point numbers into the same element by atomic operations, in whatever order they come",
        _DETERMINISTIC,
        (_FLAG,),
    ),
    Mechanism(
        "last-writer",
        _ops("scatter index_copy max_unpool2d max_unpool3d"),
        "where an index occurs twice, several threads write the same element, and the last one wins",
        _DETERMINISTIC,
        (_FLAG,),
    ),
    Mechanism(
        "interpolation-backward",
        _ops("upsample_*_backward _upsample_*_backward"),
        "each input element collects the gradients of several output elements by atomic additions, in any order",
        _DETERMINISTIC,
        (f"{_FLAG}: torch.nn.functional.interpolate",),
    ),
    Mechanism(
        "grid-sample-backward",
        _ops("grid_sampler_*_backward cudnn_grid_sampler_backward"),
        "samples that fall between the same pixels add their gradients to these by atomic operations, in any order",
        _DETERMINISTIC,
        (f"{_FLAG}: torch.nn.functional.grid_sample", _CUDNN),
    ),
    Mechanism(
        "pooling-backward",
        _ops(
            "avg_pool3d_backward *adaptive_*_pool?d_backward fractional_max_pool?d_backward "
            "max_pool3d_with_indices_backward"
        ),
        "windows that overlap add their gradients to the same input element by atomic operations, in any order",
        _DETERMINISTIC,
        (_FLAG, _CUDNN),
    ),
    Mechanism(
        "padding-backward",
        _ops("reflection_pad?d_backward replication_pad?d_backward"),
        "padded elements add their gradients to the element that they repeat by atomic operations, in any order",
        _DETERMINISTIC,
        (_FLAG,),
    ),
    Mechanism(
        "ctc",
        _ops("_ctc_loss_backward _cudnn_ctc_loss"),
        "alignments that end in the same label add to its gradient by atomic operations, in any order",
        ("kernels.deterministic", "cudnn.deterministic"),
        (f"{_FLAG}: torch.nn.CTCLoss", _CUDNN),
    ),
    Mechanism(
        "embedding-bag-backward",
        _ops("_embedding_bag*_backward"),
        "bags that hold the same row add to its gradient by atomic operations, in any order",
        _DETERMINISTIC,
        (f"{_FLAG}: torch.nn.EmbeddingBag",),
    ),
    Mechanism(
        "histogram",
        _ops("histc bincount"),
        "values of one bin, or their weights, are added up by atomic operations, in any order",
        _DETERMINISTIC,
        (_FLAG,),
    ),
    Mechanism(
        "scan",
        _ops("cumsum"),
        "blocks of the scan add up what the blocks before them have finished so far, and how far that is varies",
        _DETERMINISTIC,
        (f"{_FLAG}: torch.cumsum", "NVIDIA CCCL docs: Determinism"),
    ),
    Mechanism(
        "loss-sum",
        _ops("nll_loss2d_forward nll_loss2d_backward"),
        "blocks add their share of the loss to one number by atomic operations, in any order",
        _DETERMINISTIC,
        (f"{_FLAG}: torch.nn.NLLLoss",),
    ),
    Mechanism(
        "ties",
        _ops("median nanmedian"),
        "of several equal values, any one's index may be reported",
        _DETERMINISTIC,
        (f"{_FLAG}: torch.median",),
    ),
    Mechanism(
        "attention-backward",
        _ops("_scaled_dot_product_*_attention*_backward _*attention_backward"),
        "blocks over the keys add to the gradient of the same query by atomic operations, in any order",
        # The flag that only warns leaves the memory-efficient kernel as it is (PyTorch pull request
        # #101847).
        ("sdpa.math", "kernels.deterministic"),
        (
            "PyTorch docs: torch.nn.functional.scaled_dot_product_attention",
            "PyTorch pull request #182551",
            "flash-attention issue #988",
        ),
    ),
    Mechanism(
        "rnn",
        _ops("_cudnn_rnn _cudnn_rnn_backward"),
        "cuDNN runs the matrix products of a layer on several streams, where cuBLAS may choose other workspaces",
        ("cublas.workspace", "streams.serial", "cudnn.deterministic"),
        ("PyTorch docs: torch.nn.LSTM", _CUBLAS),
    ),
    Mechanism(
        "convolution",
        _ops("convolution _convolution convolution_* cudnn_convolution*"),
        "cuDNN chooses among algorithms, by timing them if benchmark is on, and some of them add by atomic operations",
        ("cudnn.benchmark_off", "cudnn.deterministic", "kernels.deterministic"),
        (f"{_NOTES}, CUDA convolution benchmarking", _CUDNN),
    ),
    Mechanism(
        "matrix-product",
        _ops(
            "mm bmm addmm baddbmm addbmm addmv mv dot vdot linear matmul _addmm_activation _scaled_mm *_grouped_mm"
        ),
        "where several streams are active, cuBLAS may choose another workspace, and with it another order of summation",
        ("cublas.workspace", "streams.serial", "kernels.deterministic"),
        (_CUBLAS, _NOTES),
    ),
)


def mechanism_of(op: str | None) -> Mechanism | None:
    """Return what may make the operator differ on a GPU, by its name as traces and reports show it;
    None if unknown."""
    if op is None:
        return None
    base = op.partition("::")[2].partition(".")[0] or op
    base = base.removesuffix("_")
    return next(
        (entry for entry in MECHANISMS if any(fnmatchcase(base, name) for name in entry.ops)), None
    )
