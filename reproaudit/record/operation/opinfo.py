"""Static facts about operators.

Which arguments they only write, which of them draw, make views, or give out undefined memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from reproaudit.record.operation.message_ops import WRAPS, Message, find_message, is_wait
from reproaudit.record.torch_private import schema_of
from reproaudit.trace.words import SPREAD

# In-place ops that never read what they overwrite: their self argument is no input. As an input its
# old content, undefined memory as a rule, would differ from run to run without consequence.
_WRITE_ONLY = frozenset(
    "copy_ zero_ fill_ uniform_ normal_ random_ bernoulli_ exponential_ geometric_ cauchy_ "
    "log_normal_".split()
)
# They take dtype, device or shape from their first argument and never read its content.
_METADATA_ONLY = frozenset(
    "empty_like zeros_like ones_like full_like rand_like randn_like randint_like new_empty "
    "new_empty_strided new_zeros new_ones new_full".split()
)
# Their output is undefined memory; it becomes evidence only when an op reads it.
_UNDEFINED = frozenset(
    "empty empty_like empty_strided empty_permuted empty_quantized new_empty new_empty_strided "
    "resize_ resize _resize_output_ resize_as_ _empty_affine_quantized "
    "_empty_per_channel_affine_quantized".split()
)
# They say where a tensor's memory lies and touch none: views, though PyTorch does not call them so.
# copy.deepcopy uses `set_` on memory that it writes only later.
_REBINDS = frozenset({"set_", "set"})
# They compute nothing: bytes that are undefined before are undefined after, and that is no evidence
# yet.
_COPIES = frozenset({"copy_", "clone", "_to_copy"})
# With `beta=0` they ignore what they would add to, undefined memory as a rule.
_SCALED_ADDENDS = frozenset(
    "addmm addmm_ addmv addmv_ addr addr_ addbmm addbmm_ baddbmm baddbmm_ _addmm_activation".split()
)
# Outputs that are workspace for the backward pass and are partly never written: neither outputs nor
# inputs.
_WORKSPACE = {
    "mkldnn_rnn_layer": frozenset({3}),
    "_cudnn_rnn": frozenset({3, 4}),
    "miopen_rnn": frozenset({3, 4}),
    "cudnn_batch_norm": frozenset({3}),
    "_batch_norm_with_update": frozenset({3}),
    "_batch_norm_with_update_functional": frozenset({3}),
    "_embedding_bag": frozenset({1, 2, 3}),
    "_embedding_bag_forward_only": frozenset({1, 2, 3}),
    "_ctc_loss": frozenset({1}),  # beyond the length of each input nothing is written
}
# The same for arguments that the op fills, or, as `noise` outside of training, leaves as they are.
_SCRATCH = {"rrelu_with_noise": frozenset({1}), "rrelu_with_noise_": frozenset({1})}
# Content that enters PyTorch here came from elsewhere: a Python list, a scalar, an array.
_BIRTHS = frozenset({"lift_fresh", "lift_fresh_copy", "lift"})
# Bookkeeping that computes nothing: recorded by no level.
_SILENT_NAMESPACES = frozenset({"profiler"})
_SEEDED = torch.Tag.nondeterministic_seeded


_NONE: frozenset[Any] = frozenset()


@dataclass(
    frozen=True, slots=True, eq=False, kw_only=True
)  # one per operator: identity is equality
class OpInfo:
    name: str  # "aten::index_put_.default"
    base: str  # "index_put_"
    is_random: bool = False
    is_view: bool = False
    is_birth: bool = False
    is_undefined: bool = False
    is_copy: bool = False
    is_silent: bool = False
    scales_addend: bool = False  # its first argument, by `beta`
    # Positions of arguments that are overwritten without being read; by keyword, every out= one.
    write_only: frozenset[int] = _NONE
    write_only_names: frozenset[str] = _NONE
    # Positions and names of arguments that are written.
    mutated: frozenset[int] = _NONE
    mutated_names: frozenset[str] = _NONE
    workspace: frozenset[int] = _NONE  # positions of outputs that may hold undefined bytes
    # Positions of arguments that may hold undefined bytes before and after.
    scratch: frozenset[int] = _NONE
    generator: int | None = None  # position of a `generator` argument
    message: Message | None = None  # of an op that other processes take part in
    is_wait: bool = False  # until such an op has been done
    # Other processes take part in it: what one of them repeats or changes alone, they wait for.
    is_shared: bool = False


def describe_op(op: Any) -> OpInfo:
    """Read an OpOverload's schema and tags once.

    A HigherOrderOperator has neither: it is treated as a plain op.
    """
    schema = schema_of(op)
    if schema is None:
        return OpInfo(name=str(op), base=str(op))
    namespace, _, base = schema.name.partition("::")
    scratch = _SCRATCH.get(base, _NONE)
    mutated = set()
    mutated_names = set()
    outs = set()
    generator = None
    for position, argument in enumerate(schema.arguments):
        alias = argument.alias_info
        if alias is not None and alias.is_write and position not in scratch:
            mutated.add(position)
            mutated_names.add(argument.name)
            if argument.is_out:
                outs.add(argument.name)
        if argument.name == "generator":
            generator = position
    message = find_message(namespace, base)
    never_reads_self = base in _WRITE_ONLY or base in _BIRTHS or base in _METADATA_ONLY
    is_view = bool(getattr(op, "is_view", False)) and base not in _BIRTHS
    return OpInfo(
        name=f"{schema.name}.{schema.overload_name or 'default'}",
        base=base,
        is_random=_SEEDED in op.tags,
        is_view=is_view or base in _REBINDS or base in WRAPS,
        is_birth=base in _BIRTHS,
        is_undefined=base in _UNDEFINED,
        # Undefined bytes that are only sent are undefined where they arrive.
        is_copy=base in _COPIES or (message is not None and not message.reduces),
        is_silent=namespace in _SILENT_NAMESPACES,
        scales_addend=base in _SCALED_ADDENDS,
        write_only=frozenset({0}) if never_reads_self else scratch,
        write_only_names=frozenset(outs),
        mutated=frozenset(mutated),
        mutated_names=frozenset(mutated_names),
        workspace=_WORKSPACE.get(base, _NONE),
        scratch=scratch,
        generator=generator,
        message=message,
        is_wait=is_wait(namespace, base),
        is_shared=message is not None,
    )


class OpTable(dict[Any, OpInfo]):
    """OpInfo by OpOverload, described when first met."""

    def __init__(self) -> None:
        super().__init__()
        self._spread: dict[Any, OpInfo] = {}

    def __missing__(self, op: Any) -> OpInfo:
        info = self[op] = describe_op(op)
        return info

    def find_spread(self, op: Any) -> OpInfo:
        """Return the description of an op on tensors that are spread over ranks.

        It passes messages as it sees fit, under a name that says so.
        """
        info = self._spread.get(op)
        if info is None:
            known = self[op]
            info = self._spread[op] = replace(known, name=f"{SPREAD}{known.name}", is_shared=True)
        return info
