"""Warnings that only several ranks can show, compared with each other."""

from __future__ import annotations

from reproaudit.knowledge.traits import Rule

_DDP = "PyTorch docs: torch.nn.parallel.DistributedDataParallel"
_DDP_NOTES = "PyTorch notes: Distributed Data Parallel"

RANK_RULES = (
    Rule(
        id="RA506",
        title="the ranks' copies of one model part",
        advice="broadcast the parameters first, and change them by nothing but reduced gradients",
        explanation=(
            "Data parallel ranks start from equal parameters, reduce their gradients, and make "
            "equal updates. DistributedDataParallel does the first two, and nobody compares what "
            "comes after: a gradient that one rank changes or skips, a learning rate or a state "
            "of the optimizer of its own, weights that are drawn on each rank and never sent. "
            "From there on each rank trains another model, and rank 0's is saved. It is told by "
            "digests of parameters, gradients and the optimizer's state, step by step; ranks are "
            "taken for copies where DistributedDataParallel was given the parameters, or where "
            "all gradients were equal though the losses were not. Shards are no copies, and "
            "parameters that are averaged now and then may part in between. Equal runs are no "
            "sign that all is well."
        ),
        references=(_DDP, _DDP_NOTES),
    ),
    Rule(
        id="RA507",
        title="each rank changes buffers that nothing makes equal",
        advice=(
            "leave broadcast_buffers on, use SyncBatchNorm, or send buffers that are not wrapped "
            "yourself"
        ),
        explanation=(
            "Running statistics follow the batches of their own rank. DistributedDataParallel "
            "sends those of rank 0 to all others before each forward pass, but not with "
            "broadcast_buffers=False, and it knows nothing of modules that it does not wrap, as "
            "those without trainable parameters, which it refuses. What is saved or evaluated "
            "then depends on the rank. It is told by digests of buffers when an optimizer steps; "
            "a buffer that never changes, and one that is no part of the state_dict, may differ."
        ),
        references=(_DDP, "PyTorch docs: torch.nn.SyncBatchNorm"),
    ),
)
