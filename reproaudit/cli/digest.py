"""`reproaudit digest`: what two parties exchange in place of their traces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.reading_arguments import make_digest_parser
from reproaudit.cli.streams import say
from reproaudit.errors import TraceError
from reproaudit.files import Unreadable, read_bytes, write_whole
from reproaudit.model.verdict import EXIT_NOT_AUDITED
from reproaudit.printable import make_printable
from reproaudit.report.destinations import TREE

if TYPE_CHECKING:
    from reproaudit.comparison.digest_tree import Difference, DigestTree
    from reproaudit.comparison.run_tree import Leaf
    from reproaudit.trace.runs import Run

_MOST_BYTES = 256 << 20  # of a tree: sixteen million tensors
_AFTER = "after the last step"


def digest(words: list[str]) -> int:
    """Print the digests of a run's steps, or where it first differs from a tree; return the exit
    code."""
    options = make_digest_parser().parse_args(words)
    with hold_interrupts():
        from reproaudit.comparison.digest_tree import find_difference
        from reproaudit.comparison.run_tree import list_leaves, make_tree
        from reproaudit.trace.runs import open_run

    # First: if it cannot be read, the trace need not be.
    other = None if options.against is None else _read_tree(Path(options.against))
    run = open_run(Path(options.trace), 0)
    if options.out is not None and run.lacks_events:
        # Whoever compares with them would take the end that is missing for a difference.
        raise TraceError(
            f"cannot write digests of {options.trace!r}: {_find_damage(run)}",
            code="trace-incomplete",
            hint="copy the trace again, or record it again; without --out what is there is printed",
        )
    _warn_of_damage(run)
    leaves = list_leaves(run)
    tree = make_tree(leaves)
    if options.out is not None:
        with TREE.name_failures(Path(options.out)):
            write_whole(options.out, tree.to_bytes())
    if other is None:
        print(_outline(tree))
        return 0
    found = find_difference(tree, other.summary, other.answer, other.heading)
    if not leaves and found is None:
        say("reproaudit: nothing was compared: neither run has a tensor that decides")
        return EXIT_NOT_AUDITED
    if not _is_certain(found, run):
        say("reproaudit: the steps that are there whole do not differ, and the trace lacks events")
        return EXIT_NOT_AUDITED
    shown = make_printable(options.against)
    if found is None:
        print(f"equal to {shown}: {len(leaves):,} tensors, step by step")
        return 0
    print(f"differs from {shown}, first {_describe(found, leaves)}")
    return 1


def _read_tree(path: Path) -> DigestTree:
    from reproaudit.comparison.digest_tree import DigestTree

    try:
        return DigestTree.from_bytes(read_bytes(path, _MOST_BYTES), str(path))
    except FileNotFoundError:
        why = "there is no such file"
    except Unreadable as error:
        why = str(error)
    raise TraceError(
        f"cannot read {str(path)!r}: {why}",
        code="digests-unreadable",
        hint="name the file that `reproaudit digest TRACE --out FILE` wrote",
    )


def _warn_of_damage(run: Run) -> None:
    why = _find_damage(run)
    if why:
        say(f"reproaudit: warning: only what is there has digests: {make_printable(why)}")


def _find_damage(run: Run) -> str:
    """Return why some of a run is missing in its trace; "" if all is there."""
    damage = [trace.damage for _, trace in run.traces if trace.damage]
    if not damage and not run.lacks_events:
        return ""
    return "; ".join(damage) or "some of its events are missing"


def _outline(tree: DigestTree) -> str:
    from reproaudit.comparison.digest_tree import NO_STEP

    steps = [
        {
            "step": None if part.step == NO_STEP else part.step,
            "tensors": part.heading.leaves,
            "digest": part.digest.hex(),
        }
        for part in tree.parts
    ]
    rows = ",\n".join(f"  {json.dumps(row)}" for row in steps)
    return f'{{"root": "{tree.root.hex()}", "steps": [\n{rows}\n]}}'


def _is_certain(found: Difference | None, run: Run) -> bool:
    """Return True if what a run may have lost cannot be what differs: all of the step is there."""
    from reproaudit.comparison.digest_tree import NO_STEP

    if not run.lacks_events:
        return True
    if found is None or found.step == NO_STEP or run.unreadable:
        return False
    # A trace is cut in its last step.
    lasts = [int(trace.columns.step.max(initial=-1)) for _, trace in run.traces]
    return found.step < min(lasts)


def _describe(found: Difference, leaves: Sequence[Leaf]) -> str:
    from reproaudit.comparison.digest_tree import NO_STEP
    from reproaudit.comparison.tensor_names import describe_leaf

    where = _AFTER if found.step == NO_STEP else f"in step {found.step}"
    own = [leaf for leaf in leaves if leaf.step == found.step]
    if found.leaf is None:
        return f"{where}: only {'this run' if own else 'the other run'} has tensors there"
    if found.leaf >= len(own):
        return f"{where}: the other run has more than the {len(own):,} tensors of this one"
    return f"{where}: {make_printable(describe_leaf(own[found.leaf]))}"
