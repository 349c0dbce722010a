"""The table of variations: changes that ought not to matter, asked for by name.

An entry stands in one of the tables that are joined here. If it has to act inside the audited
process, it names a module of `record/variations`. A new variation needs nothing else.
"""

from __future__ import annotations

from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge import (
    variations_machine,
    variations_process,
    variations_ranks,
    variations_torch,
)
from reproaudit.knowledge.variation import Variation
from reproaudit.knowledge.variations_batch import ANSWERING
from reproaudit.knowledge.variations_interpreter import INTERPRETER

VARIATIONS: dict[str, Variation] = {
    entry.id: entry
    for entry in (
        *variations_torch.TABLE,
        *variations_machine.TABLE,
        *variations_ranks.TABLE,
        *variations_process.TABLE,
        *INTERPRETER,
        *ANSWERING,
    )
}


def find_variation(name: str) -> Variation:
    """Return the variation called `name`, or raise UsageError with the nearest names."""
    if name not in VARIATIONS:
        raise UsageError(
            f"there is no variation {name!r}",
            code="variation-unknown",
            hint=did_you_mean(name, VARIATIONS),
        )
    return VARIATIONS[name]
