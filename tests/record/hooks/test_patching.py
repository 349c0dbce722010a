"""What is replaced for a recording is put back as it was."""

from __future__ import annotations

import functools
import os
import pickle
import random
import time
from types import ModuleType, SimpleNamespace

import pytest

from reproaudit.record.hooks.patching import Patches


def test_a_replaced_attribute_is_put_back_and_a_new_one_is_gone() -> None:
    owner = SimpleNamespace(old=1)
    patches = Patches()
    patches.replace(owner, "old", 2)
    patches.replace(owner, "new", 3)
    assert vars(owner) == {"old": 2, "new": 3}
    patches.undo()
    assert vars(owner) == {"old": 1}


def test_what_was_replaced_twice_is_undone_from_the_last() -> None:
    owner = SimpleNamespace(value=1)
    patches = Patches()
    patches.replace(owner, "value", 2)
    patches.replace(owner, "value", 3)
    patches.on_undo(lambda: setattr(owner, "seen", owner.value))
    patches.undo()
    assert (owner.value, owner.seen) == (1, 3)


def test_undoing_twice_leaves_what_came_after_the_first_time() -> None:
    owner = SimpleNamespace(value=1)
    patches = Patches()
    patches.replace(owner, "value", 2)
    patches.undo()
    owner.value = 5
    patches.undo()
    assert owner.value == 5


def test_a_function_of_os_can_do_what_the_one_before_could() -> None:
    original = os.stat

    def stat(*args: object, **kwargs: object) -> object:
        return original(*args, **kwargs)  # type: ignore[arg-type]

    patches = Patches()
    patches.replace_in_os("stat", stat)
    try:
        assert stat in os.supports_follow_symlinks
    finally:
        patches.undo()
    assert stat not in os.supports_follow_symlinks
    assert os.stat is original


@pytest.mark.parametrize(("module", "name"), [(os, "listdir"), (random, "random"), (time, "time")])
def test_a_replaced_function_can_be_pickled_as_the_one_before(
    module: ModuleType, name: str
) -> None:
    @functools.wraps(getattr(module, name))
    def wrapper() -> None: ...

    patches = Patches()
    patches.replace(module, name, wrapper)
    try:
        assert pickle.loads(pickle.dumps(wrapper)) is wrapper
    finally:
        patches.undo()
