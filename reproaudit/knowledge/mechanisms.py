"""Why operators of one family may differ on a GPU, and what repairs that.

From the documentation, as advice only.

A name proves nothing. A mechanism explains a difference that was observed, and orders the
interventions that are then tried by running them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from reproaudit.knowledge.interventions import list_acting_on
from reproaudit.knowledge.traits import Part

_FLAG = "PyTorch docs: torch.use_deterministic_algorithms"
_NOTES = "PyTorch notes: Reproducibility"
_CUDNN = "NVIDIA cuDNN docs: Odds and Ends, Reproducibility (Determinism)"
_CUBLAS = "NVIDIA cuBLAS docs: Results reproducibility"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """What is unordered inside the kernels of a family of operators.

    `ops` are names without namespace, overload and a final underscore, with shell wildcards. `why`
    is one sentence without its full stop. `parts` are what to act on, the likeliest first;
    `part_if_replayed` comes before them if the op also differs when it is repeated.
    """

    id: str
    ops: tuple[str, ...]
    why: str
    parts: tuple[Part, ...]
    references: tuple[str, ...]
    part_if_replayed: Part | None = None

    @property
    def interventions(self) -> tuple[str, ...]:
        """The ids of the interventions that act on the parts, the likeliest first."""
        return list_acting_on(self.parts)


def _ops(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# The first that matches counts.
MECHANISMS: tuple[Mechanism, ...] = (
    Mechanism(
        id="index-put",
        ops=_ops("index_put _index_put_impl _unsafe_index_put"),
        why=(
            "the last of several threads that write one element wins; on the CPU, they add to it "
            "in any order"
        ),
        parts=(Part.KERNELS,),
        references=(_FLAG,),
    ),
    Mechanism(
        id="atomic-add",
        ops=_ops("index_add scatter_add scatter_reduce index_reduce put"),
        why=(
            "threads add floating-point numbers into the same element by atomic operations, in "
            "whatever order they come"
        ),
        parts=(Part.KERNELS,),
        references=(_FLAG,),
    ),
    Mechanism(
        id="last-writer",
        ops=_ops("scatter index_copy max_unpool2d max_unpool3d"),
        why=(
            "where an index occurs twice, several threads write the same element, and the last "
            "one wins"
        ),
        parts=(Part.KERNELS,),
        references=(_FLAG,),
    ),
    Mechanism(
        id="interpolation-backward",
        ops=_ops("upsample_*_backward _upsample_*_backward"),
        why=(
            "each input element collects the gradients of several output elements by atomic "
            "additions, in any order"
        ),
        parts=(Part.KERNELS,),
        references=(f"{_FLAG}: torch.nn.functional.interpolate",),
    ),
    Mechanism(
        id="grid-sample-backward",
        ops=_ops("grid_sampler_*_backward cudnn_grid_sampler_backward"),
        why=(
            "samples that fall between the same pixels add their gradients to these by atomic "
            "operations, in any order"
        ),
        parts=(Part.KERNELS,),
        references=(f"{_FLAG}: torch.nn.functional.grid_sample", _CUDNN),
    ),
    Mechanism(
        id="pooling-backward",
        ops=_ops(
            "avg_pool3d_backward *adaptive_*_pool?d_backward fractional_max_pool?d_backward "
            "max_pool3d_with_indices_backward"
        ),
        why=(
            "windows that overlap add their gradients to the same input element by atomic "
            "operations, in any order"
        ),
        parts=(Part.KERNELS,),
        references=(_FLAG, _CUDNN),
    ),
    Mechanism(
        id="padding-backward",
        ops=_ops("reflection_pad?d_backward replication_pad?d_backward"),
        why=(
            "padded elements add their gradients to the element that they repeat by atomic "
            "operations, in any order"
        ),
        parts=(Part.KERNELS,),
        references=(_FLAG,),
    ),
    Mechanism(
        id="ctc",
        ops=_ops("_ctc_loss_backward _cudnn_ctc_loss"),
        why=(
            "alignments that end in the same label add to its gradient by atomic operations, in "
            "any order"
        ),
        parts=(Part.KERNELS, Part.CUDNN),
        references=(f"{_FLAG}: torch.nn.CTCLoss", _CUDNN),
    ),
    Mechanism(
        id="embedding-bag-backward",
        ops=_ops("_embedding_bag*_backward"),
        why="bags that hold the same row add to its gradient by atomic operations, in any order",
        parts=(Part.KERNELS,),
        references=(f"{_FLAG}: torch.nn.EmbeddingBag",),
    ),
    Mechanism(
        id="histogram",
        ops=_ops("histc bincount"),
        why="values of one bin, or their weights, are added up by atomic operations, in any order",
        parts=(Part.KERNELS,),
        references=(_FLAG,),
    ),
    Mechanism(
        id="scan",
        ops=_ops("cumsum"),
        why=(
            "blocks of the scan add up what the blocks before them have finished so far, and how "
            "far that is varies"
        ),
        parts=(Part.KERNELS,),
        references=(f"{_FLAG}: torch.cumsum", "NVIDIA CCCL docs: Determinism"),
    ),
    Mechanism(
        id="loss-sum",
        ops=_ops("nll_loss2d_forward nll_loss2d_backward"),
        why="blocks add their share of the loss to one number by atomic operations, in any order",
        parts=(Part.KERNELS,),
        references=(f"{_FLAG}: torch.nn.NLLLoss",),
    ),
    Mechanism(
        id="ties",
        ops=_ops("median nanmedian"),
        why="of several equal values, any one's index may be reported",
        parts=(Part.KERNELS,),
        references=(f"{_FLAG}: torch.median",),
    ),
    Mechanism(
        id="attention-backward",
        ops=_ops("_scaled_dot_product_*_attention*_backward _*attention_backward"),
        why=(
            "blocks over the keys add to the gradient of the same query by atomic operations, in "
            "any order"
        ),
        # The flag that only warns leaves the memory-efficient kernel as it is (PyTorch pull request
        # #101847).
        parts=(Part.ATTENTION, Part.KERNELS),
        references=(
            "PyTorch docs: torch.nn.functional.scaled_dot_product_attention",
            "PyTorch pull request #182551",
            "flash-attention issue #988",
        ),
    ),
    Mechanism(
        id="rnn",
        ops=_ops("_cudnn_rnn _cudnn_rnn_backward"),
        why=(
            "cuDNN runs the matrix products of a layer on several streams, where cuBLAS may "
            "choose other workspaces"
        ),
        parts=(Part.CUBLAS, Part.STREAMS, Part.CUDNN),
        references=("PyTorch docs: torch.nn.LSTM", _CUBLAS),
    ),
    Mechanism(
        id="convolution",
        ops=_ops("convolution _convolution convolution_* cudnn_convolution*"),
        why=(
            "cuDNN chooses among algorithms, by timing them if benchmark is on, and some of them "
            "add by atomic operations"
        ),
        parts=(Part.CUDNN_CHOICE, Part.CUDNN, Part.KERNELS),
        # An algorithm once chosen by timing is kept, so what differs when it is repeated is the
        # algorithm itself.
        part_if_replayed=Part.CUDNN,
        references=(f"{_NOTES}, CUDA convolution benchmarking", _CUDNN),
    ),
    Mechanism(
        id="matrix-product",
        ops=_ops(
            "mm bmm addmm baddbmm addbmm addmv mv dot vdot linear matmul _addmm_activation "
            "_scaled_mm *_grouped_mm"
        ),
        why=(
            "where several streams are active, cuBLAS may choose another workspace, and with it "
            "another order of summation"
        ),
        parts=(Part.CUBLAS, Part.STREAMS, Part.KERNELS),
        references=(_CUBLAS, _NOTES),
    ),
)


# Inductor's own lowerings and decompositions that end in an atomic addition, on any device: see
# PyTorch issues #93537 and #122873. In eager mode the same operators have an order on the CPU.
_SUMMED_BY_COMPILER = _ops(
    "index_add index_put _index_put_impl _unsafe_index_put put scatter_add scatter_reduce "
    "embedding_dense_backward unfold_backward max_pool2d_with_indices_backward "
    "upsample_*_backward _upsample_*_backward grid_sampler_2d_backward reflection_pad?d_backward"
)
COMPILED_SUM = (
    "threads add floating-point numbers into the same element by atomic operations, in whatever "
    "order they come"
)


def is_summed_by_compiler(op: str) -> bool:
    """Return True if torch.compile turns the operator into sums without an order."""
    base = read_base(op)
    return any(fnmatchcase(base, pattern) for pattern in _SUMMED_BY_COMPILER)


def find_mechanism(op: str | None) -> Mechanism | None:
    """Return what may make the operator differ on a GPU; None if unknown.

    `op` is its name as traces and reports show it.
    """
    if op is None:
        return None
    base = read_base(op)
    for entry in MECHANISMS:
        if any(fnmatchcase(base, pattern) for pattern in entry.ops):
            return entry
    return None


def read_base(op: str) -> str:
    """Return an operator's name without namespace, overload and a final underscore."""
    base = op.partition("::")[2].partition(".")[0] or op
    return base.removesuffix("_")
