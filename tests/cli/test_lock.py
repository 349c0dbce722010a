"""`reproaudit lock` as a command; the runs behind it are injected."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.lock import make_lock_parser
from reproaudit.cli.main import main
from reproaudit.config.settings import Settings
from reproaudit.lock.files import load, save
from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.runs import Refusal
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import Finding
from tests.lock.locks import RUN, THERE, tensor

pytestmark = pytest.mark.usefixtures("folder")
OTHER = replace(RUN, tensors=(tensor("w", "1"),))
Screen = pytest.CaptureFixture[str]


def locked() -> Lock:
    return load(Path("reproaudit.lock"))


def test_a_subject_is_locked_with_its_arguments_and_settings(runs: Any, capsys: Screen) -> None:
    runs(RUN)
    assert main(["lock", "--quiet", "--seed", "1", "train.py", "--lr", "0.1"]) == 0
    assert locked().entries == (
        Entry("train.py", ("--lr", "0.1"), settings=Settings(seed=1), runs=(RUN,)),
    )
    assert capsys.readouterr().out == (
        "locked: train.py --lr 0.1 in reproaudit.lock: 7 tensors of 2 steps, 8 of 10 operators\n"
        "  operators    --ops keeps more; of later ones the tensors of each step are compared\n"
    )


def test_no_absolute_path_comes_into_the_lock(runs: Any, folder: Path) -> None:
    runs(RUN)
    assert main(["lock", "--quiet", str(folder / "train.py")]) == 0
    assert str(folder) not in Path("reproaudit.lock").read_text()
    assert main(["check", "--quiet", str(folder / "train.py")]) == 0


def test_locking_again_keeps_the_settings_and_steps_unless_told_otherwise(runs: Any) -> None:
    made = runs(RUN)
    for words in (["--seed", "1", "--steps", "all"], ["--threads", "2"], ["--anew"]):
        main(["lock", "--quiet", *words, "train.py"])
    assert [(entry.settings, entry.steps) for entry in made] == [
        (Settings(seed=1), None),
        (Settings(seed=1, threads=2), None),
        (Settings(), 3),
    ]


def test_without_a_subject_every_entry_is_made_again(runs: Any, capsys: Screen) -> None:
    save(
        Lock((Entry("other.py", runs=(RUN,)), Entry("train.py", runs=(OTHER,)))),
        Path("reproaudit.lock"),
    )
    runs(OTHER)
    assert main(["lock", "--quiet"]) == 0
    assert [entry.runs for entry in locked().entries] == [(OTHER,), (OTHER,)]
    assert [
        "all as they were" in line
        for line in capsys.readouterr().out.splitlines()
        if "locked" in line
    ] == [
        False,
        True,
    ]


def test_another_environment_joins_and_prune_drops_it(runs: Any, capsys: Screen) -> None:
    save(
        Lock((Entry("train.py", runs=(replace(RUN, environment=THERE),)),)), Path("reproaudit.lock")
    )
    runs(RUN)
    main(["lock", "--quiet", "train.py"])
    assert len(locked().entries[0].runs) == 2
    assert "one of 2 that this entry holds" in capsys.readouterr().out
    main(["lock", "--quiet", "--prune", "train.py"])
    assert len(locked().entries[0].runs) == 1
    assert "1 dropped" in capsys.readouterr().out


def test_a_program_that_is_not_reproducible_is_refused_and_the_lock_stays(
    runs: Any, capsys: Screen
) -> None:
    finding = Finding(
        "RA401",
        Cause.KERNEL,
        "results differ",
        Phase.BACKWARD,
        0,
        "aten::x",
        location=Location("a.py", 4),
    )
    save(Lock((Entry("train.py", runs=(RUN,)),)), Path("reproaudit.lock"))
    runs(Refusal("2 runs, 2 distinct", finding))
    assert main(["lock", "--quiet", "train.py"]) == 1
    assert locked().entries[0].runs == (RUN,)
    out = capsys.readouterr().out
    assert out.startswith("not locked: train.py: 2 runs, 2 distinct\n")
    assert "aten::x, a.py:4, step 0" in out
    assert "reproaudit train.py" in out


def test_an_interruption_leaves_the_lock_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    save(Lock((Entry("train.py", runs=(RUN,)),)), Path("reproaudit.lock"))
    before = Path("reproaudit.lock").read_bytes()

    def interrupted(*_: Any, **__: Any) -> Entry:
        raise KeyboardInterrupt

    monkeypatch.setattr("reproaudit.cli.lock.lock_entry", interrupted)
    assert main(["lock", "--quiet", "train.py"]) == 2
    assert Path("reproaudit.lock").read_bytes() == before


def test_locking_again_resolves_a_merge_conflict(runs: Any, capsys: Screen) -> None:
    path = Path("reproaudit.lock")
    sides = []
    for run in (RUN, OTHER):
        save(Lock((Entry("other.py", runs=(run,)), Entry("train.py", runs=(run,)))), path)
        sides.append(path.read_text())
    path.write_text(f"<<<<<<< HEAD\n{sides[0]}=======\n{sides[1]}>>>>>>> other\n")
    runs(RUN)
    assert main(["check", "--quiet"]) == 2
    assert (
        "reproaudit.lock, line 1: the file holds a merge conflict [lock-conflict]"
        in capsys.readouterr().err
    )
    assert main(["lock", "--quiet", "train.py"]) == 2
    assert "different digests for 'other.py' too" in capsys.readouterr().err
    assert main(["lock", "--quiet"]) == 0
    assert [entry.runs for entry in locked().entries] == [(RUN,), (RUN,)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lock"], "no subject was named, and there is no lock"),
        (["lock", "gone.py"], "subject-missing"),
        (["lock", "--lock", "held", "--seed", "1"], "name the subject to change them"),
        (["lock", "--ops", "0", "train.py"], "not a whole number above 0"),
    ],
)
def test_wrong_use_is_one_clear_error(words: list[str], told: str, capsys: Screen) -> None:
    save(Lock((Entry("train.py", runs=(RUN,)),)), Path("held"))
    assert main(words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_the_help_shows_examples_and_exit_codes() -> None:
    parser = make_lock_parser()
    text = parser.format_help()
    assert f"  {parser.prog} train.py  " in text
    assert "exit codes: 0 " in text
    assert max(map(len, text.split("\n"))) <= 120


def test_nothing_is_called_locked_that_could_not_be_written(
    runs: Any, capsys: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = runs(RUN)
    assert main(["lock", "--quiet", "--lock", "train.py/reproaudit.lock", "train.py"]) == 2
    assert not made, "refused before the runs"

    def fill_disk(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("reproaudit.report.destinations.write_whole", fill_disk)
    assert main(["lock", "--quiet", "train.py"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot write the lock 'reproaudit.lock': No space left on device" in said.err
    kept = Path(said.err.rpartition("the lock is in ")[2].strip())
    assert kept.read_text().startswith("reproaudit-lock ")
    kept.unlink()
