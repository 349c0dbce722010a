"""One frame that is followed: its statements, what they read, and where the frame goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.record.lines.following import follow, told


def test_a_statement_of_several_lines_is_told_once_at_its_first(tmp_path: Path) -> None:
    def program() -> None:
        total = max(
            1,
            abs(
                -3,
            ),
        )
        for number in (
            1,
            2,
        ):
            total += number

    rows = [row for row in told(follow(tmp_path, program), program) if row[1] == ""]
    assert rows == [(1, ""), (7, ""), (11, ""), (7, ""), (11, ""), (7, "")]


def test_what_a_statement_read_is_told_with_what_it_made(tmp_path: Path) -> None:
    def program(start: int, other: int) -> tuple[int, int]:
        first = start * 0
        second = other
        return first, second

    def inputs(start: int) -> dict[str, tuple[int, ...]]:
        trace = follow(tmp_path, lambda: program(start, 1))
        return {
            event.name: event.inputs
            for event in trace.lines()
            if event.location.function == "program" and any(event.outputs)
        }

    one, again, other = inputs(1), inputs(1), inputs(2)
    assert one == again
    assert {name for name in one if one[name] != other[name]} == {"first"}


def test_a_generator_is_followed_across_its_yields(tmp_path: Path) -> None:
    def generate() -> Iterator[int]:
        for number in (5, 6):  # noqa: UP028 - the loop is what is looked at
            yield number

    def program() -> int:
        return sum(generate())

    rows = [row for row in told(follow(tmp_path, program), generate) if row[1]]
    assert rows == [(1, "number"), (2, "return"), (1, "number"), (2, "return"), (1, "number")]


def test_a_line_is_told_sixty_four_times_and_those_after_the_loop_all_the_same(
    tmp_path: Path,
) -> None:
    def program() -> int:
        total = 0
        for number in range(1000):
            total += number
        return total + 1

    rows = told(follow(tmp_path, program), program)
    assert rows.count((3, "total")) == 64
    assert rows[-2:] == [(4, ""), (4, "return")]
