"""Which function of a library made a call into the outside world, and how it could be seeded."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reproaudit.model.events import LibraryCall
from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.outside.library_calls import find_library_call
from tests.record.recording import record

LIBRARY = """
import functools
import os


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def fingerprinted(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        make_fingerprint()
        return function(*args, **kwargs)

    return wrapper


def make_fingerprint():
    return os.urandom(2)


class Rows:
    @fingerprinted
    def shuffle(self, seed=None):
        return seed

    @fingerprinted
    def select(self, n):
        return n


@decorated
def sample(n, random_state=None):
    return _draw(n)


def _draw(n, seed=None):
    return os.urandom(n)


def unseedable(n):
    return os.urandom(n)


class Sampler:
    def __init__(self, seed=None):
        self.seed = seed

    def sample(self):
        return os.urandom(2)


class Study:
    def ask(self):
        return Sampler().sample()


def build(n):
    return Study().ask()
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package that lies where installed ones lie."""
    folder = tmp_path / "site-packages"
    (folder / "drawlib").mkdir(parents=True)
    (folder / "drawlib" / "__init__.py").write_text(textwrap.dedent(LIBRARY))
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    yield importlib.import_module("drawlib")
    del sys.modules["drawlib"]


def below(folder: Path, program: Callable[[], Any]) -> LibraryCall | None:
    trace, _ = record(folder, program)
    *_, call = (event for event in trace.entropy_calls() if event.call == "os.urandom")
    assert call.location.path == "test_library_calls.py"
    return call.below


def test_the_function_that_the_program_called_is_named_with_its_argument_for_a_seed(
    tmp_path: Path, library: ModuleType
) -> None:
    def program() -> None:
        library.sample(3)

    assert below(tmp_path, program) == LibraryCall("drawlib.sample", "sample", "random_state")


def test_a_method_is_seeded_where_its_object_is_made(tmp_path: Path, library: ModuleType) -> None:
    sampler = library.Sampler()

    def program() -> None:
        sampler.sample()

    assert below(tmp_path, program) == LibraryCall("drawlib.Sampler.sample", "Sampler", "seed")


def test_what_takes_a_seed_may_lie_deeper_in_the_library(
    tmp_path: Path, library: ModuleType
) -> None:
    def program() -> None:
        library.build(3)

    assert below(tmp_path, program) == LibraryCall("drawlib.build", "Sampler", "seed")


def test_what_the_program_called_is_named_and_not_what_its_wrapper_calls_first(
    tmp_path: Path, library: ModuleType
) -> None:
    rows = library.Rows()

    def shuffle() -> None:
        rows.shuffle()

    def shuffle_by_none() -> None:
        rows.shuffle(seed=None)

    def shuffle_by_seed() -> None:
        rows.shuffle(seed=3)

    def select() -> None:
        rows.select(3)

    if sys.version_info < (3, 11):
        pytest.skip("frames do not say which call runs")
    shuffled = LibraryCall("drawlib.Rows.shuffle", "shuffle", "seed")
    assert below(tmp_path / "1", shuffle) == shuffled
    assert below(tmp_path / "2", shuffle_by_none) == shuffled
    assert below(tmp_path / "3", shuffle_by_seed) == LibraryCall("drawlib.Rows.shuffle")
    assert below(tmp_path / "4", select) == LibraryCall("drawlib.Rows.select")


def test_a_function_without_a_seed_is_named_alone(tmp_path: Path, library: ModuleType) -> None:
    def program() -> None:
        library.unseedable(3)

    assert below(tmp_path, program) == LibraryCall("drawlib.unseedable")


def test_a_seed_that_was_given_is_not_asked_for(tmp_path: Path, library: ModuleType) -> None:
    sampler = library.Sampler(seed=3)

    def program() -> None:
        sampler.sample()

    assert below(tmp_path, program) == LibraryCall("drawlib.Sampler.sample")


def test_a_call_of_the_program_itself_is_below_no_library(tmp_path: Path) -> None:
    assert below(tmp_path, _draw_here) is None


def _draw_here() -> bytes:
    return os.urandom(4)


class _Compiled:
    """What is called by C: no frame of a library stands between the program and its call."""

    __call__: Any


def test_a_compiled_function_is_named_by_the_line_that_calls_it(
    tmp_path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("frames do not say which call runs")
    monkeypatch.setattr(_Compiled, "__module__", "drawlib.core")
    compiled = _Compiled()
    seen: list[LibraryCall | None] = []

    def watch(size: int) -> bytes:
        frame = sys._getframe(1)
        seen.append(find_library_call(frame, "os.urandom", FrameKinds()))
        return b""

    monkeypatch.setattr(
        _Compiled, "__call__", staticmethod(functools.partial(watch)), raising=False
    )
    compiled(4)
    assert seen == [LibraryCall("drawlib.core._Compiled")]


def test_no_frame_is_below_no_library() -> None:
    assert find_library_call(None, "os.urandom", FrameKinds()) is None
