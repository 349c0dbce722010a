"""What to write by hand where no patch can be made, in the words of the call that was found."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.library_seeds import find_library_seed
from reproaudit.knowledge.traits import Part
from reproaudit.model.result import Finding
from reproaudit.patches.patch import choose_patch_lines, seeds_libraries
from reproaudit.patches.seed_scope import WORKER_SEED

_SEED_OF_WORKER = WORKER_SEED.format(torch="torch")
_OF_JOB = f"seed = {_SEED_OF_WORKER}  # in a DataLoader's worker; give another job a number"


def advise(
    finding: Finding,
    names: Sequence[str],
    source_line: str,
    *,
    refuses: bool,
    seeds_each: bool = False,
) -> tuple[str, ...]:
    """Return the lines to write in place of the interventions.

    `source_line` is the line to blame, as it is written; "" if it is not known. `seeds_each`: it is
    run by workers or by threads, each of which needs a seed of its own.
    """
    lines: list[str] = []
    for name in names:
        if seeds_each and INTERVENTIONS[name].acts_on is Part.SEEDS:
            # One constant would give all of them the same numbers.
            lines.append(_OF_JOB)
            lines += (line.replace("(0)", "(seed)") for line in INTERVENTIONS[name].patch)
            continue
        worded = _word_for_library(finding, name) or _word_for_call(finding, name, source_line)
        if worded:
            lines.append(worded)
        else:
            lines += choose_patch_lines(INTERVENTIONS[name], refuses=refuses)
    return tuple(dict.fromkeys(lines))


def _word_for_library(finding: Finding, name: str) -> str:
    """Return advice for the library that made the call; "" if the program made it itself."""
    below = finding.below
    if below is None or not seeds_libraries(name):
        return ""
    known = find_library_seed(below.function)
    if known is not None:
        return known.advice.format(function=below.function.rpartition(".")[2])
    if below.seeded:
        return f"{below.seeded}(..., {below.argument}=0)"
    return f"# {below.function} reads {finding.call}: give it a seed, if it takes one"


def _word_for_call(finding: Finding, name: str, source_line: str) -> str:
    """Return advice that speaks of the call that was found; "" if the table has none for it."""
    call = finding.call
    entry = INTERVENTIONS[name]
    for part, advice in entry.advice_at.items():
        if part in source_line:
            return advice
    for start, advice in entry.advice_for.items():
        if not call.startswith(start):
            continue
        last = call.rpartition(".")[2]
        if entry.acts_on is Part.ENTROPY and source_line and last not in source_line:
            # A library that the line calls makes the call: the line itself has no such name.
            return f"# {finding.location} calls what reads {call}: give it a seed, if it takes one"
        return advice.format(call=call)
    return ""
