"""The names that the plugin's modules share."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import reproaudit.pytest_plugin.names
print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("reproaudit", "torch")))
"""


def test_they_are_loaded_without_the_rest_of_the_package() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [
        "reproaudit",
        "reproaudit.pytest_plugin",
        "reproaudit.pytest_plugin.names",
    ]
