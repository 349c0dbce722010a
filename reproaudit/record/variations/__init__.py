"""Variations that are made inside the audited process.

Each module has one public function, `install(value, reach, hold)`, and is named by the variation's
entry in the table of knowledge.
"""

from __future__ import annotations

import importlib

from reproaudit.config.settings import Settings
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold


def install_variations(settings: Settings, reach: Reach) -> None:
    """Make the variations that `settings` names, before the program starts."""
    for name, value in settings.variations:
        module = importlib.import_module(VARIATIONS[name].module)
        module.install(value, reach, Hold(reach, name, value))
