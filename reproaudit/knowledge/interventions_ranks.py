"""Interventions in how several processes reduce what each of them has.

They change nothing in a program that is one process.
"""

from __future__ import annotations

from reproaudit.config.settings import Settings
from reproaudit.knowledge.traits import Clue, Intervention, Part, SetKeyword
from reproaudit.model.cause import Cause

_CONSTRUCTORS = ("DistributedDataParallel", "DDP")

# Where evidence ranks two the same, the first is tried first.
TABLE: tuple[Intervention, ...] = (
    Intervention(
        id="ddp.buckets",
        what="DistributedDataParallel reduces gradients in buckets of 25 MB, its default",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.BUCKETS,
        repair="fixed_buckets",
        clues={Clue.OTHER_MESSAGES: 1},
        advice="give DistributedDataParallel a constant bucket_cap_mb",
        patch=("DistributedDataParallel(model, bucket_cap_mb=25)  # a constant",),
        edits=(SetKeyword("bucket_cap_mb", "25", everywhere_in=_CONSTRUCTORS),),
        only_ranks=True,
    ),
    Intervention(
        id="reduce.rank_order",
        what="what ranks reduce is gathered, and added in the order of the ranks",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.MESSAGES,
        repair="rank_order",
        clues={Clue.OTHER_MESSAGES: 2},
        advice=(
            "reduce the same tensors together in each run; or gather them and add them in the "
            "order of the ranks"
        ),
        patch=(
            "parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]",
            "dist.all_gather(parts, x)  # instead of dist.all_reduce(x)",
            "x = sum(parts[1:], parts[0])  # in the order of the ranks",
        ),
        is_broad=True,
        only_ranks=True,
    ),
    Intervention(
        id="messages.in_turn",
        what="what ranks send is taken from one after the other, and waited for as it was started",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.MESSAGES,
        repair="message_turns",
        clues={Clue.MESSAGES_AS_THEY_COME: 1},
        advice="use what arrives in a fixed order: name the rank to receive from, wait in order",
        patch=(
            "for rank in range(1, dist.get_world_size()):",
            "    dist.recv(x, src=rank)  # never from any rank; wait() in place of is_completed()",
        ),
        is_harsh=True,
        only_ranks=True,
    ),
    Intervention(
        id="nccl.ring",
        what="NCCL reduces by its ring algorithm alone (NCCL_ALGO=Ring)",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.NCCL,
        changes=Settings(env=(("NCCL_ALGO", "Ring"),)),
        clues={Clue.OTHER_MESSAGES: 3},
        patch=("# start with NCCL_ALGO=Ring",),
        is_broad=True,
        only_cuda=True,
        only_ranks=True,
        needs_fresh_process="NCCL_ALGO",
    ),
    Intervention(
        id="nccl.simple",
        what="NCCL uses its simple protocol alone (NCCL_PROTO=Simple)",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.NCCL,
        changes=Settings(env=(("NCCL_PROTO", "Simple"),)),
        clues={Clue.OTHER_MESSAGES: 4},
        patch=("# start with NCCL_PROTO=Simple",),
        is_broad=True,
        only_cuda=True,
        only_ranks=True,
        needs_fresh_process="NCCL_PROTO",
    ),
    # Variations: asked for by name, never tried as a repair.
    Intervention(
        id="ddp.small_buckets",
        what="DistributedDataParallel reduces each gradient by itself, once it has rebuilt buckets",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.BUCKETS,
        repair="small_buckets",
        patch=("DistributedDataParallel(model, bucket_cap_mb=1e-6)  # a bucket for each gradient",),
        is_last_resort=True,
        only_ranks=True,
    ),
    Intervention(
        id="ddp.bucket_views",
        what="gradients are views of the buckets of DistributedDataParallel",
        causes=(Cause.COLLECTIVE_ORDER,),
        acts_on=Part.BUCKETS,
        repair="bucket_views",
        patch=("DistributedDataParallel(model, gradient_as_bucket_view=True)",),
        is_last_resort=True,
        only_ranks=True,
    ),
)
