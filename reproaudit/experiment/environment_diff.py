"""What the environments of two runs differ in beside what was varied, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Set

from reproaudit.config.settings import make_environment
from reproaudit.knowledge.variable_factors import find_factor
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import Wanted
from reproaudit.trace.runs import Run
from reproaudit.trace.words import VARIATION_PREFIX


def diff_environments(plain: Run, varied: Run, wanted: Wanted) -> tuple[str, ...]:
    """Return the lines of a unified diff of what both runs recorded of their environments.

    The variation itself is left out; empty if they differ in nothing else.
    """
    before = plain.main.header["environment"]
    after = varied.main.header["environment"]
    own = {name for name in after if name.startswith(VARIATION_PREFIX)}
    own |= make_environment(wanted.settings).keys()
    entry = VARIATIONS.get(find_factor(wanted.name))
    if entry is not None and entry.fact:
        own.add(entry.fact)
    lines = difflib.unified_diff(
        _list_lines(before, own),
        _list_lines(after, own),
        "the program as it is",
        wanted.setting,
        n=0,
        lineterm="",
    )
    return tuple(lines)


def _list_lines(environment: Mapping[str, str], left_out: Set[str]) -> list[str]:
    return [f"{name} = {value}" for name, value in environment.items() if name not in left_out]
