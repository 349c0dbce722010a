"""The groups of `make robustness`: one cheap row of each, and the tables that they write."""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


def make_ending(code: int | None = 0, out: str = "", err: str = "", **more: Any) -> Any:
    return load("survival").Ending(code, out.encode(), err.encode(), 0.0, **more)


def test_every_group_is_a_script_and_every_program_says_what_is_strange_about_it() -> None:
    for name in load("robustness").GROUPS:
        assert callable(load(f"robust_{name}").main)
    programs = load("robust_programs")
    found = programs.list_programs([])
    assert len(found) > 50
    assert all(programs.read_title(path) for path in found)
    names = {programs.name_of(path) for path in found}
    assert {*programs.CODES, *programs.FLAGS, *programs.EMPTY} <= names


def test_a_table_names_what_was_not_survived_and_what_was_not_tried(tmp_path: Path) -> None:
    survival = load("survival")
    rows = [
        survival.Tried("a", ("x",)),
        survival.Tried("b", ("y",), ("hung",)),
        survival.Tried("c", not_tried="needs a disk"),
    ]
    table = survival.Table("programs", ["Programs"], ["name", "what"])
    assert table.write(rows, tmp_path) == 1
    text = (tmp_path / "programs.md").read_text(encoding="utf-8")
    assert "2 tried, 1 survived." in text
    assert "| b | y | no: hung |" in text
    assert "| c |  | not tried: needs a disk |" in text
    assert survival.read_rows(tmp_path, "programs") == rows
    assert not load("robustness").write_summary(tmp_path)
    assert "- programs, not tried: c: needs a disk" in (tmp_path / "README.md").read_text()


def test_a_part_takes_the_place_of_the_rows_of_its_names(tmp_path: Path) -> None:
    survival = load("survival")
    table = survival.Table("files", ["Files"], ["name", "what"])
    table.write([survival.Tried("a", ("x",)), survival.Tried("b", ("y",), ("hung",))], tmp_path)
    assert table.write([survival.Tried("b", ("z",))], tmp_path, ["a", "b", "d"]) == 0
    found = survival.read_rows(tmp_path, "files")
    assert found == [
        survival.Tried("a", ("x",)),
        survival.Tried("b", ("z",)),
        survival.Tried("d", not_tried="not run"),
    ]
    table.write([survival.Tried("c")], tmp_path)
    assert survival.read_rows(tmp_path, "files") == [survival.Tried("c")]


def test_a_table_shows_no_path_of_the_machine() -> None:
    survival = load("survival")
    said = survival.scrub(f"{ROOT}/a | {sys.prefix}/b\n\x1b[31m")
    assert said == "…/a \\| …/b �[31m"


