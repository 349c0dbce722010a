"""The code cells of a notebook, and what is no notebook that can be run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.notebook import Cell, read_notebook
from reproaudit.errors import UsageError
from tests.notebooks import PYTHON, write_notebook


def write(path: Path, **fields: Any) -> Path:
    """Write a notebook of one cell with other fields."""
    cell = {"cell_type": "code", "metadata": {}, "source": "a = 1", "outputs": []}
    document = {"cells": [cell], "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document | fields))
    return path


def test_cells_are_counted_as_a_run_from_top_to_bottom_counts_them(tmp_path: Path) -> None:
    text = {"cell_type": "markdown", "metadata": {}, "source": "# Title"}
    empty = {"cell_type": "code", "metadata": {}, "source": [" \n"], "outputs": []}
    first = {"cell_type": "code", "metadata": {}, "source": ["a = 1\n", "b"], "outputs": []}
    second = {"cell_type": "code", "source": "c", "metadata": {"tags": ["raises-exception"]}}
    notebook = read_notebook(write(tmp_path / "n.ipynb", cells=[text, first, empty, second]))
    assert notebook.cells == (Cell(1, "a = 1\nb"), Cell(2, "c", may_fail=True))
    assert notebook.kernel == "python3"


def test_a_byte_order_mark_and_missing_metadata_are_borne(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", metadata={})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_notebook(path).kernel == ""


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"cells": []}, "notebook-invalid", "no code cell"),
        ({"cells": "none"}, "notebook-invalid", "expected"),
        ({"cells": [1]}, "notebook-invalid", "expected"),
        ({"cells": [{"cell_type": "code", "source": 3}]}, "notebook-invalid", "expected"),
        ({"nbformat": 3}, "notebook-invalid", "--inplace n.ipynb"),
        ({"nbformat": None}, "notebook-invalid", "nbformat is None"),
        ({"nbformat": 5}, "notebook-invalid", "nbformat is 5"),
        ({"metadata": {"kernelspec": {"language": "R"}}}, "notebook-language", "written in R"),
        ({"metadata": {"language_info": {"name": "julia"}}}, "notebook-language", "in julia"),
        ({"metadata": ["x"]}, "notebook-invalid", "expected"),
    ],
)
def test_what_is_no_notebook_to_run_is_refused_in_a_line(
    tmp_path: Path, fields: dict[str, Any], code: str, said: str
) -> None:
    path = write(tmp_path / "n.ipynb", **fields)
    with pytest.raises(UsageError) as caught:
        read_notebook(path)
    assert caught.value.code == code
    assert said in str(caught.value)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'"' + b"[" * 10_000])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "n.ipynb"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot read the notebook 'n\.ipynb'"):
        read_notebook(path)


def test_lines_that_are_no_python_keep_their_place() -> None:
    cell = Cell(
        1, "%matplotlib inline\nfor i in range(2):\n    !ls {i}\nfiles = !ls\nprint?\nx = 1"
    )
    lines = ["pass", "for i in range(2):", "    pass", "pass", "pass", "x = 1"]
    assert cell.as_python().split("\n") == lines


def test_the_body_of_a_magic_is_python_only_if_it_runs_python() -> None:
    assert Cell(1, "\n%%time\nx = 1").as_python() == "\npass\nx = 1"
    assert Cell(1, "%%bash\nls\npwd").as_python() == "\n\n"
    assert Cell(1, "%%time\nx = 1").has_magic_body
    assert Cell(1, "\n \n\nx = 1").lines_before == 3


def test_what_tests_write_is_a_notebook(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "a", "b", tags={2: ["skip-execution"]})
    assert read_notebook(path).cells == (Cell(1, "a"), Cell(2, "b", is_skipped=True))
