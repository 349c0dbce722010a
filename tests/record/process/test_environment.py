"""Whether the environment names the device that a program comes to use, and asks none that it does
not use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reproaudit.config.settings import Settings
from reproaudit.model.events import Level
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process import environment
from reproaudit.record.process.environment import Watch, describe_environment
from reproaudit.record.state.process_state import ProcessState
from tests.record.recording import record


class Recorded:
    """What the watch needs of a recorder, and what it was told."""

    def __init__(self) -> None:
        self.learnt: dict[str, str] = {}
        self.plan = SimpleNamespace(settings=Settings())
        self.listens = lambda: False
        # What torch.compile leaves is noted too, if a test before this one has compiled.
        self.notes: list[tuple[Any, ...]] = []
        self.writer = SimpleNamespace(
            learn=self.learnt.__setitem__, change=None, note=lambda *words: self.notes.append(words)
        )


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
    monkeypatch.setattr(environment, "describe_device", lambda: {"gpu": "a device", "cudnn": "9"})
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


def test_a_precision_set_by_the_new_way_is_recorded_though_the_old_one_then_refuses_to_answer(
    watched: tuple[Watch, Recorded],
) -> None:
    watch, recorder = watched
    changes: dict[str, tuple[str, str]] = {}
    recorder.writer.change = lambda what, before, after, location: changes.__setitem__(
        what, (before, after)
    )
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "tf32"
        with pytest.raises(RuntimeError, match="mix of the legacy and new APIs"):
            torch.get_float32_matmul_precision()
        watch.look()
    finally:
        matmul.fp32_precision = before
    assert changes == {"cuda.matmul.fp32_precision": (before, "tf32")}


def test_attention_backends_that_the_program_switches_off_are_recorded(
    watched: tuple[Watch, Recorded],
) -> None:
    watch, recorder = watched
    changes: dict[str, str] = {}
    recorder.writer.change = lambda what, before, after, location: changes.__setitem__(what, after)
    try:
        torch.backends.cuda.enable_flash_sdp(False)
        watch.look()
    finally:
        torch.backends.cuda.enable_flash_sdp(True)
    assert changes == {"attention backends": "mem_efficient cudnn math"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 "
            "UTC 2023\n",
            "535.104.05",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  "
            "(a@b)\n",
            "580.65.06",
        ),
        ("GCC version: gcc version 12.3.0\n", ""),
        ("", ""),
    ],
)
def test_the_driver_is_read_from_what_the_kernel_module_says(text: str, version: str) -> None:
    assert environment.find_driver_version(text) == version


def test_cublas_is_asked_for_its_version_where_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Library:
        def __init__(self, path: str) -> None:
            asked.append(path)

        def cublasGetProperty(self, part: int, into: object) -> int:
            into._obj.value = (13, 0, 2)[part]  # type: ignore[attr-defined]
            return 0

    monkeypatch.setattr(environment.ctypes, "CDLL", Library)
    maps = (
        "7f00-7f01 r-xp 0 08:01 1  /lib/libc.so.6\n"
        "7f02-7f03 r--p 0 08:01 2  /opt/cu13/lib/libcublas.so.13\n"
    )
    assert environment.find_cublas_version(maps) == "13.0.2"
    assert asked == ["/opt/cu13/lib/libcublas.so.13"]
    assert environment.find_cublas_version("7f00-7f01 r-xp 0 08:01 1  /lib/libc.so.6\n") == ""


@pytest.mark.gpu
def test_the_libraries_and_the_driver_of_a_device_in_use_are_named() -> None:
    torch.zeros(1, device="cuda")
    found = describe_environment()
    assert found["cublas"].split(".")[0] == str(torch.version.cuda).split(".")[0]
    assert found["gpu capability"] == ".".join(map(str, torch.cuda.get_device_capability()))
    assert int(found["gpus"]) == torch.cuda.device_count()
    assert int(found["cudnn"]) == torch.backends.cudnn.version()


def test_a_precision_set_by_the_old_way_is_recorded_for_the_gpu_and_for_the_cpu(
    watched: tuple[Watch, Recorded],
) -> None:
    watch, recorder = watched
    changes: dict[str, str] = {}
    recorder.writer.change = lambda what, before, after, location: changes.__setitem__(what, after)
    state = ProcessState.capture()
    try:
        torch.set_float32_matmul_precision("medium")
        watch.look()
        assert changes == {
            "cuda.matmul.fp32_precision": "tf32",
            "mkldnn.matmul.fp32_precision": "bf16",
        }
    finally:
        state.restore()


@pytest.mark.parametrize("way", ["old", "new", "mixed"])
def test_the_precision_is_put_back_by_whatever_way_it_was_changed(way: str) -> None:
    state = ProcessState.capture()
    try:
        if way != "new":
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.allow_tf32 = False
        if way != "old":
            torch.backends.cudnn.conv.fp32_precision = "ieee"
            torch.backends.cuda.matmul.fp32_precision = "tf32" if way == "new" else "ieee"
    finally:
        state.restore()
    assert ProcessState.capture().flags == state.flags
    assert torch.get_float32_matmul_precision() == "highest"  # raises where old and new disagree
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (False, True)


@pytest.mark.seeded
def test_the_line_that_sets_a_flag_of_a_backend_is_known_by_whatever_way_it_is_set(
    tmp_path: Path,
) -> None:
    backends, state = torch.backends, ProcessState.capture()

    def program() -> None:
        backends.cudnn.benchmark = True
        backends.cudnn.deterministic = True
        backends.cuda.matmul.allow_tf32 = True
        backends.cudnn.conv.fp32_precision = "ieee"
        backends.cuda.enable_flash_sdp(False)

    try:
        trace, _ = record(tmp_path, program, Level.BOUNDARY)
    finally:
        state.restore()
        torch.backends.cuda.enable_flash_sdp(True)
    first = program.__code__.co_firstlineno
    assert [
        (change.what, change.location and change.location.line - first) for change in trace.changes
    ] == [
        ("cudnn.benchmark", 1),
        ("cudnn.deterministic", 2),
        ("cuda.matmul.fp32_precision", 3),
        ("cudnn.conv.fp32_precision", 4),
        ("attention backends", 5),
    ]
