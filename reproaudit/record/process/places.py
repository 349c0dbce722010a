"""The place of a process among those of its run: what names its trace, the same in every run.

Whoever starts a process says its place (`arming`). Where that was not one of the recorder's own, as
a shell, the process takes the first place that is free among those of its name.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from reproaudit.record.hooks import own_paths
from reproaudit.startup import PLACE_VARIABLE
from reproaudit.trace.words import PROCESSES_FOLDER

_MOST_CHARACTERS = 32
_MOST_PLACES = 4096
_UNWANTED = re.compile(r"[^A-Za-z0-9._]+")


@dataclass(frozen=True, slots=True)
class Place:
    """`rank_of_parent` is what RANK was in the process that started this one."""

    label: str
    rank_of_parent: str


def take_place(trace_dir: str, words: Sequence[str]) -> Place | None:
    """Return this process's place; None if none is free.

    `words` are the command line of the interpreter.
    """
    starter, _, rest = os.environ.get(PLACE_VARIABLE, "").partition(":")
    label, _, rank_of_parent = rest.rpartition(":")
    tried: list[str] = []
    if label and starter == str(os.getppid()):
        tried.append(label)
    name = shorten_name(words[0] if words else "python")
    folder = own_paths.join(trace_dir, PROCESSES_FOLDER)
    with suppress(OSError):
        os.makedirs(folder, exist_ok=True)
    numbered = (f"{name}-{number}" for number in itertools.count(1))
    for wanted in itertools.islice(itertools.chain(tried, numbered), _MOST_PLACES):
        try:
            _claim(own_paths.join(folder, f"{wanted}.json"), words)
        except FileExistsError:
            continue
        except OSError:
            return None
        return Place(wanted, rank_of_parent)
    return None


def _claim(path: str, words: Sequence[str]) -> None:
    """Write the file of a place. Raises FileExistsError if it is taken."""
    said = {
        "pid": os.getpid(),
        "python": sys.executable,
        "command": list(words),
        "rank": os.environ.get("RANK", ""),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, json.dumps(said).encode("ascii"))
    finally:
        os.close(descriptor)


def shorten_name(path: str) -> str:
    """Return the name of a program as part of the name of a folder."""
    name = _UNWANTED.sub("_", own_paths.basename(path))[:_MOST_CHARACTERS]
    return name.strip("._") or "process"
