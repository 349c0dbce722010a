"""What of a callable depends on the batch: the operator, the line, and whether it may."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.comparison.leaks import Leak
from reproaudit.comparison.localise import Source
from reproaudit.comparison.regroup import RegroupedSource
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.sources import explain_sources
from reproaudit.knowledge.batch_rules import BatchFault
from reproaudit.knowledge.composite_ops import explain_composite
from reproaudit.knowledge.rules import QUESTION_RULES
from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference
from reproaudit.model.events import EventFlag, Phase
from reproaudit.model.result import Finding, Fix
from reproaudit.trace.runs import Run

# What rounding can do to an answer, as a share of its largest number: of a network of a hundred
# layers in single precision far less. Below half precision a tenth is nothing unusual.
_MOST_ROUNDING = 1e-3
_MOST_ROUNDING_OF_HALVES = 0.1
_HALVES = ("float16", "bfloat16", "float8")

_CAUSES = {
    BatchFault.ROUNDING: Cause.KERNEL,
    BatchFault.DRAWS: Cause.RNG_ORDER,
}


def explain_regrouped(found: RegroupedSource, pair: tuple[Run, Run]) -> Finding:
    """Return the finding of an operator that makes other rows of equal ones in other portions."""
    op = pair[0].trace_of(found.process).op(found.event_a)
    is_random = bool(op.flags & EventFlag.RANDOM)
    fault = BatchFault.DRAWS if is_random else BatchFault.ROUNDING
    sizes = f"in portions of {_word_sizes(found.sizes_b)} against {_word_sizes(found.sizes_a)}"
    if found.sizes_a == found.sizes_b:
        sizes = "at other places of their batch"
    if found.is_draw:
        note = f"{found.differing:,} of {found.rows:,} rows get other numbers from it, {sizes}"
    elif found.is_reduction:
        note = f"{found.rows:,} equal rows are reduced {sizes}"
    else:
        note = (
            f"{found.differing:,} of {found.rows:,} rows that are equal before it differ behind "
            f"it, {sizes}"
        )
    return _make_finding(fault, found.as_source(), pair, note)


def explain_leak(found: Leak, pair: tuple[Run, Run], fault: BatchFault) -> Finding:
    """Return the finding of an operator by which neighbours or padding reach a row."""
    if fault is BatchFault.ROUNDING:
        note = "what is no padding is equal before it and differs behind it"
    elif found.is_proof:
        note = "all shapes are equal in both runs: only content can have made the difference"
    else:
        note = "shapes differ within the two runs, too"
    return _make_finding(fault, found.as_source(), pair, note)


def explain_whole(fault: BatchFault, source: Source, pair: tuple[Run, Run]) -> Finding:
    """Return the finding of an operator that looks at a batch as a whole."""
    return _make_finding(fault, source, pair)


def blame_distance(located: Finding | None) -> Finding:
    """Return the finding of answers that are further apart than rounding makes them.

    `located` is where rounding begins, which need not be what takes them so far.
    """
    rule = QUESTION_RULES[BatchFault.TOO_FAR.value]
    if located is None:
        located = Finding(
            rule=rule.id, cause=Cause.UNKNOWN, title=rule.title, phase=Phase.FORWARD, step=0
        )
    return replace(
        located,
        rule=rule.id,
        cause=Cause.UNKNOWN,
        title=rule.title,
        fix=Fix(advice=rule.advice),
    )


def _make_finding(fault: BatchFault, source: Source, pair: tuple[Run, Run], *notes: str) -> Finding:
    (explained,) = explain_sources([source], pair, ())
    finding = settle_finding(explained)
    inside = explain_composite(finding.op or "")
    if inside:
        notes = (*notes, inside)
    rule = QUESTION_RULES[fault.value]
    return replace(
        finding,
        rule=rule.id,
        cause=_CAUSES.get(fault, Cause.UNKNOWN),
        title=rule.title,
        evidence=replace(finding.evidence, notes=notes),
        fix=Fix(advice=rule.advice),
    )


def _word_sizes(sizes: tuple[int, ...]) -> str:
    return " and ".join(str(size) for size in sizes[:2])


def is_of_numbers(tensor: str) -> bool:
    """Return True for the description of a tensor whose elements are rounded."""
    return tensor.startswith(("float", "bfloat", "complex"))


def is_rounding(difference: Difference | None, tensor: str, largest: float | None) -> bool | None:
    """Return True if answers are no further apart than another order of sums may make them.

    `tensor` is the description of the answer, "float32[64, 512]", `largest` its largest number.
    Whole numbers are no measure: one token that differs changes all that follow. None: not known.
    """
    if not is_of_numbers(tensor):
        return None
    if difference is None or largest is None or difference.max_abs is None:
        return None
    if difference.nan_against_number:
        return False
    most = _MOST_ROUNDING_OF_HALVES if tensor.startswith(_HALVES) else _MOST_ROUNDING
    return difference.max_abs <= most * largest
