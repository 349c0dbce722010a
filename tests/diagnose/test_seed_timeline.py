"""What is said of the moment at which a seed or a flag was set."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.diagnose.timeline import list_settings_made
from reproaudit.model.question import FlagSetting
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import CUDA_CONTEXT, TORCH_IMPORTED
from tests.trace.sample import new_writer

Row = tuple[str, str, int, tuple[str, ...]]


def read(folder: Path, *rows: Row) -> tuple[FlagSetting, ...]:
    writer = new_writer(folder)
    for what, value, step, made in rows:
        place = writer.location("train.py", 3 + step, "main")
        writer.add_setting(
            at=Moment(0, step, place), what=what, value=value, by="lib.seed_all", made=made
        )
    writer.flush(1)
    return list_settings_made(Trace.open(folder))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("PYTHONHASHSEED", "0", 0, ()), "Python read it when it started"),
        (("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0, (CUDA_CONTEXT,)), "too late: CUDA read it"),
        (("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0, (TORCH_IMPORTED,)), ""),
        (("OMP_NUM_THREADS", "1", 0, (TORCH_IMPORTED,)), "too late: the libraries read it"),
        (("OMP_NUM_THREADS", "1", 0, ()), ""),
        (("torch.manual_seed", "1", 0, ("model Net",)), "too late for Net"),
        (("torch.manual_seed", "1", 0, ("optimizer SGD",)), ""),
        (("random.seed", "1", 0, ("model Net",)), ""),
        (("torch.use_deterministic_algorithms", "True", 2, ()), "set after 2 optimizer steps"),
        (("torch.use_deterministic_algorithms", "True", 0, ("model Net",)), ""),
    ],
)
def test_a_setting_that_comes_too_late_says_for_what(tmp_path: Path, row: Row, why: str) -> None:
    (setting,) = read(tmp_path, row)
    assert setting.why.startswith(why)
    assert bool(setting.why) == bool(why)
    assert (setting.what, setting.value, setting.step, setting.made) == row
    assert setting.by == "lib.seed_all"


def test_another_value_undoes_the_earlier_one_and_the_same_value_does_not(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        ("torch.manual_seed", "1", 0, ()),
        ("random.seed", "7", 0, ()),
        ("torch.manual_seed", "1", 0, ("model Net",)),
        ("torch.manual_seed", "2", 1, ("model Net",)),
    )
    assert [setting.undoes for setting in settings] == [None, None, None, 2]
    assert settings[3].why == "overwrites 1, set at train.py:3"
    # The weights followed the first of them.
    assert settings[2].why == ""


def test_generators_have_a_seed_each(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        ("torch.Generator.manual_seed", "1", 0, ()),
        ("torch.Generator.manual_seed", "2", 0, ()),
    )
    assert [setting.undoes for setting in settings] == [None, None]
