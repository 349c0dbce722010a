"""What is known of code before it runs: statements, and the variables that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.record.lines.statements import Body, Source, logical_lines


def test_reads_and_writes_of_a_statement_are_those_of_all_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(
        "total = sum(\n    first,\n    # why\n    second['x'].y,\n)\n\n"
        "for item in total: last = item\n"
    )
    source = Source("code.py", logical_lines(str(path)))
    body = Body(compile(path.read_text(), str(path), "exec"), source)
    assert [*body.statement(4).reads] == ["sum", "first", "second"]
    assert [*body.statement(1).writes] == ["total"]
    assert body.statement(2).place == ("code.py", 1, "<module>", 0)
    assert {*body.statement(7).writes} == {"item", "last"}


@pytest.mark.parametrize(
    "source", ["x = (1,\n", "'''never closed\n", "if x:\n  y\n z\n", "\x00", "x = '\xff'"]
)
def test_a_file_that_is_no_longer_what_was_compiled_has_no_logical_lines(
    tmp_path: Path, source: str
) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(source.encode("latin-1"))
    assert logical_lines(str(path)) == {}
    assert logical_lines(str(tmp_path / "gone.py")) == {}
