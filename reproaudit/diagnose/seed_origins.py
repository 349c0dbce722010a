"""Where the seed of a generator comes from, if it is another in each run.

A call that is recorded is followed by what it returned. hash() and id() are not recorded: they are
known by what repairs them, and found in the text of the program.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reproaudit.comparison.entropy import EntropyCall
from reproaudit.comparison.seed_values import is_made_of
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.interventions import list_for_call
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location
from reproaudit.model.result import Finding
from reproaudit.patches.hash_uses import takes_hash
from reproaudit.patches.patch import read_program
from reproaudit.patches.program_text import ProgramText
from reproaudit.trace.runs import is_worker
from reproaudit.trace.words import SEEDINGS

# What seeds a global stream, and how the names of the calls that draw from it begin.
_STREAMS = {"random.seed": "random.", "numpy.random.seed": "numpy.random."}
_TITLE = "a seed is made of a hash or of an address, which differ from run to run"
_ADVICE = (
    "make the seed of a number, or of a checksum of a text (zlib.crc32, hashlib): hash() of a "
    "string and id() are others in each process"
)


def follow_seed(
    call: EntropyCall, calls: Sequence[EntropyCall], fix: Sequence[str] = ()
) -> list[EntropyCall]:
    """Return the call, and what its difference comes from: the last one is the first in time.

    A draw from a stream follows the seed that the stream was given, and a seed what a call of the
    outside returned. `calls` are all that differ. Where a seed is computed in a way that its value
    does not show, the proven `fix` may tell the call.
    """
    chain = [call]
    # In worker processes seeds are made of the worker's own.
    while not is_worker(chain[-1].process):
        earlier = _find_earlier(chain[-1], calls) or _find_repaired(chain[-1], calls, fix)
        if earlier is None:
            break
        chain.append(earlier)
    return chain


def word_seeding(name: str, place: Location | None) -> str:
    """Say which call was given a seed that was made elsewhere."""
    return f"{name} is given the seed at {place}"


def _find_earlier(call: EntropyCall, calls: Sequence[EntropyCall]) -> EntropyCall | None:
    """Return the last earlier call that the difference of this one comes from; None if unknown."""
    before = [other for other in calls if _is_before(other, call)]
    found: Iterator[EntropyCall] = iter(())
    if call.is_given_seed:
        found = (other for other in reversed(before) if _makes_seed(other, call))
    elif call.state_differed:
        found = (other for other in reversed(before) if _seeds_stream_of(other, call))
    return next(found, None)


def _find_repaired(
    seeding: EntropyCall, calls: Sequence[EntropyCall], fix: Sequence[str]
) -> EntropyCall | None:
    """Return the earlier call that the proven fix makes alike, if it stands at one line alone."""
    if not seeding.is_given_seed:
        return None
    repaired: list[EntropyCall] = []
    for other in calls:
        if other.name in SEEDINGS or not _is_before(other, seeding):
            continue
        if not set(fix).isdisjoint(list_for_call(other.name)):
            repaired.append(other)
    places = {call.location for call in repaired}
    return repaired[0] if len(places) == 1 else None


def _is_before(other: EntropyCall, call: EntropyCall) -> bool:
    return other.process == call.process and other.event < call.event


def _makes_seed(other: EntropyCall, seeding: EntropyCall) -> bool:
    # What seeds returns no number.
    if other.name in SEEDINGS:
        return False
    seeds = (seeding.shown_a, seeding.shown_b)
    return is_made_of(seeds, (other.shown_a, other.shown_b))


def _seeds_stream_of(other: EntropyCall, draw: EntropyCall) -> bool:
    start = _STREAMS.get(other.name)
    return start is not None and draw.name.startswith(start) and other.is_given_seed


def name_hash(finding: Finding, subject: SubjectSpec) -> Finding:
    """Return the finding at the line that calls hash() or id() to make a seed that differs.

    Where the program does so at several lines, the line that is given the seed stands.
    """
    if finding.cause is not Cause.HASH_ORDER or not finding.call.startswith(SEEDINGS):
        return finding
    finding = replace(finding, title=_TITLE)
    if finding.fix is not None:
        finding = replace(finding, fix=replace(finding.fix, advice=_ADVICE))
    program = read_program(subject, finding.location)
    if program is None or finding.location is None:
        return finding
    for nodes in program.group_nodes(finding.location.line):
        if any(takes_hash(node) for node in nodes):
            return finding
    places = _find_places(program, finding.location)
    if len(places) != 1:
        return finding
    (place,) = places
    notes = (*finding.evidence.notes, word_seeding(finding.call, finding.location))
    return replace(finding, location=place, evidence=replace(finding.evidence, notes=notes))


def _find_places(program: ProgramText, near: Location) -> list[Location]:
    """Return the lines that call hash() or id(), each with the function that it stands in."""
    places: list[Location] = []
    waiting: list[tuple[ast.AST, str]] = [(program.tree, "<module>")]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.name
        if isinstance(node, ast.Call) and takes_hash(node):
            places.append(replace(near, line=node.lineno, function=function))
        for child in ast.iter_child_nodes(node):
            waiting.append((child, function))
    return places
