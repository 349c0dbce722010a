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
    Rule(
        id="RA508",
        title="ranks draw the same random numbers for different samples",
        advice="add the rank to the seed after the model is made: seed + dist.get_rank()",
        explanation=(
            "One seed for all ranks is right for initial weights, which have to agree. What is "
            "drawn afterwards for the samples of one rank is then drawn by all others as well: "
            "the same augmentations, the same dropout masks, a smaller variety than the batch "
            "size promises. Seeds of workers follow from torch's, so that workers=True of a "
            "framework does not help. It is told by equal random states at draws of workers, of "
            "datasets or of noise in modules, on ranks whose batches differ. A draw that decides "
            "for all ranks, as which layers are left out, has to agree, and is not told."
        ),
        references=("PyTorch notes: Reproducibility", _DDP_NOTES),
    ),
    Rule(
        id="RA509",
        title="ranks train on the same samples",
        advice="give the DataLoader a DistributedSampler with the rank and the number of ranks",
        explanation=(
            "Without a sampler of its own each rank walks through the whole data set, and the "
            "average of equal gradients is the gradient of one rank: the others work for nothing. "
            "So it is with a DistributedSampler that was given the same rank everywhere, or one "
            "replica. It is told by equal batches of one loader, and by equal inputs of modules, "
            "on ranks that hold copies of one model. Evaluations, and ranks that share one "
            "model's parts, may get the same."
        ),
        references=("PyTorch docs: torch.utils.data.distributed.DistributedSampler", _DDP_NOTES),
    ),
    Rule(
        id="RA510",
        title="ranks do not get as many batches as each other, or not all samples",
        advice="let num_replicas be the number of ranks, and drop or pad the last batches",
        explanation=(
            "Each rank waits for the others at every reduction. One that has a batch more waits "
            "for ranks that have begun their next epoch, or have ended: gradients of different "
            "epochs are averaged, and at last a rank hangs. A DistributedSampler pads its shares; "
            "other samplers, filters and iterable datasets do not. With more replicas than ranks, "
            "some shares are never read. It is told by the batches that ranks train on in one "
            "epoch, and by the shares that their samplers take. torch.distributed.algorithms.Join "
            "is made for uneven inputs, and silences it."
        ),
        references=(
            "PyTorch docs: torch.utils.data.distributed.DistributedSampler",
            "PyTorch tutorial: Distributed Training with Uneven Inputs Using the Join Context "
            "Manager",
        ),
    ),
    Rule(
        id="RA511",
        title="a DistributedSampler shuffles alike in each epoch",
        advice="call sampler.set_epoch(epoch) before each epoch's loop",
        explanation=(
            "A DistributedSampler draws its order from its seed and the number of the epoch, so "
            "that all ranks draw the same order without asking each other. It does not count "
            "epochs itself: without set_epoch the order is that of epoch 0 again and again. It is "
            "told by several epochs of a loader that start from the same seed and epoch, and that "
            "are trained on. An evaluation is right to repeat its order."
        ),
        references=("PyTorch docs: torch.utils.data.distributed.DistributedSampler",),
    ),
)
