"""Who called a wrapped function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from reproaudit.record.hooks import callers
from reproaudit.record.hooks.callers import outer_frame


def ask(depth: int) -> FrameType | None:
    return outer_frame(depth)


def test_the_frame_asked_for_is_counted_from_who_asks() -> None:
    frame = ask(1)
    assert frame is not None
    assert frame.f_code is test_the_frame_asked_for_is_counted_from_who_asks.__code__


def test_wrappers_of_ours_around_each_other_are_skipped() -> None:
    names: dict[str, Any] = {"ask": ask}
    source = "def wrapper(inner, *args):\n    return inner(*args)\n"
    exec(compile(source, f"{callers.PACKAGE}record/wrapper.py", "exec"), names)
    wrapper = names["wrapper"]
    frame = wrapper(wrapper, ask, 1)
    assert frame is not None
    assert frame.f_code is test_wrappers_of_ours_around_each_other_are_skipped.__code__


def test_a_call_by_the_interpreter_itself_has_nobody_above_it(tmp_path: Path) -> None:
    program = tmp_path / "ends.py"
    program.write_text(
        "import atexit\n"
        "from reproaudit.record.hooks.callers import frame_at, outer_frame\n"
        "from reproaudit.record.hooks.callsite import FrameKinds\n"
        "kinds = FrameKinds()\n"
        "def last():\n"
        "    print(frame_at(1), outer_frame(1), kinds.is_program(0), kinds.is_program(1))\n"
        "atexit.register(last)\n"
    )
    command = [sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "None None True False\n"
