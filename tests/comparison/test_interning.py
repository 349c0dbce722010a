"""One numbering of names and lines over several traces."""

from __future__ import annotations

from pathlib import Path

from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventKind
from reproaudit.trace.reader import Trace
from tests.comparison.traces import Row, make_run
from tests.trace.sample import DONE, new_writer

GRADIENT = EventKind.GRADIENT


def numbers(interned: Interned, trace: Trace) -> tuple[dict[str, int], dict[int, int]]:
    """Return the common number of each name, and of each line by its number in the file."""
    strings, locations = interned.ids(trace)
    lines = [place.line for place in trace.locations]
    names = dict(zip(trace.strings, strings.tolist(), strict=True))
    return names, dict(zip(lines, locations.tolist(), strict=True))


def test_equal_names_and_lines_of_two_traces_have_equal_numbers(tmp_path: Path) -> None:
    interned = Interned()
    first = make_run(tmp_path, 0, [Row("a", line=3), Row("b", line=4)]).main
    second = make_run(tmp_path, 1, [Row("b", line=4), Row("c", line=5), Row("a", line=3)]).main
    assert first.strings.index("a") != second.strings.index("a")
    names, lines = numbers(interned, first)
    other_names, other_lines = numbers(interned, second)
    assert {name: other_names[name] for name in names} == names
    assert {line: other_lines[line] for line in lines} == lines
    assert len(set(other_names.values())) == len(other_names)
    assert len(set(other_lines.values())) == len(other_lines)


def test_a_name_that_no_trace_has_is_numbered_apart(tmp_path: Path) -> None:
    interned = Interned()
    names, _ = numbers(interned, make_run(tmp_path, 0, [Row("a")]).main)
    assert interned.string("a") == names["a"]
    assert interned.string("b") not in names.values()


def test_a_line_is_the_same_whatever_its_function_is_called(tmp_path: Path) -> None:
    interned = Interned()
    found = []
    for number, function in enumerate(("main", "generated_7")):
        writer = new_writer(tmp_path / str(number))
        place = writer.location("train.py", 3, function)
        writer.close(DONE, 1)
        _, locations = interned.ids(Trace.open(tmp_path / str(number)))
        found.append(int(locations[place]))
    assert found[0] == found[1]


def test_the_common_numbering_outlives_the_traces_it_was_made_for(tmp_path: Path) -> None:
    interned = Interned()
    for index in range(30):  # a freed trace's address is soon used again
        names = [f"name-{number}" for number in range(index % 5 + 1)]
        run = make_run(tmp_path, index, [Row(name, 1, kind=GRADIENT) for name in names])
        strings, _ = interned.ids(run.main)
        assert len(strings) == len(run.main.strings)
        del run
