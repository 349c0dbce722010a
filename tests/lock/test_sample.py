"""The sample in reports/samples/lock is what these versions write; its `command` makes it again."""

from __future__ import annotations

from pathlib import Path

from reproaudit.lock.files import load
from reproaudit.lock.text import to_text

SAMPLE = Path(__file__).parents[2] / "reports" / "samples" / "lock"


def test_the_sample_lock_is_read_and_written_again_byte_for_byte() -> None:
    path = SAMPLE / "reproaudit.lock"
    assert to_text(load(path)).encode() == path.read_bytes()


def test_the_sample_check_names_an_op_and_a_file_that_its_lock_holds() -> None:
    text = (SAMPLE / "check.txt").read_text()
    (entry,) = load(SAMPLE / "reproaudit.lock").entries
    assert text.startswith(
        f"differs: {entry.name} no longer computes what reproaudit.lock holds; first at aten::"
    )
    named = next(line.split()[-1] for line in text.split("\n") if line.startswith("  operator "))
    assert any(op.op.removesuffix(".default") == named for op in entry.runs[0].operators)
    assert any(
        f"  code  {path} changed; the call above stands in it\n" in text
        for path, _ in entry.runs[0].files
    )
