from __future__ import annotations

from reproaudit.report.layout import (
    Column,
    make_rows,
    make_table,
    name_column,
    number_column,
    prose_column,
    wrap_beside,
    wrap_entry,
)


def test_a_table_is_no_wider_than_its_cells_and_numbers_stand_to_the_right() -> None:
    lines = make_table(
        [name_column("name"), number_column("step")], [("a", "7"), ("long", "1,000")], 80
    )
    assert lines == ["name   step", "----  -----", "a         7", "long  1,000"]


def test_a_column_that_says_nothing_is_left_out() -> None:
    assert make_table([name_column("name"), prose_column("note")], [("a", ""), ("b", "")], 80) == [
        "name",
        "----",
        "a",
        "b",
    ]


def test_a_table_that_says_nothing_at_all_has_no_lines() -> None:
    assert make_table([Column("name"), Column("note")], [("", "")], 80) == []
    assert make_table([Column("name"), Column("note")], [], 80) == []


def test_a_name_loses_its_middle_and_prose_its_end() -> None:
    row = (
        "package/module/" + "x" * 30 + "/file.py:3",
        "the same samples came in another order here",
    )
    assert (
        make_table([name_column("line"), prose_column("note")], [row], 42)[-1]
        == "package/m…/file.py:3  the same samples ca…"
    )


def test_columns_are_not_cut_below_what_can_be_read_although_the_table_is_then_too_wide() -> None:
    row = ("x" * 30, "y" * 30)
    assert (
        make_table([name_column("op"), name_column("line")], [row], 10)[-1]
        == "xxxxx…xxxxxx  yyyyy…yyyyyy"
    )


def test_a_cell_that_looks_like_a_number_stays_as_it_was_written() -> None:
    assert make_table([name_column("name")], [("1e5",), ("007",)], 80)[2:] == ["1e5", "007"]


def test_a_path_is_not_broken_at_its_hyphens_or_at_the_width() -> None:
    path = "a-very-long-folder/" * 6 + "file.py:3"
    assert wrap_entry(f"see {path}", 40) == ["see", "  " + path]


def test_the_lines_after_the_first_stand_beside_the_label() -> None:
    assert wrap_beside("cause", "one two three", 20) == ["cause       one two", "            three"]


def test_rows_without_a_head_stand_in_columns_and_nothing_is_cut() -> None:
    rows = [("RA401  kernel", "a title"), ("RA1", "x" * 200)]
    assert make_rows(rows) == ["RA401  kernel  a title", "RA1            " + "x" * 200]
    assert make_rows([]) == []
