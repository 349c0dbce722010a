"""A project that is installed in place, in a run that works in a copy of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from reproaudit.record.process.copied_code import lead_to_copies


@pytest.fixture
def copies(tmp_path: Path) -> list[tuple[str, str]]:
    """A project with the folder `src`, an environment, and a copy that has a link to the latter."""
    original = tmp_path / "project"
    copy = tmp_path / "copy" / "project"
    for folder in (original / "env" / "lib", original / "src" / "pkg", copy / "src" / "pkg"):
        folder.mkdir(parents=True)
    (original / "later").mkdir()
    (copy / "env").symlink_to(original / "env")
    return [(str(copy), str(original))]


def test_the_module_path_leads_into_the_copy_and_to_environments_as_before(
    monkeypatch: pytest.MonkeyPatch, copies: list[tuple[str, str]]
) -> None:
    copy, original = copies[0]
    kept = [f"{original}/env/lib", f"{original}/later", f"{original}-other", "/elsewhere", ""]
    monkeypatch.setattr(sys, "path", [original, f"{original}/src", *kept])
    lead_to_copies(copies)
    assert sys.path == [copy, f"{copy}/src", *kept]


def test_a_finder_of_its_own_finds_the_copy(
    monkeypatch: pytest.MonkeyPatch, copies: list[tuple[str, str]]
) -> None:
    copy, original = copies[0]
    finder = ModuleType("__editable___pkg_1_finder")
    vars(finder)["MAPPING"] = {"pkg": f"{original}/src/pkg", "other": "/elsewhere/other"}
    monkeypatch.setitem(sys.modules, finder.__name__, finder)
    monkeypatch.setattr(sys, "path", [original])
    lead_to_copies(())
    assert sys.path == [original]
    lead_to_copies(copies)
    assert vars(finder)["MAPPING"] == {"pkg": f"{copy}/src/pkg", "other": "/elsewhere/other"}