def test_what_a_command_leaves_running_is_seen_and_ended(tmp_path: Path) -> None:
    # In a process of its own: that process adopts what is left.
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import survival
survival.SETTLING_S = 0.1
survival.adopt_orphans()
words = ["/bin/sh", "-c", "sleep 600 & echo out; exit 3"]
ending = survival.run(words, survival.Path(sys.argv[2]))
print(ending.code, ending.out_text.strip(), ending.left)
"""
    words = [sys.executable, "-c", code, str(ROOT / "benchmarks"), str(tmp_path)]
    ending = load("survival").run(words, tmp_path)
    assert ending.out_text == "3 out ('sleep 600',)\n"


def test_a_recorded_run_is_compared_with_the_plain_one() -> None:
    programs = load("robust_programs")
    plain = programs.Seen(0, b"loss", ("a",))
    assert plain.list_changes(programs.Seen(0, b"loss", ("a",))) == []
    found = plain.list_changes(programs.Seen(1, b"", (), ("sleep",)))
    assert found == [
        "ended with 1 instead of 0",
        "printed '' instead of 'loss'",
        "left the files none",
        "left running: sleep",
    ]


@pytest.mark.parametrize(
    ("code", "out", "err", "expected", "faults"),
    [
        (0, "reproducible: 2 runs", "", "audited", []),
        (1, "not reproducible: 2 runs", "", "differs", []),
        (2, "", "reproaudit: error: no room [disk-full]\n  hint: make some", "disk-full", []),
        (1, "", "", "audited", ["exit code 1 instead of audited"]),
        (None, "", "", "audited", ["still running after 0 s", "exit code None instead of audited"]),
        (
            2,
            "",
            "Traceback (most recent call last)\nreproaudit: error: a fault [internal]",
            "internal",
            ["a traceback"],
        ),
    ],
)
def test_a_place_is_survived_if_what_must_comes_of_it(
    code: int | None, out: str, err: str, expected: str, faults: list[str], tmp_path: Path
) -> None:
    ending = make_ending(code, out, err)
    assert load("robust_environments").judge(ending, expected, tmp_path)[1] == faults


def test_a_temporary_folder_that_is_left_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "reproaudit-x").mkdir()
    ending = make_ending(0, "reproducible: 2 runs")
    faults = load("robust_environments").judge(ending, "audited", tmp_path)[1]
    assert faults == ["1 temporary folders left"]


def test_a_shell_does_what_comes_before_the_command_and_sends_its_streams(tmp_path: Path) -> None:
    environments = load("robust_environments")
    place = environments.Place(
        "x",
        before="cd ..",
        streams="2>&1",
        flags=("-S",),
        entry=("-c", "import os; os.system('pwd >&2')"),
    )
    folder = tmp_path / "inner"
    folder.mkdir()
    ending = load("survival").run(environments.build_command(place), folder)
    assert ending.out_text.strip() == str(tmp_path.resolve())


def test_a_wrong_command_line_is_judged_by_what_it_says() -> None:
    lines = load("robust_command_lines")
    pairs = [("--runs 1 train.py", "one run cannot"), ("--runs 1 train.py", "something else")]
    good, bad = lines.try_lines(pairs)
    assert good.faults == ()
    assert bad.faults == ("does not say something else",)
    assert len(lines.list_lines(lines.LINES)) > 100


def test_a_program_is_run_plainly_and_recorded_at_both_levels(tmp_path: Path) -> None:
    program = tmp_path / "prints.py"
    program.write_text('"""Nothing is computed"""\nprint(1)\n')
    folder = tmp_path / "runs"
    folder.mkdir()
    faults = load("robust_programs").check(program, folder)
    assert faults == ["boundary: nothing was recorded", "operation: nothing was recorded"]


def test_a_closed_stream_is_refused_in_a_place() -> None:
    environments = load("robust_environments")
    (place,) = (one for one in environments.PLACES if one.name == "standard output closed")
    row = environments.try_place(place)
    assert row.faults == ()
    assert row.cells == ("stream-closed", "2: standard output is closed [stream-closed]")


def test_a_signal_is_sent_once_its_moment_has_come(tmp_path: Path) -> None:
    interruptions = load("robust_interruptions")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    term = (signal.SIGTERM,)
    case = interruptions.Case(
        interruptions.Moment("soon", after_s=0.01), term, (2, -signal.SIGTERM)
    )
    assert interruptions.try_case(case, tmp_path, temporary).faults == ()
    names = [case.name for case in interruptions.list_cases()]
    assert len(names) == len(set(names))


def test_a_moment_that_does_not_come_is_a_fault(tmp_path: Path) -> None:
    interruptions = load("robust_interruptions")
    case = interruptions.Case(interruptions.FIRST_RUN, (), (2,), ("--runs", "0", "train.py"))
    assert interruptions.try_case(case, tmp_path, tmp_path).faults == ("the moment did not come",)


def test_a_hostile_file_is_refused_and_a_changed_one_read_or_refused(tmp_path: Path) -> None:
    files = load("robust_files")
    (named,) = (one for one in files.NAMED if one.name == "100,000 brackets")
    row = files.try_named("result", named, tmp_path / "result")
    assert row.faults == ()
    assert row.cells[0].startswith("2: cannot read 'result.json': it is not JSON")
    for name in ("plan", "lock"):
        (reader,) = (one for one in files.READERS if one.name == name)
        assert files.try_changes(reader, 10).faults == ()
    (reader,) = (one for one in files.READERS if one.name == "baseline")
    assert files.try_escapes(reader).faults == ()


def test_numbers_of_one_name_are_replaced_in_a_text() -> None:
    replace = load("robust_files").replace_numbers
    assert (
        replace('{"a": 1.5, "b": 2, "a": null}', "a", "1e306") == '{"a": 1e306, "b": 2, "a": null}'
    )
