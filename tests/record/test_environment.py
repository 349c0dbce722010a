"""Whether the environment names the device that a program comes to use, and asks none that it does not use."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from reproaudit.record import environment
from reproaudit.record.environment import Watch, describe_environment
from reproaudit.record.patching import Patches
from reproaudit.settings import Settings


class Recorded:
    """What the watch needs of a recorder, and what it was told."""

    def __init__(self) -> None:
        self.learnt: dict[str, str] = {}
        self.plan = SimpleNamespace(settings=Settings())
        self.writer = SimpleNamespace(learn=self.learnt.__setitem__, change=None, note=None)


@pytest.fixture
def watched() -> Iterator[tuple[Watch, Recorded]]:
    recorder, patches = Recorded(), Patches()
    yield Watch(recorder, patches), recorder  # type: ignore[arg-type]
    patches.undo()


def test_a_device_that_the_program_initialises_is_learnt_once(
    watched: tuple[Watch, Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, recorder = watched
    watch.look()
    assert recorder.learnt == {}
    monkeypatch.setattr(environment, "_device", lambda: {"gpu": "a device", "cudnn": "9"})
    watch.look()
    assert recorder.learnt == {"gpu": "a device", "cudnn": "9"}
    recorder.learnt.clear()
    watch.look()
    assert recorder.learnt == {}


def test_describing_initialises_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> str:
        raise AssertionError("the device was asked for its name")

    monkeypatch.setattr(torch.cuda, "get_device_name", asked)
    assert "gpu" not in describe_environment()


@pytest.mark.gpu
def test_a_device_in_use_is_named() -> None:
    torch.zeros(1, device="cuda")
    assert describe_environment()["gpu"] == torch.cuda.get_device_name()
