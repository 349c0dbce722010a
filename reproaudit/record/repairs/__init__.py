"""Interventions that act inside the audited process.

Each module has one public function, `install(reach)`, and is named by the intervention's entry in
the table of knowledge.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from reproaudit.config.settings import Settings
from reproaudit.knowledge.interventions import INTERVENTIONS, SEED
from reproaudit.record.hooks.patching import Patches

__all__ = ["SEED", "Reach", "Stage", "install_repairs"]

Stage = Callable[[], None]


def _learn_nothing(name: str, value: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class Reach:
    """What a repair or a variation may use.

    `patches` replaces attributes. `is_program` returns True if the frame `depth` frames above the
    caller's is the audited program's own code. `when_imported` runs an action once a module is
    imported, at once if it is. `after_fork` runs an action in each forked child, with the child's
    number, counted from 1 by its parent. `learn` adds a fact to the environment in the trace.
    `folder` is that of the run's trace, and `settings` are all that the run is given.
    """

    patches: Patches
    is_program: Callable[[int], bool]
    when_imported: Callable[[str, Stage], None]
    after_fork: Callable[[Callable[[int], None]], None]
    learn: Callable[[str, str], None] = _learn_nothing
    folder: str = ""
    settings: Settings = Settings()


def install_repairs(settings: Settings, reach: Reach) -> None:
    """Apply the interventions that `settings` names, before the program starts."""
    for name in settings.interventions:
        importlib.import_module(INTERVENTIONS[name].module).install(reach)
