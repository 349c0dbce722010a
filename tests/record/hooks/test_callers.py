"""Who called a wrapped function."""

from __future__ import annotations

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
