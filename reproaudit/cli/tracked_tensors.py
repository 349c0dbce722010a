"""The recorded tensors of two tracked runs: where they first differ, by the digests beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reproaudit.codec import Malformed
from reproaudit.errors import ReproauditError
from reproaudit.knowledge.run_suspects import Area
from reproaudit.track.tracked_run import DIGESTS_FILE, NAMES_FILE, TrackedRun

if TYPE_CHECKING:
    from reproaudit.comparison.digest_tree import Difference, DigestTree
    from reproaudit.manifest.facts import Fact

BROKEN = (Malformed, ReproauditError)  # what a file beside a run may be
_ALL = "of every step"
_DIGITS = 16  # of a digest


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What two runs' tensors say of one of them; `facts` is None where it has no digests."""

    facts: tuple[Fact, ...] | None = None
    faults: tuple[str, ...] = ()


def word_fault(error: Exception) -> str:
    """Return what is wrong with a file beside a run."""
    return error.message if isinstance(error, ReproauditError) else str(error)


def compare_tensors(first: TrackedRun, second: TrackedRun) -> tuple[TensorFacts, TensorFacts]:
    """Return a fact about each run that is the same in both if all of their tensors are equal.

    Else its name is the first tensor in which they differ, and its value that tensor's digest.
    """
    from reproaudit.comparison.digest_tree import find_difference

    trees = []
    faults: list[list[str]] = [[], []]
    for run, said in zip((first, second), faults, strict=True):
        try:
            trees.append(_read_tree(run))
        except BROKEN as error:
            trees.append(None)
            said.append(f"its digests were not read: {word_fault(error)}")
    mine, other = trees
    if mine is None or other is None:
        facts = [None if tree is None else _describe_all(tree) for tree in trees]
    elif (found := find_difference(mine, other.summary, other.answer, other.heading)) is None:
        facts = [_describe_all(mine), _describe_all(other)]
    else:
        name = _name_difference(found, first, second)
        facts = [((Area.TENSOR, name, _find_value(found, tree)),) for tree in (mine, other)]
    return (
        TensorFacts(facts[0], tuple(faults[0])),
        TensorFacts(facts[1], tuple(faults[1])),
    )


def _read_tree(run: TrackedRun) -> DigestTree | None:
    """Return the digests of a run's tensors; None if it has none. Raises one of BROKEN."""
    from reproaudit.comparison.digest_tree import DigestTree

    content = run.find_kept(DIGESTS_FILE)
    return DigestTree.from_bytes(content, DIGESTS_FILE) if content else None


def _describe_all(tree: DigestTree) -> tuple[Fact, ...]:
    return ((Area.TENSOR, _ALL, tree.root.hex()[:_DIGITS]),)


def _name_difference(found: Difference, first: TrackedRun, second: TrackedRun) -> str:
    """Return where two runs first differ: a step, and a tensor of it by its name or number."""
    from reproaudit.comparison.digest_tree import NO_STEP

    where = "after the last step" if found.step == NO_STEP else f"of step {found.step}"
    if found.leaf is None:
        return where
    names = (_find_name(run, found.step, found.leaf) for run in (first, second))
    # The order of a step's tensors is that of both up to here, so that either may name it.
    name = next(filter(None, names), f"number {found.leaf}")
    return f"{where}: {name}"


def _find_name(run: TrackedRun, step: int, leaf: int) -> str:
    from reproaudit.comparison.tensor_names import TensorNames

    try:
        content = run.find_kept(NAMES_FILE)
        return TensorNames.from_bytes(content, NAMES_FILE).find(step, leaf) if content else ""
    except BROKEN:
        return ""  # its number is known


def _find_value(found: Difference, tree: DigestTree) -> str:
    """Return the digest of the tensor, or how many its step has; "" where the run lacks it."""
    for part in tree.parts:
        if part.step != found.step:
            continue
        leaves = part.nodes.leaves
        if found.leaf is None:
            return f"{len(leaves):,} tensors"
        return leaves[found.leaf].hex()[:_DIGITS] if found.leaf < len(leaves) else ""
    return ""
