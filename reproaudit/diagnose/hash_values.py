"""What hashes decide at the line of a finding: an order, or a number that is made of one.

Neither is recorded. The cause is known by what repairs it, and the text of the program tells which
of the two it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.sources import add_note
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.traits import Part
from reproaudit.model.cause import Cause
from reproaudit.model.result import Finding
from reproaudit.patches.hash_uses import BUILTINS, HashCall, list_hash_uses
from reproaudit.patches.patch import read_program
from reproaudit.trace.words import SEEDINGS

_OF_STRINGS = ("hash",)  # id() is the same whatever the hashes of strings are
_NUMBER = "a number is made of a hash, which differs from run to run"
_ADDRESS = "a number is made of an address, which differs from run to run"
_EITHER = "an order or a number follows hashes, which differ from run to run"
_CHECKSUM = (
    "take a checksum of the text (zlib.crc32, hashlib) in the place of hash(), which gives "
    "another number for a string in each process; or fix PYTHONHASHSEED before the start"
)
_COUNT = (
    "take a number that the program counts, or a name, in the place of id() or of hash() of an "
    "object: they are made of its address, which is another one in each process"
)
_BOTH = (
    "sort sets before iterating over them, and take a checksum (zlib.crc32, hashlib) in the place "
    "of hash() of a string; or fix PYTHONHASHSEED before the start"
)
_BOTH_OF_OBJECTS = (
    "iterate over lists or dicts, not over sets of objects, and count in the place of id() or "
    "hash() of an object: all of them follow addresses"
)


def word_hash(finding: Finding, subject: SubjectSpec) -> Finding:
    """Return a finding of hashes with advice for what its line does with them.

    Where neither is seen at the line, in what it calls or in its file, the advice is for both. A
    seed that is made of one is left: there is more to say of it.
    """
    if finding.cause is not Cause.HASH_ORDER or finding.call.startswith(SEEDINGS):
        return finding
    program = read_program(subject, finding.location)
    if program is None or finding.location is None:
        return _advise_both(finding)
    names = BUILTINS if _follows_addresses(finding) else _OF_STRINGS
    here, called, everywhere = list_hash_uses(program, finding.location.line, names)
    for uses in (here, called):
        if uses.calls and not uses.iterates_sets:
            return _name_number(finding, uses.calls)
        if not uses.is_empty:
            return _advise_both(finding) if uses.calls else finding
    if everywhere.iterates_sets and not everywhere.calls:
        return finding
    return _advise_both(finding, everywhere.calls)


def _name_number(finding: Finding, calls: Sequence[HashCall]) -> Finding:
    """Return the finding as one of a number that is made of a hash, at the line that makes it."""
    is_address = _follows_addresses(finding)
    title, advice = (_ADDRESS, _COUNT) if is_address else (_NUMBER, _CHECKSUM)
    first = calls[0]
    found = replace(finding, title=title, call=finding.call or first.name)
    found = _advise(found, advice)
    lines = {call.line for call in calls}
    assert finding.location is not None
    if finding.location.line in lines or len(lines) > 1:
        return found
    place = replace(finding.location, line=first.line, function=first.function)
    return add_note(replace(found, location=place), f"used at {finding.location}")


def _advise_both(finding: Finding, calls: Sequence[HashCall] = ()) -> Finding:
    """Return the finding with advice for orders and numbers, and a call that may be the one."""
    if len(calls) == 1 and finding.location is not None:
        (call,) = calls
        place = replace(finding.location, line=call.line, function=call.function)
        finding = add_note(finding, f"{call.name}() is called at {place}")
    advice = _BOTH_OF_OBJECTS if _follows_addresses(finding) else _BOTH
    return _advise(replace(finding, title=_EITHER), advice)


def _follows_addresses(finding: Finding) -> bool:
    names = finding.fix.settings if finding.fix is not None else ()
    return any(INTERVENTIONS[name].acts_on is Part.ADDRESSES for name in names)


def _advise(finding: Finding, advice: str) -> Finding:
    if finding.fix is None:
        return finding
    return replace(finding, fix=replace(finding.fix, advice=advice))
