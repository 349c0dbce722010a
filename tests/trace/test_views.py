"""What the views derive from the fields that they name."""

from __future__ import annotations

from typing import Any

import pytest

from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.trace.views import NOTHING, LineEvent, OpEvent, TensorEvent

LINE_3 = Location("train.py", 3, "main")


def common(kind: EventKind, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "number": 0,
        "kind": kind,
        "phase": Phase.FORWARD,
        "flags": EventFlag(0),
        "step": 0,
        "name": "",
        "thread": 0,
        "location": LINE_3,
    }
    return facts | changes


def line(**changes: Any) -> LineEvent:
    return LineEvent(**common(EventKind.LINE, **changes), inputs=NOTHING, outputs=NOTHING)


def test_a_line_without_a_number_is_not_known() -> None:
    assert line().known_location == LINE_3
    assert line(location=Location("", 0)).known_location is None


def test_only_threads_but_the_main_one_are_threads() -> None:
    assert not line().is_in_thread
    assert line(thread=1).is_in_thread


def test_a_draw_is_known_by_its_name() -> None:
    assert line(name="stream:torch.cpu").is_draw
    assert not line(name="stream").is_draw


def test_a_tensor_is_digested_unless_a_flag_says_otherwise() -> None:
    def tensor(flags: EventFlag) -> TensorEvent:
        facts = common(EventKind.OUTPUT, flags=flags)
        return TensorEvent(**facts, tensor="float32[2]", digest=NOTHING)

    assert tensor(EventFlag.INTERMEDIATE).is_digested
    assert not tensor(EventFlag.INTERMEDIATE | EventFlag.UNDIGESTED).is_digested


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("aten::mm.default", "aten::mm"),
        ("aten::add_.Tensor", "aten::add_.Tensor"),
        ("aten::default.out", "aten::default.out"),
    ],
)
def test_only_the_default_overload_is_left_out(name: str, shown: str) -> None:
    op = OpEvent(
        **common(EventKind.OP, name=name),
        module="",
        inputs=NOTHING,
        outputs=NOTHING,
        outputs_count=1,
        drew_from=None,
        allocated_by=None,
        made_by=None,
    )
    assert op.shown_name == shown
