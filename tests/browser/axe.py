"""axe-core, which finds what keeps people from reading a page: pinned in package.json, and injected
by tests alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.tab import Tab

SCRIPT = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
INSTALL = "make tsc"
RUN = """
const found = await axe.run(document, { resultTypes: ["violations"] });
return found.violations.map((rule) => {
  const nodes = rule.nodes.slice(0, 5).map(
    (node) => `${node.target.join(" ")}: ${node.failureSummary}`
  );
  return `${rule.impact} ${rule.id}: ${rule.help}\\n  ${nodes.join("\\n  ")}`;
});
"""


def list_violations(tab: Tab) -> list[str]:
    """Return what axe-core finds in the page as it is now, each with the elements that it found.

    Without axe-core the test is skipped; in continuous integration it fails.
    """
    if not SCRIPT.exists():
        lacking = f"needs axe-core, which npm installs: {INSTALL}"
        if os.environ.get("CI") == "true":
            pytest.fail(lacking, pytrace=False)
        pytest.skip(lacking)
    # Not by an element in the page, which forbids scripts that are not its own.
    tab.command("Runtime.evaluate", expression=SCRIPT.read_text(encoding="utf-8"))
    found = tab.run_async(RUN)
    assert isinstance(found, list), found
    return found
