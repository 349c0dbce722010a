"""The table of interventions in what the operating system gives to a process."""

from __future__ import annotations

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.interventions_process import TABLE


def test_addresses_are_suspected_after_all_else() -> None:
    names = list(INTERVENTIONS)
    assert names[-len(TABLE) :] == [entry.id for entry in TABLE]


def test_addresses_follow_from_the_hashes_of_strings_which_are_fixed_with_them() -> None:
    (entry,) = TABLE
    assert entry.settings.hash_seed == 0
    assert entry.needs_fresh_process
