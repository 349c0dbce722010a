"""Findings of `reproaudit vary` about a callable that answers for a batch."""

from __future__ import annotations

from enum import Enum

from reproaudit.knowledge.expectation import SLICES
from reproaudit.knowledge.traits import Rule

_VLLM = "vLLM docs: Batch Invariance"


class BatchFault(Enum):
    """How an answer for one row depends on its batch; the value is the rule's id."""

    PARTS = "RA604"
    ROUNDING = "RA605"
    NEIGHBOURS = "RA606"
    PADDING = "RA607"
    DRAWS = "RA608"
    TOO_FAR = "RA609"


BATCH_RULES = (
    Rule(
        id=BatchFault.PARTS.value,
        title="parts of a batch whose gradients add up do not train as the whole batch does",
        advice="return a mean over rows; nothing in the step may look at the batch as a whole",
        explanation=(
            "A batch is split along its first dimension, and each part's loss counts by its share "
            "of the rows. That is the loss of the whole batch if it is a mean over rows: a sum "
            "adds up without shares, a mean over what is left of padding or of ignored labels "
            "counts by those, and a contrastive loss looks at all pairs. A batch norm in training "
            "mode computes its mean over each part. What only another order of the sums makes "
            "different is no such thing, and said to be documented."
        ),
        question="vary",
        references=(
            "PyTorch docs: torch.nn.BatchNorm1d",
            "PyTorch docs: torch.nn.CrossEntropyLoss, reduction and ignore_index",
        ),
    ),
    Rule(
        id=BatchFault.ROUNDING.value,
        title="how an answer is rounded depends on how many rows are computed together",
        advice="answer in batches of one fixed size, or use batch-invariant kernels",
        explanation=(
            "Another kernel, or another division of the work, is taken for another number of rows: "
            "the order of the sums changes, and the last bits with it. PyTorch promises nothing "
            "else. It is told by rows that an operator is given equal to the bit in batches of two "
            "sizes, and of which it makes rows that differ, while the content of the other rows "
            "does not matter at equal sizes. The deterministic flag does not change it: the same "
            "batch gives the same bits."
        ),
        question="vary",
        references=(SLICES, _VLLM),
    ),
    Rule(
        id=BatchFault.NEIGHBOURS.value,
        title="the answer for one row depends on the content of the others",
        advice="evaluate in eval mode, and compute nothing over the batch dimension",
        explanation=(
            "Rows of one batch are mixed: a batch norm in training mode, a mean or a maximum over "
            "the first dimension, an index that is shifted. It is told by a control: the same "
            "batch, of which every second row is given other content. All shapes are equal, so "
            "that no order of a sum explains that the rows between them are answered otherwise. "
            "The operator that is named reads those rows alike, and writes them otherwise."
        ),
        question="vary",
        references=("PyTorch docs: torch.nn.BatchNorm1d",),
    ),
    Rule(
        id=BatchFault.PADDING.value,
        title="the answer depends on what the padding holds",
        advice="mask the padding before each operator that sums over it",
        explanation=(
            "What only fills a batch up reaches the answers: a mask that is inverted, shifted, of "
            "another shape, finite where it ought to be infinite, or applied after the softmax; a "
            "mean over all columns. It is told by a control: the same padding twice, once of zeros "
            "and once of something else. All shapes are equal, so that no order of a sum explains "
            "it. The operator that is named reads all that is no padding alike, and writes it "
            "otherwise; what ought to have masked it stands before it."
        ),
        question="vary",
        references=("PyTorch docs: torch.nn.functional.scaled_dot_product_attention",),
    ),
    Rule(
        id=BatchFault.DRAWS.value,
        title="random numbers are drawn for the batch as a whole",
        advice="give each row a generator of its own, or draw nothing: eval mode, greedy decoding",
        explanation=(
            "Dropout or sampling draws as many numbers as the batch needs, from one stream: a row "
            "gets other numbers in another batch. It is told by an operator that draws, and of "
            "equal rows makes others, or draws for a row what it drew for none before. A seed "
            "before each call does not repair it."
        ),
        question="vary",
        references=("PyTorch docs: torch.Generator",),
    ),
    Rule(
        id=BatchFault.TOO_FAR.value,
        title="answers depend on the batch by more than rounding",
        advice="look at masks, positions and lengths, which are other ones for a row alone",
        explanation=(
            "Answers in a batch are further from those for each row alone than another order of "
            "sums makes them, though the content of the other rows does not matter at equal "
            "shapes: padding up to the longest row, positions that are counted from the padding, "
            "a mean of means over parts of unequal size."
        ),
        question="vary",
        references=(SLICES,),
    ),
)
