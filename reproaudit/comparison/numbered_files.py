"""Files that a program numbers by what earlier runs have left: version_0, then version_1.

Whoever saves under the next free number saves the same in each run, under another name.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

# What ends a part of a path: "3", "_3", "-v1", " (2)"; no fraction, as in "loss_0.53".
_NUMBERS = re.compile(r"(?:[-_ ]?v?\(?(?<![.\d])\d+\)?)+$")
_DIGITS = re.compile(r"(\d+)")


def match_numbered(files: Iterable[str], others: Iterable[str]) -> Mapping[str, str]:
    """Return which of the `others` each of the `files` stands for, where not for itself.

    A file that both have stands for itself. Of the rest, those that are alike apart from the
    numbers at the ends of their folders' and their own names belong together, in the order of these
    numbers. Where one has more of such files than the other, nothing tells which are the same.
    """
    own, known = set(files), set(others)
    groups = _group(own - known)
    other_groups = _group(known - own)
    matched: dict[str, str] = {}
    for form, members in groups.items():
        candidates = other_groups.get(form, ())
        if len(members) == len(candidates):
            matched.update(zip(members, candidates, strict=True))
    return matched


def _group(files: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Return the files by what they are called without numbers, in the order of the numbers."""
    groups: dict[str, list[str]] = defaultdict(list)
    for file in sorted(files, key=_read_pieces):
        groups[_remove_numbers(file)].append(file)
    return groups


def _read_pieces(file: str) -> tuple[list[tuple[int, str]], str]:
    """Return what files are sorted by: the numbers in their names as numbers, so 9 before 10."""
    pieces = _DIGITS.split(file)
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces], file


def _remove_numbers(file: str) -> str:
    folder, name = os.path.split(file)
    stem, suffix = os.path.splitext(name)
    parts = [*folder.split(os.sep), stem]
    return os.sep.join(_NUMBERS.sub("", part) for part in parts) + suffix
