"""The table of interventions in what the outside world gives to a program."""

from __future__ import annotations

from reproaudit.knowledge.interventions_outside import SEED, TABLE

ENTRIES = {entry.id: entry for entry in TABLE}


def test_no_entry_changes_how_operators_compute() -> None:
    assert [entry.id for entry in TABLE if entry.acts_on.is_inside_operators] == []


def test_each_global_stream_is_seeded_by_one_entry() -> None:
    assert {entry.id: entry.streams for entry in TABLE if entry.streams} == {
        "seed.python": ("python",),
        "seed.numpy": ("numpy",),
        "seed.torch": ("torch.cpu", "torch.cuda:"),
    }


def test_what_a_program_may_not_survive_is_marked_so() -> None:
    harsh = [entry.id for entry in TABLE if entry.is_harsh]
    assert harsh == ["entropy.fixed", "threads.serial", "clock.fixed"]


def test_what_is_advised_seeds_with_the_number_that_was_tried() -> None:
    seeding = ("seed.python", "seed.numpy", "seed.torch")
    last_lines = [ENTRIES[name].patch[-1] for name in seeding]
    assert last_lines == [
        f"random.seed({SEED})",
        f"numpy.random.seed({SEED})",
        f"torch.manual_seed({SEED})",
    ]
