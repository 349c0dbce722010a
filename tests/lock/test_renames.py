"""A tensor under another name with the same content is no change of numerics."""

from __future__ import annotations

from reproaudit.config.settings import Settings
from reproaudit.lock.check import CheckResult, State, choose_exit_code, compare_runs
from reproaudit.lock.model import AFTER_ALL_STEPS, Entry, LockedTensor
from reproaudit.lock.renames import find_renames
from reproaudit.lock.render import to_document, to_lines
from tests.lock.locks import op, run_with, tensor


def tensors(stem: str, content: str = "1") -> tuple[LockedTensor, ...]:
    return (
        tensor("loss", "9", "loss"),
        tensor(f"{stem}.weight", content),
        tensor(f"{stem}.bias", "2"),
        tensor("head.weight", "3"),
        tensor(f"{stem}.weight", "4", "parameter", step=1),
    )


LOCKED = run_with(op("addmm", module="stem"), op("mm", "2", "3"), tensors=tensors("stem"))
ENTRY = Entry("train.py", runs=(LOCKED,))


def checked(*now: LockedTensor, module: str = "trunk") -> CheckResult:
    run = run_with(op("addmm", module=module), op("mm", "2", "3"), tensors=now)
    return compare_runs(ENTRY, LOCKED, run, Settings())


def test_a_renamed_module_is_equal_under_other_names() -> None:
    result = checked(*tensors("trunk"))
    assert (result.state, result.operators_differ) == (State.EQUAL, False)
    assert choose_exit_code([result]) == 0
    assert to_lines(result, "x.lock") == [
        "equal, under other names: train.py computes what x.lock holds: 5 tensors",
        "  names  stem.weight is trunk.weight now, with the same contents",
        "  names  stem.bias is trunk.bias now, with the same contents",
    ]
    document = to_document([result], "x.lock", 0)["entries"][0]
    assert document["renamed"][0] == {"locked": "stem.weight", "now": "trunk.weight"}


def test_a_name_whose_content_changed_too_is_not_renamed() -> None:
    result = checked(*tensors("trunk", content="7"))
    assert result.state is State.DIFFERS
    assert result.renames == (("stem.bias", "trunk.bias"),)
    assert (result.differing, len(result.tensors)) == (2, 4)
    assert "  2 of 5 tensors, and 2 that the lock does not have, in steps 0 to 1" in to_lines(
        result, "x.lock"
    )


def test_names_that_change_places_are_no_renames() -> None:
    swapped = (*tensors("stem")[:1], tensor("stem.weight", "3"), tensor("head.weight", "1"))
    assert find_renames(LOCKED, run_with(tensors=swapped))[0] == ()


def test_what_is_saved_besides_is_no_difference_and_what_is_left_otherwise_is() -> None:
    left = tensor("w", "5", "final", step=AFTER_ALL_STEPS)
    assert checked(*tensors("stem"), left, module="stem").state is State.EQUAL
    locked = run_with(tensors=(*tensors("stem"), left))
    other = run_with(
        tensors=(*tensors("stem"), tensor("w", "6", "final", step=AFTER_ALL_STEPS)),
    )
    result = compare_runs(Entry("train.py", runs=(locked,)), locked, other, Settings())
    lines = to_lines(result, "x.lock")
    assert lines[0].endswith("first at the final w at the end")
    assert "  1 of 6 tensors, at the end" in lines
