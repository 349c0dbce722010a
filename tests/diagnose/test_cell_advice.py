"""What to write by hand into the cells of a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.diagnose.cell_advice import advise_in_cells
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import Finding
from reproaudit.patches.patch import Repair, make_patch
from tests.notebooks import write_notebook


@pytest.fixture
def subject(tmp_path: Path) -> SubjectSpec:
    write_notebook(
        tmp_path / "n.ipynb",
        "import torch",
        "%matplotlib inline\nnames = {'a', 'b'}\nfor name in names:\n    print(name)",
    )
    return parse_subject("n.ipynb", cwd=tmp_path)


def advise(subject: SubjectSpec, *names: str, line: int) -> tuple[str, ...]:
    place = Location("n.ipynb", line, "<module>", 2)
    finding = Finding("", Cause.HASH_ORDER, "", Phase.DATA, 0, location=place)
    return advise_in_cells(finding, names, subject, refuses=False)


def test_lines_for_the_start_are_said_to_go_into_the_first_cell(subject: SubjectSpec) -> None:
    lines = advise(subject, "seed.torch", line=3)
    assert lines[0] == "# at the start of n.ipynb, cell 1:"
    assert "torch.manual_seed(0)" in lines


def test_a_line_that_is_edited_is_shown_with_its_cell_as_it_becomes(subject: SubjectSpec) -> None:
    lines = advise(subject, "hash.seed", "seed.torch", line=3)
    assert "# n.ipynb, cell 2, line 3:" in lines
    assert "for name in sorted(names):" in lines


def test_the_file_of_a_notebook_is_never_patched(subject: SubjectSpec) -> None:
    place = Location("n.ipynb", 3, "<module>", 2)
    patch = make_patch([Repair(("seed.torch",), place)], subject)
    assert patch.files == ()
    assert patch.left == ("seed.torch",)
