"""That `datetime` gives what a hook chooses, and stays the module that it is."""

from __future__ import annotations

import copy
import datetime
import pickle
from datetime import datetime as early_datetime
from pathlib import Path
from typing import Any

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside import datetimes
from tests.record.recording import record


def test_datetime_stays_the_class_it_is(tmp_path: Path) -> None:
    def program() -> None:
        now, today = datetime.datetime.now(), datetime.date.today()
        assert type(now) is early_datetime is datetime.datetime
        assert pickle.loads(pickle.dumps((now, today, datetime.datetime))) == (
            now,
            today,
            datetime.datetime,
        )
        assert copy.deepcopy(now) == now
        kind = type("Own", (datetime.datetime,), {})
        assert type(kind.now()) is type(kind.today()) is kind

    before = {name: vars(datetime.datetime)[name] for name in ("now", "utcnow")}
    record(tmp_path, program)
    assert {name: vars(datetime.datetime)[name] for name in before} == before


def test_a_hook_on_now_chooses_what_the_program_is_given() -> None:
    patches, asked = Patches(), []
    fixed = datetime.datetime(2020, 1, 2, 3, 4)

    def on_now(name: str, value: Any) -> Any:
        asked.append(name)
        return fixed if isinstance(value, datetime.datetime) else fixed.date()

    datetimes.replace_now(patches, on_now)
    try:
        found = datetime.datetime.now(), datetime.date.today()
    finally:
        patches.undo()
    assert found == (fixed, fixed.date())
    assert asked == ["datetime.datetime.now", "datetime.date.today"]
    assert datetime.datetime.now() > fixed
