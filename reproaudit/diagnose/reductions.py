"""What is said of sums over several processes that came out otherwise."""

from __future__ import annotations

import numpy as np

from reproaudit.comparison.localise import Source
from reproaudit.comparison.messages import mark_messages
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import OpEvent

_FROM_ANY_RANK = "c10d::recv_any_source_"


def word_reduction(source: Source, ranks: int) -> str:
    """Say what was equal, and what was not, where ranks reduced what they have."""
    who = f"all {ranks} ranks" if ranks else "all ranks"
    if source.messages is None:
        return f"{who} gave the same in both runs, and the result was another one"
    first, second = source.messages
    if first == second:
        return f"{who} gave as much in both runs, and {first} calls reduced other parts of it"
    noun = "part" if first == 1 else "parts"
    return f"{who} gave as much in both runs; it was reduced in {first} {noun}, and in {second}"


def takes_what_comes(op: OpEvent, peer: Trace) -> bool:
    """Return True for a receipt from any rank, if the other run has the message as well."""
    if not op.name.startswith(_FROM_ANY_RANK):
        return False
    others = [one.outputs for one in peer.operations() if one.name == op.name]
    return op.outputs in others


def reads_message(trace: Trace, op: OpEvent) -> bool:
    """Return True if what the op reads is what a message has brought before."""
    columns = trace.columns.take(slice(0, op.number))
    brought = mark_messages(trace, columns) & columns.output_digests.any(axis=1)
    is_read = (columns.output_digests[brought] == np.array(op.inputs, dtype=np.uint64)).all(axis=1)
    return bool(is_read.any())
