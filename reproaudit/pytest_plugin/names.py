"""The names that the plugin's modules share. Imports nothing but pytest: the hooks are loaded in
every session."""

from __future__ import annotations

import pytest

MARKER = "reproducible"
DEVICE_FIXTURE = "reproaudit_device"
ISOLATIONS = ("inprocess", "process")  # the default first

# The attribute of a test report that holds its results, each as the text of a result.json. Text,
# because pytest-xdist sends reports between processes.
REPORT_ATTRIBUTE = "reproaudit"

# Of an item: the results of its checks so far.
RESULTS = pytest.StashKey[list[str]]()

# Of an item that is being repeated: what its calls raised, the item's own last. Calls are several
# where it has subtests.
RAISED = pytest.StashKey[list[BaseException | None]]()

# Of an item whose verdict is known: what its call fails with.
FAILURE = pytest.StashKey[str]()
