"""What the program saves, by content."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from reproaudit.model.events import EventKind, Level
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import SavedEvent
from tests.record.recording import differing_events, names, notes, record

SAVED = EventKind.SAVED
ONE = torch.ones(2)


def boundary(folder: Path, program: Any) -> Trace:
    return record(folder, program, Level.BOUNDARY)[0]


def saves(trace: Trace) -> list[tuple[str, int, int]]:
    events = (event for event in trace.tensors() if isinstance(event, SavedEvent))
    return [(event.name, event.file, event.save) for event in events]


def in_temporary_folder(folder: Path) -> Any:
    return mock.patch.dict(os.environ, {"TMPDIR": str(folder)})


def test_a_checkpoint_is_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    with in_temporary_folder(tmp_path):
        trace = boundary(tmp_path, lambda: torch.save({"fc.weight": ONE, "epoch": 3}, path))
    assert names(trace, SAVED) == ["$TMPDIR/best.pt: fc.weight"]
    assert torch.load(path)["epoch"] == 3


def test_saves_of_one_file_are_counted(tmp_path: Path) -> None:
    def program() -> None:
        for name in ("a.pt", "b.pt", "a.pt"):
            torch.save(ONE, tmp_path / name)

    found = saves(boundary(tmp_path, program))
    assert [(file, save) for _, file, save in found] == [(1, 1), (2, 1), (1, 2)]


def test_a_buffer_that_is_gone_leaves_its_place_to_the_next(tmp_path: Path) -> None:
    def program() -> None:
        kept = io.BytesIO()
        for _ in range(2):
            torch.save(ONE, io.BytesIO())
            torch.save(ONE, kept)

    found = saves(boundary(tmp_path, program))
    assert {name for name, _, _ in found} == {"<BytesIO>"}
    assert [(file, save) for _, file, save in found] == [(1, 1), (1, 2), (2, 1), (1, 3)] or [
        (file, save) for _, file, save in found
    ] == [(1, 1), (2, 1), (1, 2), (2, 2)]


def test_names_that_chance_made_are_alike_in_all_runs(tmp_path: Path) -> None:
    def program() -> None:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            torch.save(ONE, Path(folder) / "step3.pt")
        stamped = tmp_path / "2026-11-28_08-04-45"
        stamped.mkdir(exist_ok=True)
        torch.save(ONE, stamped / "0e4b5c1a-7d2f-4b8e-9a3c-112233445566.pt")
        with open(tmp_path / "plain.pt", "wb") as file:
            torch.save(ONE, file)

    with in_temporary_folder(tmp_path):
        assert names(boundary(tmp_path, program), SAVED) == [
            "$TMPDIR/*/step3.pt",
            "$TMPDIR/*/*.pt",
            "$TMPDIR/plain.pt",
        ]


@pytest.mark.parametrize("run", ["run-3fa1c2bd-12345", "run-9d0e41aa-77", "exp_2026-11-28_a"])
def test_a_name_that_is_random_in_part_is_left_out_as_a_whole(tmp_path: Path, run: str) -> None:
    def program() -> None:
        # Of eight letters, digits and "_", which may all be letters.
        with tempfile.TemporaryDirectory(dir=tmp_path, prefix=run) as folder:
            torch.save(ONE, Path(folder) / "last.pt")
        with tempfile.NamedTemporaryFile(dir=tmp_path, prefix="model", suffix=".pt") as file:
            torch.save(ONE, file.name)

    with in_temporary_folder(tmp_path):
        named = names(boundary(tmp_path, program), SAVED)
    assert named == ["$TMPDIR/*/last.pt", "$TMPDIR/*.pt"]


def test_arrays_are_compared_however_numpy_saves_them(tmp_path: Path) -> None:
    def program(value: float) -> None:
        array = np.full(3, value)
        np.save(tmp_path / "a.npy", array)
        np.save(tmp_path / "losses.npy", [value, 2.0])
        np.savez(tmp_path / "b.npz", array, scale=array)
        np.savez_compressed(tmp_path / "c.npz", w=array)

    with in_temporary_folder(tmp_path):
        first, second = (boundary(tmp_path, lambda v=v: program(v)) for v in (1.0, 3.0))
    wanted = ["a.npy", "losses.npy", "b.npz: arr_0", "b.npz: scale", "c.npz: w"]
    assert [name.removeprefix("$TMPDIR/") for name in names(first, SAVED)] == wanted
    assert len(differing_events(first, second, SAVED)) == 5


@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_safetensors_are_compared_by_content(tmp_path: Path, kind: str) -> None:
    module = pytest.importorskip(f"safetensors.{kind}", reason="safetensors is optional")
    tensor = ONE if kind == "torch" else ONE.numpy()
    path = tmp_path / "m.safetensors"
    with in_temporary_folder(tmp_path):
        trace = boundary(tmp_path, lambda: module.save_file({"w": tensor}, path, {"a": "b"}))
    assert names(trace, SAVED) == ["$TMPDIR/m.safetensors: w"]


def test_the_program_sees_its_own_errors_and_nothing_is_recorded_then(tmp_path: Path) -> None:
    def program() -> None:
        with pytest.raises((OSError, RuntimeError)):
            torch.save(ONE, tmp_path / "no" / "folder.pt")
        with pytest.raises(TypeError):
            torch.save(ONE)  # type: ignore[call-arg]

    assert names(boundary(tmp_path, program), SAVED) == []


def test_a_program_that_mocks_torch_save_gets_its_mock(tmp_path: Path) -> None:
    def program() -> int:
        with mock.patch("torch.save") as fake:
            torch.save(ONE, "nowhere.pt")
        return int(fake.call_count)

    trace, calls = record(tmp_path, program, Level.BOUNDARY)
    assert calls == 1
    assert names(trace, SAVED) == []


def test_a_path_that_fails_to_say_what_it_is_becomes_a_note(tmp_path: Path) -> None:
    class Sink(io.BytesIO):
        @property
        def name(self) -> str:
            raise RuntimeError("no name")

    trace = boundary(tmp_path, lambda: torch.save(ONE, Sink()))
    assert any("no name" in note.why for note in notes(trace))


def test_all_is_as_before_when_the_recorder_is_gone(tmp_path: Path) -> None:
    before = (torch.save, np.save, np.savez, np.savez_compressed)
    boundary(tmp_path, lambda: None)
    assert before == (torch.save, np.save, np.savez, np.savez_compressed)
