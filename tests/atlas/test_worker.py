"""What a fresh interpreter printed is read, and a failure is no count."""

from __future__ import annotations

import pytest

from reproaudit.atlas.worker import run_program


@pytest.mark.parametrize(
    ("program", "counted"),
    [
        ("print(3, 'of 20 differ')", (3, 20)),
        ("print('nothing')", None),
        ("print('about 3 of 20 differ, or more')", None),
        ("print(3, 'of 20 differ'); 1/0", None),
    ],
)
def test_a_program_counts_by_what_it_prints_if_it_ends_well(
    program: str, counted: tuple[int, int] | None
) -> None:
    assert run_program(program) == counted
