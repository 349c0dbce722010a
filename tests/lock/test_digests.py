"""From a trace to the lines of a lock. The traces are made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.config.subject import parse_subject
from reproaudit.lock.digests import (
    format_scalar,
    have_same_rows,
    intersect_runs,
    read_environment,
    read_locked_run,
    shorten_path,
)
from reproaudit.lock.model import AFTER_ALL_STEPS, OUTSIDE, VARIES, LockedRun
from reproaudit.model.events import EventFlag, EventKind, Phase
from reproaudit.trace.values import TensorValue
from tests.comparison.traces import Row, make_run
from tests.lock.locks import op, run_with, tensor

ROWS = (
    Row("aten::lift_fresh", 0xB0 << 56, 7, flags=EventFlag.BIRTH, phase=Phase.DATA),
    Row("aten::uniform_", 0xB1 << 56, 7, flags=EventFlag.RANDOM, aux=0xCAFE << 48),
    Row("aten::view", 9, 9, flags=EventFlag.VIEW),
    Row("aten::empty", 9, 9, flags=EventFlag.UNDEFINED),
    Row("net.input", 1, kind=EventKind.BATCH, shown="float32[8, 3]"),
    Row("net.output", 2, kind=EventKind.OUTPUT, flags=EventFlag.INTERMEDIATE, shown="float32[8]"),
    Row("loss", 3, kind=EventKind.OUTPUT, shown="float32[]"),
    Row("aten::mm", 0xB2 << 56, 0xB1 << 56, phase=Phase.BACKWARD, line=5),
    Row("w", 4, kind=EventKind.GRADIENT, phase=Phase.BACKWARD, shown="float32[3]"),
    Row("metric", 5, kind=EventKind.OUTPUT, shown="float32[]"),
    Row("aten::add_", 0xB3 << 56, 1, thread=1),
)


def locked(
    folder: Path, rows: tuple[Row, ...] = ROWS, *, most: int = 99, threads: bool = False
) -> LockedRun:
    (folder / "train.py").write_text("")
    run = make_run(folder, 0, rows)
    subject = parse_subject("train.py", cwd=folder)
    return read_locked_run(run, subject, Interned(), most_operators=most, other_threads=threads)


def test_ops_that_compute_something_are_kept_with_what_they_read_and_wrote(tmp_path: Path) -> None:
    found = locked(tmp_path)
    assert [
        (one.op, one.inputs, one.outputs, one.generator, one.phase, one.place)
        for one in found.operators
    ] == [
        ("aten::lift_fresh", OUTSIDE, "b0000000", "", "data", "train.py:1"),
        ("aten::uniform_", "00000000", "b1000000", "cafe0000", "forward", "train.py:1"),
        ("aten::mm", "b1000000", "b2000000", "", "backward", "train.py:5"),
    ]
    assert found.operators_total == 3
    assert [path for path, _ in found.files] == ["train.py"]


def test_tensors_stand_in_the_order_of_the_run_with_what_they_decide(tmp_path: Path) -> None:
    assert [
        (one.kind, one.name, one.tensor, one.digest[-1]) for one in locked(tmp_path).tensors
    ] == [
        ("batch", "net.input", "float32[8,3]", "1"),
        ("intermediate", "net.output", "float32[8]", "2"),
        ("loss", "loss", "float32[]", "3"),
        ("gradient", "w", "float32[3]", "4"),
        ("output", "metric", "float32[]", "5"),
    ]


def test_what_the_program_leaves_comes_last_whenever_it_was_left(tmp_path: Path) -> None:
    saved = Row("best.pt: w", 6, kind=EventKind.SAVED, inputs=1, inputs_high=1, step=1)
    dead = Row("v", 7, kind=EventKind.FINAL)
    found = locked(tmp_path, (saved, dead, *ROWS)).tensors
    assert [(one.kind, one.name, one.step) for one in found[-3:]] == [
        ("output", "metric", 0),
        ("final", "v", AFTER_ALL_STEPS),
        ("saved", "best.pt: w", AFTER_ALL_STEPS),
    ]


def test_of_a_draw_what_stands_in_its_line_is_held_wherever_the_line_is(tmp_path: Path) -> None:
    def digests(text: str, line: int) -> list[str]:
        row = Row("aten::uniform_", 1, flags=EventFlag.RANDOM, aux=1, line=line)
        folder = tmp_path / str(line)
        folder.mkdir()
        run = make_run(folder, 0, (row, Row("aten::mm", 2, line=line)))
        (folder / "train.py").write_text(text)
        subject = parse_subject("train.py", cwd=folder)
        found = read_locked_run(run, subject, Interned(), most_operators=9, other_threads=False)
        return [op.text for op in found.operators]

    first = digests("a = draw()\n", 1)
    assert first == digests("# moved\n  a = draw()\n", 2)
    assert (len(first[0]), first[1]) == (8, "")
    assert first != digests("\n\nb = draw()\n", 3)
    assert digests("", 4) == ["", ""]


def test_ops_past_the_limit_are_counted_and_not_kept(tmp_path: Path) -> None:
    found = locked(tmp_path, most=2)
    assert (len(found.operators), found.operators_total, found.is_cut) == (2, 3, True)


def test_other_threads_are_held_only_where_they_are_asked_for(tmp_path: Path) -> None:
    assert [one.op for one in locked(tmp_path, threads=True).operators][-1] == "aten::add_"


def test_numerics_do_not_depend_on_cores_or_patch_releases_or_on_a_gpu_that_is_not_used(
    tmp_path: Path,
) -> None:
    environment = {
        "python": "3.11.7",
        "torch": "2.9",
        "cpu cores": "64",
        "threads": "2",
        "gpu": "A100",
    }
    run = make_run(tmp_path, 0, ROWS)
    run.main.header["environment"] = environment
    assert read_environment(run) == (
        ("device", "cpu"),
        ("python", "3.11"),
        ("torch", "2.9"),
        ("threads", "2"),
    )
    on_gpu = make_run(tmp_path, 1, (*ROWS, Row("torch.cuda:0", kind=EventKind.RNG)))
    on_gpu.main.header["environment"] = environment
    assert dict(read_environment(on_gpu)) == dict(read_environment(run)) | {
        "device": "cuda",
        "gpu": "A100",
    }


def test_a_path_outside_of_the_program_loses_its_folders() -> None:
    assert [shorten_path(path) for path in ("/a/b/c.py", "../c.py", "site-packages/d.py", "")] == [
        ".../c.py",
        "../c.py",
        "site-packages/d.py",
        "",
    ]


@pytest.mark.parametrize(
    ("dtype", "raw", "text"),
    [
        ("float32", np.array([0.1], "<f4").tobytes(), "0.1"),
        ("float64", np.array([0.1], "<f8").tobytes(), "0.1"),
        ("bfloat16", np.array([0x3FC0], "<u2").tobytes(), "1.5"),
        ("float32", np.array([np.nan], "<f4").tobytes(), "nan"),
        ("float32", np.array([1, 2], "<f4").tobytes(), ""),
        ("int64", np.array([1], "<i8").tobytes(), ""),
        ("complex64", np.array([1], "<c8").tobytes(), ""),
    ],
)
def test_a_loss_is_shown_by_the_shortest_text_that_tells_it_apart(
    dtype: str, raw: bytes, text: str
) -> None:
    assert format_scalar(TensorValue(dtype, (), np.frombuffer(raw, np.uint8))) == text


def test_what_two_locked_runs_disagree_on_is_marked_or_left_out() -> None:
    first = run_with(
        op("mm"),
        op("relu", "2", "3"),
        op("once"),
        tensors=(tensor("x", "1", "batch"), tensor("w", "2")),
    )
    second = run_with(
        op("mm"), op("relu", "2", "4"), tensors=(tensor("x", "9", "batch"), tensor("w", "2"))
    )
    found = intersect_runs(first, second)
    assert [(one.op, one.inputs, one.outputs) for one in found.operators] == [
        ("aten::mm", "00000001", "00000002"),
        ("aten::relu", "00000002", VARIES),
    ]
    assert [one.digest[-6:] for one in found.tensors] == [VARIES, "000002"]


def test_runs_hold_the_same_rows_whatever_their_digests_and_lines() -> None:
    first = run_with(op("mm"), op("relu"))
    assert have_same_rows(first, run_with(op("mm", "8", "9"), op("relu", line=8)))
    assert not have_same_rows(first, run_with(op("relu"), op("mm")))
    assert not have_same_rows(first, replace(first, tensors=first.tensors[1:]))
