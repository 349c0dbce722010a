"""What npm installs for the checks of the page: pinned, from any registry, and among it the uPlot
that the page carries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "reproaudit" / "report" / "page" / "assets" / "vendor"
UPLOT = ROOT / "node_modules" / "uplot"
WANTED = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]


def test_every_package_is_pinned_and_locked_by_its_contents() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert locked.pop("")["devDependencies"] == WANTED
    assert all(re.fullmatch(r"[\d.]+", version) for version in WANTED.values())
    assert {name: entry["version"] for name, entry in locked.items()} == {
        f"node_modules/{name}": version for name, version in WANTED.items()
    }
    assert all(entry["integrity"].startswith("sha512-") for entry in locked.values())
    # Whoever installs them has a registry of their own.
    assert not any("resolved" in entry for entry in locked.values())


def test_the_page_carries_the_uplot_that_is_pinned() -> None:
    said = (VENDOR / "README").read_text(encoding="utf-8")
    assert set(re.findall(r"\d+\.\d+\.\d+", said)) == {WANTED["uplot"]}


@pytest.mark.skipif(not UPLOT.exists(), reason="npm has not installed uPlot: make tsc")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("uPlot.iife.min.js", "dist/uPlot.iife.min.js"),
        ("uPlot.min.css", "dist/uPlot.min.css"),
        ("LICENSE.uPlot", "LICENSE"),
    ],
)
def test_what_the_page_carries_of_uplot_is_unchanged(ours: str, theirs: str) -> None:
    # A line that ends in spaces or without a line break is one that editors mend.
    assert lines(VENDOR / ours) == lines(UPLOT / theirs)


def lines(path: Path) -> list[str]:
    return [line.rstrip() for line in path.read_text(encoding="utf-8").strip().splitlines()]
