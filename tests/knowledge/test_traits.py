"""What an entry of the tables says about itself, and what follows from it."""

from __future__ import annotations

from reproaudit.config.settings import Settings
from reproaudit.knowledge.traits import Intervention, Part, rank_first
from reproaudit.model.cause import Cause


def make_intervention(repair: str, changes: Settings) -> Intervention:
    return Intervention(
        id="order.planted",
        what="planted",
        causes=(Cause.UNKNOWN,),
        acts_on=Part.ORDER,
        patch=("pass",),
        changes=changes,
        repair=repair,
    )


def test_an_entry_with_a_repair_asks_for_its_module_and_keeps_its_changes() -> None:
    entry = make_intervention("planted_order", Settings(threads=1))
    assert entry.module == "reproaudit.record.repairs.planted_order"
    assert entry.settings == Settings(threads=1, interventions=("order.planted",))


def test_an_entry_without_a_repair_is_its_changes_alone() -> None:
    entry = make_intervention("", Settings(threads=1))
    assert entry.module == ""
    assert entry.settings == Settings(threads=1)


def test_parts_inside_operators_are_those_that_never_change_what_a_program_gives_to_them() -> None:
    assert {part for part in Part if part.is_inside_operators} == {
        Part.KERNELS,
        Part.DEVICE,
        Part.THREADS,
        Part.CUDNN_CHOICE,
        Part.CUDNN,
        Part.CUBLAS,
        Part.ATTENTION,
    }


def test_calls_that_are_ranked_first_all_have_the_rank_one() -> None:
    assert rank_first("time.", "datetime.") == {"time.": 1, "datetime.": 1}
