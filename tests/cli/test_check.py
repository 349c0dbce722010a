"""`reproaudit check` as a command; the runs behind it are injected."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.check import make_check_parser
from reproaudit.cli.main import main
from reproaudit.config.settings import Settings
from reproaudit.lock.check import State
from reproaudit.lock.files import save
from reproaudit.lock.model import Entry, Lock
from tests.lock.locks import RUN, tensor

pytestmark = pytest.mark.usefixtures("folder")
OTHER = replace(RUN, tensors=(tensor("w", "1"),))
Screen = pytest.CaptureFixture[str]


def test_checking_says_how_each_entry_is_and_exits_with_the_worst(
    runs: Any, capsys: Screen
) -> None:
    save(
        Lock((Entry("other.py", runs=(RUN,)), Entry("train.py", runs=(OTHER,)))),
        Path("reproaudit.lock"),
    )
    runs(RUN)
    assert main(["check", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("equal: other.py")
    assert "\n\ndiffers: train.py" in out
    assert main(["check", "--quiet", "other.py"]) == 0


def test_checking_under_a_changed_setting_runs_and_names_it(runs: Any, capsys: Screen) -> None:
    save(
        Lock((Entry("train.py", settings=Settings(seed=1, threads=2), runs=(RUN,)),)),
        Path("reproaudit.lock"),
    )
    made = runs(RUN)
    assert main(["check", "--quiet", "--threads", "1", "train.py"]) == 0
    assert made[0].settings == Settings(seed=1, threads=1)
    assert "  settings  threads: 2 -> 1\n" in capsys.readouterr().out


def test_json_goes_to_a_file_beside_the_screen_or_to_stdout_instead(
    runs: Any, capsys: Screen
) -> None:
    save(Lock((Entry("train.py", runs=(OTHER,)),)), Path("reproaudit.lock"))
    runs(RUN)
    assert main(["check", "--quiet", "--json", "out/x.json"]) == 1
    assert capsys.readouterr().out.startswith("differs:")
    assert main(["check", "--quiet", "--json", "-"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads(Path("out/x.json").read_text())
    assert (shown["exit_code"], shown["entries"][0]["state"]) == (1, State.DIFFERS.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check"], "lock-missing"),
        (["check", "--lock", "held", "trian.py"], "did you mean 'train.py'?"),
        (["check", "--lock", "held", "train.py", "--lr", "1"], "lock-entry"),
        (["check", "--lock", "none-held"], "holds no entry"),
        (["check", "--lock", "held", "--preset", "strict"], "preset-unknown"),
    ],
)
def test_wrong_use_is_one_clear_error(words: list[str], told: str, capsys: Screen) -> None:
    save(Lock((Entry("train.py", runs=(RUN,)),)), Path("held"))
    save(Lock(), Path("none-held"))
    assert main(words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_the_help_shows_examples_and_exit_codes() -> None:
    parser = make_check_parser()
    text = parser.format_help()
    assert f"  {parser.prog} train.py  " in text
    assert "exit codes: 0 " in text
    assert max(map(len, text.split("\n"))) <= 120


@pytest.mark.parametrize("place", ["train.py/x.json", ".", ""])
def test_a_place_that_takes_no_outcome_is_refused_before_the_runs(
    runs: Any, capsys: Screen, place: str
) -> None:
    save(Lock((Entry("train.py", runs=(RUN,)),)), Path("reproaudit.lock"))
    made = runs(RUN)
    assert main(["check", "--quiet", "--json", place]) == 2
    assert not made
    assert capsys.readouterr().err.startswith("reproaudit: error: ")
